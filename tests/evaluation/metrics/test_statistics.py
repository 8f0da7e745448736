"""Statistics do not depend on batches, stay small, and are found again by content."""

import os
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from torch import Tensor

from crossimage.evaluation.galleries.images import images_in
from crossimage.evaluation.metrics import statistics
from crossimage.evaluation.metrics.distribution import (
    fid,
    statistics_of,
)
from crossimage.evaluation.networks.open import open_features
from tests.evaluation.features import CPU, FEATURES, images, statistics_from


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for i in range(6):
        rng = np.random.default_rng(i)
        array = rng.integers(0, 256, (20, 24, 3), dtype=np.uint8)
        (tmp_path / "pictures").mkdir(exist_ok=True)
        Image.fromarray(array).save(tmp_path / "pictures" / f"{i}.png")
    return tmp_path / "pictures"


def test_figures_do_not_depend_on_how_pictures_are_batched(monkeypatch) -> None:
    monkeypatch.setattr(statistics, "RESERVOIR", 50)
    one, other = (statistics_from(images(170, 1), batch) for batch in (1, 64))
    assert torch.equal(one.kept, other.kept)
    assert torch.equal(one.sizes, other.sizes)
    torch.testing.assert_close(one.outer, other.outer)
    torch.testing.assert_close(one.plogp, other.plogp)


def test_memory_does_not_grow_with_the_number_of_images(monkeypatch) -> None:
    monkeypatch.setattr(statistics, "RESERVOIR", 50)
    few, many = statistics_from(images(60, 1)), statistics_from(images(600, 1))
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
