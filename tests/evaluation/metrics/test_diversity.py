"""Diversity: LPIPS between neighbours, and CIS beside direct computation."""

import itertools
import math
from collections.abc import Iterable
from pathlib import Path

import pytest
import torch
from PIL import Image
from torch import Tensor

from crossimage.evaluation.galleries.base import FolderGallery
from crossimage.evaluation.galleries.images import ImageStream, read_rgb
from crossimage.evaluation.galleries.translations import TranslationGallery
from crossimage.evaluation.metrics.base import Amounts
from crossimage.evaluation.metrics.diversity import ClassScores
from crossimage.evaluation.report.figures import Figure
from tests.evaluation.helpers import Classifier, evaluated, model, networks, pictures
from tests.evaluation.helpers import values as values_of


def scores(probabilities: Iterable[Tensor]) -> list[Figure]:
    gathered = ClassScores()
    for own in probabilities:
        gathered.update(own)
    return gathered.figures()


def values(probabilities: Iterable[Tensor]) -> dict[str, float]:
    return {figure.name: figure.value for figure in scores(probabilities)}


def test_scores_are_those_of_direct_computation() -> None:
    p = torch.randn(7, 5, 4, generator=torch.Generator().manual_seed(0)).mul(2).softmax(2).double()
    own = p.mean(1, keepdim=True)
    of_input = (p * (p / own).log()).sum(2).mean(1)
    of_all = (p * (p / p.mean((0, 1))).log()).sum(2).mean()
    found = values(p.float())
    assert found["cis"] == pytest.approx(float(of_input.mean()), rel=1e-6)
    assert found["is_classes"] == pytest.approx(float(of_all), rel=1e-6)
    assert found["cis_exp"] == pytest.approx(math.exp(found["cis"]))
    assert found["is_classes_exp"] == pytest.approx(math.exp(found["is_classes"]))


def test_varied_confident_outputs_count_their_classes() -> None:
    sure = torch.eye(4)
    found = values([sure[:2], sure[2:]])  # each input two classes, four in all
    expected = {"cis": math.log(2), "cis_exp": 2, "is_classes": math.log(4), "is_classes_exp": 4}
    assert found == pytest.approx(expected)


def test_outputs_that_are_all_alike_have_no_conditional_score() -> None:
    a, b = torch.tensor([1.0, 0.0]).expand(9, 2), torch.tensor([0.3, 0.7]).expand(9, 2)
    found = values([a, b])
    assert found["cis"] == pytest.approx(0, abs=1e-12) and found["is_classes"] > 0.1


def test_scores_state_their_outputs_and_their_interval_over_inputs() -> None:
    p = torch.randn(6, 5, 4, generator=torch.Generator().manual_seed(0)).softmax(2)
    cis, cis_exp, inception, _ = scores(p)
    assert {cis.count, cis_exp.count, inception.count} == {30}
    assert cis.interval is not None and cis.interval[0] < cis.value < cis.interval[1]
    assert cis_exp.interval == pytest.approx(tuple(map(math.exp, cis.interval)))
    assert inception.interval is None
    with pytest.raises(ValueError, match="needs outputs, found none"):
        scores([])


def test_lpips_of_a_folder_is_that_of_neighbouring_outputs(tmp_path: Path) -> None:
    names = [f"{name}_{k}.png" for name in "abc" for k in (1, 2, 3)]
    fake = pictures(tmp_path / "fake", *names)
    gallery = FolderGallery(fake, pictures(tmp_path / "real", "x.png", "y.png"))
    found = evaluated(gallery, "lpips")
    means = []
    for item in gallery.items(None, None):
        y = item.outputs.double() / 255
        means.append(((y[0] - y[1]).abs().mean() + (y[1] - y[2]).abs().mean()) / 2)
    assert values_of(found)["lpips"] == pytest.approx(float(sum(means) / 3), rel=1e-5)
    assert found.figures[0].count == 6 and found.figures[0].interval is not None
    least, most = found.blocks
    assert [strip.caption for strip in least.strips] == [
        strip.caption for strip in reversed(most.strips)
    ]
    assert len(most.strips[0].images) == 3


