import os
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from torch import Tensor, nn
from torch_fidelity.metric_fid import fid_features_to_statistics, fid_statistics_to_metric
from torch_fidelity.metric_isc import isc_features_to_metric
from torch_fidelity.metric_kid import kid_features_to_metric
from torchmetrics.image.fid import FrechetInceptionDistance

from crossimage.evaluation.galleries.images import images_in
from crossimage.evaluation.metrics import distribution, statistics
from crossimage.evaluation.metrics.distribution import (
    Statistics,
    fid,
    inception_score,
    kid,
    statistics_of,
)
from crossimage.evaluation.networks.inception import FeatureNetwork
from crossimage.evaluation.networks.open import open_features

CPU = torch.device("cpu")
DIM, CLASSES = 24, 7


class Averages(nn.Module):
    """Takes the pictures' first pixels for features, and some of them for logits."""

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        features = x.flatten(1)[:, :DIM] / 64
        return features, features[:, :CLASSES] * 2


FEATURES = FeatureNetwork(
    Averages(), DIM, CPU, "first pixels", "torch 0", "averages", comparable=True
)


def pictures(count: int, seed: int, shift: int = 0) -> Tensor:
    generator = torch.Generator().manual_seed(seed)
    x = torch.randint(0, 160, (count, 3, 3, 3), generator=generator)
    return (x + shift + 10 * torch.arange(9).reshape(3, 3)).clamp(0, 255).byte()


def seen(x: Tensor) -> Tensor:
    return FEATURES(x).features


def statistics_from(x: Tensor, batch: int = 32, seed: int = 0) -> Statistics:
    found = Statistics(FEATURES, seed)
    for images in x.split(batch):
        found.update(images)
    return found


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for i in range(6):
        rng = np.random.default_rng(i)
        array = rng.integers(0, 256, (20, 24, 3), dtype=np.uint8)
        (tmp_path / "pictures").mkdir(exist_ok=True)
        Image.fromarray(array).save(tmp_path / "pictures" / f"{i}.png")
    return tmp_path / "pictures"


def test_fid_agrees_with_torch_fidelity_and_torchmetrics() -> None:
    x, y = pictures(300, 1), pictures(200, 2, shift=20)
    found = fid(statistics_from(x), statistics_from(y))
    theirs = fid_statistics_to_metric(
        *(fid_features_to_statistics(seen(side).double()) for side in (x, y)), verbose=False
    )
    assert found.value == pytest.approx(theirs["frechet_inception_distance"], rel=1e-9)
    identity = nn.Identity()
    identity.num_features = DIM
    metric = FrechetInceptionDistance(feature=identity)
    metric.update(seen(x).double(), real=False)
    metric.update(seen(y).double(), real=True)
    assert found.value == pytest.approx(float(metric.compute()), rel=1e-9)
    assert found.value > 0.1
    assert found.interval is None


def test_kid_agrees_with_torch_fidelity() -> None:
    x, y = pictures(150, 1), pictures(150, 2, shift=20)
    theirs = kid_features_to_metric(
        seen(y).double(), seen(x).double(), kid_subsets=1, kid_subset_size=150, verbose=False
    )
    found = kid(statistics_from(x), statistics_from(y))
    assert found.value == pytest.approx(theirs["kernel_inception_distance_mean"], rel=1e-9)
    assert found.interval is None  # all subsets are the same
    assert "kernel, all 150 generated and 150 real images" in found.protocol
    assert found.note == "too few images for subsets of 1000"


