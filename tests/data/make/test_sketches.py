"""Line drawings of photos, and random strokes."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageDraw

from crossimage.config import Config
from crossimage.data.build import build_dataset, find_source
from crossimage.data.make.photo_pairs import PHOTO_MAKERS
from crossimage.data.make.sketches import make_noise_sketches, to_sketch

RNG = np.random.default_rng(0)


def disc(height: int, width: int, radius: int, noise: int = 0) -> np.ndarray:
    image = Image.new("RGB", (width, height), (200, 180, 90))
    x, y = width // 2, height // 2
    ImageDraw.Draw(image).ellipse((x - radius, y - radius, x + radius, y + radius), (20, 60, 120))
    pixels = np.asarray(image).astype(int)
    return (pixels + RNG.integers(-noise, noise + 1, pixels.shape)).clip(0, 255).astype(np.uint8)


def distances(sketch: np.ndarray) -> np.ndarray:
    """Distances of the strokes' pixels from the centre of a sketch."""
    rows, columns = np.nonzero(sketch < 128)
    return np.hypot(rows - sketch.shape[0] // 2, columns - sketch.shape[1] // 2)


@pytest.mark.parametrize("noise", [0, 6])
def test_the_sketch_of_a_disc_is_a_thin_closed_circle(noise: int) -> None:
    sketch = to_sketch(disc(120, 160, 40, noise), RNG)
    assert sketch.shape == (120, 160) and set(np.unique(sketch)) == {0, 255}
    found = distances(sketch)
    assert abs(found - 40).max() < 3
    assert 0.7 * 2 * np.pi * 40 < len(found) < 1.5 * 2 * np.pi * 40
    rows, columns = np.nonzero(sketch < 128)
    angles = np.arctan2(rows - 60, columns - 80)
    assert len(set((angles * 12 / np.pi).round())) >= 24  # all around


def test_strokes_of_large_photos_are_as_wide_in_proportion() -> None:
    small, large = (to_sketch(disc(3 * n, 4 * n, n), RNG) for n in (64, 256))
    shares = [(sketch < 128).mean() for sketch in (small, large)]
    assert shares[1] == pytest.approx(2 * shares[0] * 64 / 171, rel=0.5)
    assert abs(distances(large) - 256).max() < 12


@pytest.mark.parametrize("size", [(1, 1), (3, 500), (40, 40)])
def test_photos_without_edges_are_white_sheets(size: tuple[int, int]) -> None:
    sketch = to_sketch(np.full((*size, 3), 90, np.uint8), RNG)
    assert sketch.shape == size and (sketch == 255).all()


def test_specks_and_faint_gradients_are_left_out() -> None:
    photo = np.full((100, 100, 3), 128, np.uint8)
    photo[:, :, 0] += np.arange(100, dtype=np.uint8) // 4
    photo[50:52, 50:52] = 255
    assert (to_sketch(photo, RNG) == 255).all()


def test_sketches_and_photos_are_a_data_set(tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    for i in range(20):
        Image.fromarray(disc(40, 50, 8 + i % 7, 4)).save(tmp_path / "in" / f"{i}.jpg")
    make = PHOTO_MAKERS["sketches"]
    assert make(tmp_path / "a", photos=tmp_path / "in").summary == "20 pairs of sketch and photo"
    make(tmp_path / "b", photos=tmp_path / "in")
    files = sorted(p.relative_to(tmp_path / "a") for p in (tmp_path / "a").rglob("*.png"))
    assert len(files) == 40 and len({p.parts[:2] for p in files}) == 4
    for file in files:
        assert (tmp_path / "a" / file).read_bytes() == (tmp_path / "b" / file).read_bytes()
    names = ("sketch", "photo")
    config = Config(domains=names, channels=(1, 3), resize=0, crop=(32, 32))
    source = find_source(str(tmp_path / "a"), config)
    assert source.facts.domains == names
    assert build_dataset(source, config)[0].images["a"].shape == (1, 32, 32)


def test_noise_sketches_are_different_strokes_by_the_seed_alone(tmp_path: Path) -> None:
    for name, seed in (("a", 0), ("b", 0), ("c", 1)):
        make_noise_sketches(tmp_path / name, seed=seed, count=5, size=64)

    def sheets(name: str) -> list[bytes]:
        return [path.read_bytes() for path in sorted((tmp_path / name).iterdir())]

    assert sheets("a") == sheets("b") and not set(sheets("a")) & set(sheets("c"))
    assert len(set(sheets("a"))) == 5
    for path in (tmp_path / "a").iterdir():
        pixels = np.asarray(Image.open(path))
        assert pixels.shape == (64, 64) and 0 < (pixels < 128).mean() < 0.2


@pytest.mark.parametrize("given", [{"count": 0}, {"size": 8}])
def test_impossible_numbers_of_noise_sketches_are_refused(tmp_path: Path, given: dict) -> None:
    with pytest.raises(ValueError, match="at least 1 and a size of at least 16"):
        make_noise_sketches(tmp_path / "out", **given)
    assert not (tmp_path / "out").exists()