def test_the_diversity_of_real_pairs_stands_beside_that_of_the_outputs(folders: Path) -> None:
    gallery = TranslationGallery("run", model(), str(folders), "edges", 0)
    paths = [*folders.glob("trainA/*.png")]
    gallery.real = ImageStream(paths, lambda path: read_rgb(path)[:, :9, :9])
    lpips, real, _ = evaluated(gallery, "lpips").figures
    (x,) = gallery.real
    distances = [
        float((x[i].float() - x[j].float()).abs().mean()) / 255
        for i, j in itertools.combinations(range(7), 2)
    ]
    assert (lpips.name, real.name) == ("lpips", "lpips_real")
    assert real.count == 21 and real.value == pytest.approx(sum(distances) / 21, rel=1e-5)
    assert real.note == "21 pairs instead of 1900, because there are too few images"
    assert real.seed == 0 and "random pairs of 7 images" in real.protocol
    found = [
        evaluated(gallery, "lpips", amounts=Amounts(3, 5, seed)).figures[1] for seed in (0, 0, 1)
    ]
    assert found[0] == found[1] and found[0].value != found[2].value
    assert found[0].count == 12 and not found[0].note


def test_folders_and_single_real_images_have_no_real_pairs(folders: Path, tmp_path: Path) -> None:
    stem = min(path.stem for path in (folders / "trainA").iterdir())
    fake = pictures(tmp_path / "fake", f"{stem}_1.png", f"{stem}_2.png")
    found = evaluated(FolderGallery(fake, folders / "trainA"), "lpips")
    assert [figure.name for figure in found.figures] == ["lpips"]
    gallery = TranslationGallery("run", model(), str(folders), None, 0)
    gallery.real = ImageStream(gallery.real.paths[:1], gallery.real.read)
    found = evaluated(gallery, "lpips")
    assert [figure.name for figure in found.figures] == ["lpips", "lpips_inputs"]


def results(folder: Path, images: Tensor, prefix: str = "") -> Path:
    """Write outputs (inputs, k, H, W, 3) as a folder of results."""
    folder.mkdir(parents=True)
    for i, outputs in enumerate(images):
        for k, pixels in enumerate(outputs, 1):
            Image.fromarray(pixels.numpy()).save(folder / f"{prefix}{i:02d}_{k}.png")
    return folder


def test_outputs_that_hardly_depend_on_the_input_are_marked_as_collapsed(tmp_path: Path) -> None:
    draw = torch.Generator().manual_seed(0)
    noise = torch.randint(256, (5, 2, 16, 16, 3), generator=draw, dtype=torch.uint8)
    real = results(tmp_path / "real", noise, "real")
    for name, images in (("varied", noise), ("collapsed", noise[:1] // 4 * 4 + noise // 64)):
        gallery = FolderGallery(results(tmp_path / name, images), real)
        gallery.same_size = True
        _, of_real, spread = evaluated(gallery, "lpips").figures
        assert spread.name == "lpips_inputs" and spread.count == 10
        first = images[:, 0].double() / 255
        pairs = itertools.combinations(range(5), 2)
        expected = sum(float((first[i] - first[j]).abs().mean()) for i, j in pairs) / 10
        assert spread.value == pytest.approx(expected, rel=1e-5)
        collapsed = spread.value < of_real.value / 3
        assert bool(spread.warnings) == collapsed == (name == "collapsed")


def test_cis_sees_many_outputs_of_each_input(folders: Path) -> None:
    seen: list[Tensor] = []

    class Watched(Classifier):
        def probabilities(self, images: Tensor) -> Tensor:
            seen.append(super().probabilities(images))
            return seen[-1]

    own = networks("edges", "shoes")
    own.__dict__["classifier"] = Watched("edges", "shoes")
    gallery = TranslationGallery("run", model(), str(folders), None, 0)
    found = evaluated(gallery, "cis", own=own)
    assert [tuple(p.shape) for p in seen] == [(100, 2), (100, 2)]
    assert "2 inputs with 100 outputs each" in found.figures[0].protocol
    least, most = found.blocks
    assert least.title == "Inputs of least diversity by CIS" and len(most.strips) == 2
    assert [s.caption for s in least.strips] == [s.caption for s in reversed(most.strips)]