def test_kid_over_subsets_agrees_with_torch_fidelity_within_chance(monkeypatch) -> None:
    monkeypatch.setattr(distribution, "SUBSET", 100)
    x, y = pictures(400, 1), pictures(300, 2, shift=20)
    theirs = kid_features_to_metric(
        seen(y).double(), seen(x).double(), kid_subsets=100, kid_subset_size=100, verbose=False
    )
    found = kid(statistics_from(x), statistics_from(y))
    spread = theirs["kernel_inception_distance_std"]
    assert abs(found.value - theirs["kernel_inception_distance_mean"]) < spread / 2
    assert "mean over 100 subsets of 100 of 400 generated" in found.protocol
    assert found.interval is not None
    low, high = found.interval
    assert high - low == pytest.approx(2 * 1.96 * spread, rel=0.3)
    assert low < found.value < high


def test_inception_score_agrees_with_torch_fidelity() -> None:
    x = pictures(1003, 1)
    gathered = statistics_from(x)
    _, splits = Statistics(FEATURES)._draw(len(x))
    assert gathered.sizes.max() - gathered.sizes.min() <= 1
    logits = FEATURES(x).logits.double()
    theirs = [
        isc_features_to_metric(logits[splits == k], splits=1, shuffle=False) for k in range(10)
    ]
    scores = [each["inception_score_mean"] for each in theirs]
    found = inception_score(gathered)
    assert found.value == pytest.approx(np.mean(scores), rel=1e-9)
    assert found.interval is not None
    assert found.interval[0] < found.value < found.interval[1]
    assert f"{np.std(scores):.2g}" in found.note


def test_inception_score_of_few_images_is_of_all_together() -> None:
    x = pictures(60, 1)
    theirs = isc_features_to_metric(FEATURES(x).logits, splits=1)
    found = inception_score(statistics_from(x))
    assert found.value == pytest.approx(theirs["inception_score_mean"], rel=1e-9)
    assert "one split instead of 10" in found.note


def test_equal_sets_have_no_distance() -> None:
    x = pictures(100, 1)
    assert fid(statistics_from(x), statistics_from(x)).value == pytest.approx(0, abs=1e-4)
    assert kid(statistics_from(x), statistics_from(x)).value < 0.01


def test_figures_do_not_depend_on_how_pictures_are_batched(monkeypatch) -> None:
    monkeypatch.setattr(statistics, "RESERVOIR", 50)
    one, other = (statistics_from(pictures(170, 1), batch) for batch in (1, 64))
    assert torch.equal(one.kept, other.kept)
    assert torch.equal(one.sizes, other.sizes)
    torch.testing.assert_close(one.outer, other.outer)
    torch.testing.assert_close(one.plogp, other.plogp)


def test_figures_of_one_seed_agree_exactly(monkeypatch) -> None:
    monkeypatch.setattr(statistics, "RESERVOIR", 50)

    def figures(seed: int) -> list[float]:
        fake = statistics_from(pictures(120, 1), seed=seed)
        real = statistics_from(pictures(130, 2), seed=seed)
        return [kid(fake, real).value, fid(fake, real).value, inception_score(fake).value]

    assert figures(3) == figures(3)
    assert figures(3)[0] != figures(4)[0]


def test_memory_does_not_grow_with_the_number_of_pictures(monkeypatch) -> None:
    monkeypatch.setattr(statistics, "RESERVOIR", 50)
    few, many = statistics_from(pictures(60, 1)), statistics_from(pictures(600, 1))
    sizes = [{k: x.shape for k, x in s.state().items()} for s in (few, many)]
    assert sizes[0] == sizes[1]


def test_every_picture_is_kept_with_the_same_probability(monkeypatch) -> None:
    monkeypatch.setattr(statistics, "RESERVOIR", 20)
    numbers = torch.arange(100, dtype=torch.uint8).reshape(-1, 1, 1, 1).expand(-1, 3, 3, 3)
    hits = torch.zeros(100)
    for seed in range(200):
        kept = statistics_from(numbers.contiguous(), 100, seed).kept[:, 0] * 64
        assert len(kept.unique()) == 20
        hits[kept.long()] += 1
    assert hits[:50].mean() == pytest.approx(40, abs=2)
    assert hits.min() > 15


