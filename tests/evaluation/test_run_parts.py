"""Figures of several targets: means over them, hand-computed, or of all outputs together."""

from itertools import combinations
from pathlib import Path

import pytest
import torch

import crossimage
from crossimage.evaluation.galleries.base import GalleryItem
from crossimage.evaluation.galleries.domain_pairs import open_domain_pairs
from crossimage.evaluation.galleries.few_shot import open_few_shot
from crossimage.evaluation.galleries.labels import LabelGallery
from crossimage.evaluation.metrics.distribution import fid
from crossimage.evaluation.metrics.statistics import Statistics
from crossimage.evaluation.networks.open import MetricNetworks
from crossimage.evaluation.report.page import Evaluation
from crossimage.evaluation.run_metrics import choose
from crossimage.evaluation.run_parts import run_parts
from tests.evaluation import helpers
from tests.evaluation.helpers import Lpips, networks, setup
from tests.evaluation.targets import Repainted, Tinted, class_images, model

CLASSES = ("cat", "dog", "wild")


@pytest.fixture(autouse=True)
def _cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))


@pytest.fixture(scope="module")
def animals(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("animals")
    return class_images(root, dict.fromkeys(CLASSES, 4), dict.fromkeys(CLASSES, 3))


def evaluated(
    gallery: object, *names: str, own: MetricNetworks | None = None, samples: int | None = None
) -> Evaluation:
    amounts = helpers.Amounts(samples=samples)
    one = setup(gallery, own, amounts)  # type: ignore[arg-type]
    (choice,) = choose(names, [one])
    return run_parts(one, choice.names)


def test_the_distance_is_the_mean_over_the_pairs_of_all_outputs(animals: Path) -> None:
    for gallery in open_domain_pairs("run", model(Tinted, *CLASSES), str(animals), 0):
        figure = evaluated(gallery, "fid")["fid"]
        network, values = networks().features, []
        for part in gallery.parts:
            fake, real = Statistics(network), Statistics(network)
            for item in part.items(None, None):
                fake.update(item.outputs)
            for images in part.real:
                real.update(images)
            assert (fake.count, real.count) == (30, 4)
            values.append(fid(fake, real).value)
        assert figure.value == pytest.approx(sum(values) / 6, rel=1e-6)
        assert figure.count == 6 * 30 and figure.interval is None
        assert figure.note.startswith(f"from {min(values):.4g} (")
        assert len(figure.warnings) == 1  # one for all pairs, though each has its own


def test_the_diversity_is_that_of_all_45_pairs_of_ten_outputs(animals: Path) -> None:
    latent, _ = open_domain_pairs("run", model(Tinted, *CLASSES), str(animals), 0)
    found = evaluated(latent, "lpips_pairs")
    assert [f.name for f in found.figures] == ["lpips_pairs", "lpips_real", "lpips_inputs"]

    def of(item: GalleryItem) -> float:
        distances = [Lpips()(a[None], b[None]) for a, b in combinations(item.outputs, 2)]
        assert len(distances) == 45
        return float(torch.cat(distances).double().mean())

    values = [sum(map(of, part.items(None, 10))) / 3 for part in latent.parts]
    assert found["lpips_pairs"].value == pytest.approx(sum(values) / 6, rel=1e-6)
    assert found["lpips_pairs"].count == 6 * 3 * 45
    assert "3 inputs with 45 pairs each" in found["lpips_pairs"].protocol


def test_what_is_not_a_mean_over_targets_is_left_out_with_a_reason(animals: Path) -> None:
    latent, _ = open_domain_pairs("run", model(Tinted, *CLASSES), str(animals), 0)
    one = setup(latent, networks("cat", "dog"))
    (choice,) = choose((), [one])
    assert {"fid", "kid", "lpips_pairs"} <= {*choice.names}
    assert not {"is", "lpips", "cis", "psnr", "dipd", "translation_accuracy"} & {*choice.names}
    assert "not a mean over several targets" in choice.missing["is"]
    with pytest.raises(ValueError, match="no class of the target domain's name, 'wild'"):
        choose(("error",), [one])
    with pytest.raises(ValueError, match="lpips is the diversity of the outputs for one target"):
        gallery = LabelGallery("run", model(Tinted, *CLASSES), str(animals), "dog", 0)
        choose(("lpips_pairs",), [setup(gallery)])


def test_the_error_of_every_pair_is_that_of_its_own_target(animals: Path) -> None:
    data = model(Tinted, "cat", "dog")
    root = animals.parent / "two"
    class_images(root, {"cat": 3, "dog": 3}, {"cat": 2, "dog": 2})
    latent, _ = open_domain_pairs("run", data, str(root), 0)
    own = networks("cat", "dog")  # which takes what is bright for a dog
    expected = []
    for part in latent.parts:
        light = (
            torch.stack([item.outputs for item in part.items(None, None)]).float().mean((2, 3, 4))
        )
        dogs = (light > 127.5).double().mean()
        expected.append(float(1 - dogs if part.target == "dog" else dogs))
    assert evaluated(latent, "error", own=own)["error"].value == pytest.approx(sum(expected) / 2)


def test_the_mean_over_classes_of_a_few_shot_model(tmp_path: Path) -> None:
    data = class_images(tmp_path, {"a": 3, "b": 3}, {"u": 4, "v": 3})
    gallery = open_few_shot("run", model(Repainted, "a", "b"), str(data), None, 2, 0)
    found = evaluated(gallery, "fid")
    single = [
        evaluated(open_few_shot("run", model(Repainted, "a", "b"), str(data), one, 2, 0), "fid")
        for one in "uv"
    ]
    assert found["fid"].value == pytest.approx(sum(one["fid"].value for one in single) / 2)
    with pytest.raises(ValueError, match="needs at least 2 outputs per input; give --samples 2"):
        evaluated(gallery, "lpips_pairs")
    assert evaluated(gallery, "lpips_pairs", samples=2)["lpips_pairs"].value > 0


def test_a_part_that_fails_leaves_no_mean(tmp_path: Path) -> None:
    data = class_images(tmp_path, {"a": 3, "b": 3}, {"u": 4, "v": 1})
    gallery = open_few_shot("run", model(Repainted, "a", "b"), str(data), None, 1, 0)
    with pytest.raises(ValueError, match="at least 2 real images, found 1"):
        evaluated(gallery, "fid")


def test_both_modes_are_rows_of_the_report(animals: Path, tmp_path: Path) -> None:
    result = crossimage.evaluate(
        model(Tinted, *CLASSES), data=animals, out=tmp_path, metrics="fid", features="random",
        device="cpu",
    )  # fmt: skip
    latent, reference = result
    assert latent.title == "Tinted (latent)" and reference.title == "Tinted (reference)"
    assert latent["fid"].value != reference["fid"].value
    assert "means over 6 ordered pairs of domains (cat to dog, cat to wild" in str(result)
    again = crossimage.evaluate(
        model(Tinted, *CLASSES), data=animals, metrics="fid", features="random", device="cpu"
    )
    assert [run["fid"].value for run in again] == [run["fid"].value for run in result]
