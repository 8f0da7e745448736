"""Streams of pictures keep their order, their memory and their identity."""

import threading
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from crossimage.evaluation.galleries.images import (
    ImageStream,
    as_uint8,
    center_square,
    images_in,
    prefetch,
    to_rgb,
)


def _save(path: Path, shape: tuple[int, ...], seed: int = 0) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    pixels = np.random.default_rng(seed).integers(0, 256, shape, np.uint8)
    Image.fromarray(pixels).save(path)
    return path


def test_batches_hold_neighbours_of_one_size_in_order(tmp_path: Path) -> None:
    heights = [8, 8, 8, 10, 8]
    for i, height in enumerate(heights):
        _save(tmp_path / f"{i}.png", (height, 6, 3), i)
    pictures = images_in(tmp_path, batch_size=2)
    batches = list(pictures)
    assert [tuple(b.shape) for b in batches] == [
        (2, 3, 8, 6), (1, 3, 8, 6), (1, 3, 10, 6), (1, 3, 8, 6)
    ]  # fmt: skip
    assert len(pictures) == 5 and all(batch.dtype == torch.uint8 for batch in batches)
    assert all(torch.equal(x, y) for x, y in zip(batches, pictures, strict=True))
    expected = np.asarray(Image.open(tmp_path / "1.png"))
    assert np.array_equal(batches[0][1].permute(1, 2, 0).numpy(), expected)


def test_gray_and_transparent_pictures_become_rgb(tmp_path: Path) -> None:
    _save(tmp_path / "gray.png", (4, 4))
    _save(tmp_path / "rgba.png", (4, 4, 4), 1)
    _save(tmp_path / "rgb.png", (4, 4, 3), 2)
    pictures = images_in(tmp_path)
    (batch,) = pictures
    assert batch.shape == (3, 3, 4, 4) and pictures.gray == 1
    assert torch.equal(batch[0, 0], batch[0, 2])


def test_the_digest_tells_contents_order_and_preparation_but_not_names(tmp_path: Path) -> None:
    a, b = _save(tmp_path / "a.png", (4, 4, 3)), _save(tmp_path / "b.png", (4, 4, 3), 1)
    moved = tmp_path / "other" / "x.png"
    moved.parent.mkdir()
    moved.write_bytes(a.read_bytes())
    whole = ImageStream([a, b]).digest
    assert ImageStream([moved, b]).digest == whole
    others = [ImageStream([b, a]), ImageStream([a]), ImageStream([a, b], preparation="cropped")]
    assert len({whole, *(other.digest for other in others)}) == 4


def test_an_unreadable_file_is_named(tmp_path: Path) -> None:
    _save(tmp_path / "a.png", (4, 4, 3))
    (tmp_path / "b.png").write_bytes(b"no picture")
    with pytest.raises(ValueError, match=r"b\.png can't be read"):
        list(images_in(tmp_path))


def test_folders_without_pictures_are_refused(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match="there is no folder"):
        images_in(tmp_path / "none")
    with pytest.raises(ValueError, match="holds no images"):
        images_in(tmp_path)


def test_threads_read_only_so_far_ahead() -> None:
    started, lock = [], threading.Lock()

    def read(number: int) -> int:
        with lock:
            started.append(number)
        return number

    stream = prefetch(read, range(1000), 10)
    assert [next(stream) for _ in range(20)] == list(range(20))
    assert len(started) <= 31
    stream.close()


def test_floats_and_gray_tensors_become_bytes_and_rgb() -> None:
    x = torch.tensor([-1.0, -2, 1, 0.0]).reshape(1, 1, 2, 2)
    assert as_uint8(x).flatten().tolist() == [0, 0, 255, 128]
    assert to_rgb(as_uint8(x)).shape == (1, 3, 2, 2)
    with pytest.raises(ValueError, match="5 channels"):
        to_rgb(torch.zeros(5, 2, 2, dtype=torch.uint8))
    clear = torch.tensor([9, 9, 9, 0], dtype=torch.uint8).reshape(4, 1, 1)
    assert to_rgb(clear).flatten().tolist() == [255, 255, 255]


def test_pictures_are_fitted_by_their_middle() -> None:
    x = torch.rand(1, 3, 9, 21)
    assert torch.equal(center_square(x, 9), x[..., 6:15])
    assert center_square(torch.rand(1, 3, 40, 30), 9).shape == (1, 3, 9, 9)