def test_fewer_images_than_features_are_noted() -> None:
    few, many = statistics_from(pictures(20, 1)), statistics_from(pictures(100, 2))
    assert "rank-deficient: 20 images for 24 features" in fid(few, many).note
    assert fid(many, many).note == ""


@pytest.mark.parametrize("count", [0, 1])
def test_fewer_than_two_images_are_an_error(count: int) -> None:
    few, many = statistics_from(pictures(count, 1)), statistics_from(pictures(9, 2))
    with pytest.raises(ValueError, match=f"FID needs at least 2 generated images, found {count}"):
        fid(few, many)
    with pytest.raises(ValueError, match=f"KID needs at least 2 real images, found {count}"):
        kid(many, few)
    with pytest.raises(ValueError, match="IS needs at least 2 generated images"):
        inception_score(few)


def test_figures_tell_how_they_came_about() -> None:
    features = open_features("random", CPU)
    sides = []
    for seed in (1, 2):
        sides.append(Statistics(features, seed=5))
        sides[-1].update(pictures(12, seed))
    for figure in (fid(*sides), kid(*sides), inception_score(sides[0])):
        assert figure.count == 12
        assert not figure.comparable
        assert "of a small network of random" in figure.protocol
        assert "random" not in figure.note and "comparable" not in figure.note
        assert "12" in figure.protocol
        assert "torch " in figure.library
    assert "torchmetrics" in fid(*sides).library
    assert kid(*sides).seed == 5
    assert fid(*sides).seed is None


def test_statistics_are_found_again_by_content(folder: Path, tmp_path: Path) -> None:
    features, cache = open_features("random", CPU), tmp_path / "cache"
    first = statistics_of(images_in(folder), features, cache=cache)
    (file,) = cache.iterdir()

    class Unseen(type(images_in(folder))):  # type: ignore[misc]
        def __iter__(self) -> Iterator[Tensor]:
            raise AssertionError("decoded although known")

    again = statistics_of(Unseen(images_in(folder).paths), features, cache=cache)
    assert again.count == 6
    assert {k: x.tolist() for k, x in again.state().items()} == {
        k: x.tolist() for k, x in first.state().items()
    }
    assert fid(first, again).value == fid(first, first).value
    assert list(cache.iterdir()) == [file]


def test_changed_pictures_networks_and_seeds_are_gathered_anew(
    folder: Path, tmp_path: Path
) -> None:
    cache = tmp_path / "cache"
    features = open_features("random", CPU)
    statistics_of(images_in(folder), features, cache=cache)
    statistics_of(images_in(folder), features, seed=1, cache=cache)
    statistics_of(images_in(folder), FEATURES, cache=cache)
    Image.new("RGB", (24, 20)).save(folder / "0.png")
    statistics_of(images_in(folder), features, cache=cache)
    assert len(list(cache.iterdir())) == 4


def test_a_damaged_cache_is_gathered_anew(folder: Path, tmp_path: Path) -> None:
    features, cache = open_features("random", CPU), tmp_path / "cache"
    first = statistics_of(images_in(folder), features, cache=cache)
    (file,) = cache.iterdir()
    whole = file.read_bytes()
    for broken in (b"", b"noise", whole[:-40]):
        file.write_bytes(broken)
        again = statistics_of(images_in(folder), features, cache=cache)
        assert torch.equal(again.total, first.total)
        assert file.read_bytes() == whole


def test_a_cache_that_cannot_be_written_is_done_without(folder: Path, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    found = statistics_of(
        images_in(folder), open_features("random", CPU), cache=tmp_path / "file" / "cache"
    )
    assert found.count == 6


def test_the_cache_lies_where_caches_belong(monkeypatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", os.path.join(os.sep, "caches"))
    assert statistics.cache_folder() == Path(os.sep, "caches", "crossimage")
    monkeypatch.delenv("XDG_CACHE_HOME")
    assert statistics.cache_folder() == Path.home() / ".cache" / "crossimage"
