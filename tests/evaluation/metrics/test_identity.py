"""Identity, by a face network that sees nothing but the mean colour."""

from pathlib import Path

import pytest
from torch.nn.functional import cosine_similarity

from crossimage.evaluation.galleries.base import FolderGallery
from crossimage.evaluation.galleries.translations import TranslationGallery
from crossimage.evaluation.networks.open import MetricNetworks
from tests.evaluation.helpers import chosen, evaluated, model, networks, pictures


def with_face_network(threshold: float) -> MetricNetworks:
    result = networks(face=True)
    result.face_threshold = threshold
    return result


def test_it_compares_every_output_with_its_input(folders: Path) -> None:
    gallery = TranslationGallery("run", model(), str(folders), "edges", 0)
    similarities = []
    for item in gallery.items(None, None):
        assert item.input is not None
        x, y = (image.float().mean((-1, -2)) - 128 for image in (item.input, item.outputs[0]))
        similarities.append(float(cosine_similarity(x, y, 0)))
    middle = sorted(similarities)[len(similarities) // 2]
    found = evaluated(gallery, "identity", own=with_face_network(middle - 1e-6))
    identity, verified = found.figures
    assert identity.value == pytest.approx(sum(similarities) / len(similarities), rel=1e-5)
    above = sum(similarity >= middle for similarity in similarities)
    assert verified.value == pytest.approx(above / len(similarities))
    assert not identity.comparable
    assert "a stand-in" in identity.protocol


def test_an_unchanged_face_is_verified_for_certain(folders: Path) -> None:
    gallery = TranslationGallery("run", model(), str(folders), "edges", 0)
    gallery.model.networks.translate = lambda x, to, style=None: x  # type: ignore[method-assign]
    identity, verified = evaluated(gallery, "identity", own=with_face_network(0.999)).figures
    assert identity.value == pytest.approx(1, abs=1e-4)
    assert verified.value == 1


def test_it_needs_a_face_network_and_known_inputs(folders: Path, tmp_path: Path) -> None:
    gallery = TranslationGallery("run", model(), str(folders), "edges", 0)
    with pytest.raises(ValueError, match="--face-network FILE"):
        chosen(("identity",), gallery)
    fake = pictures(tmp_path / "fake", "a.png", "b.png")
    of_folder = FolderGallery(fake, folders / "trainA")
    with pytest.raises(ValueError, match="inputs of these images are not known"):
        chosen(("identity",), of_folder, with_face_network(0.5))
