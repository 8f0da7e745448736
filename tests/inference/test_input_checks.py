"""Label maps of class numbers among the inputs of models that may know them in colours."""

from pathlib import Path

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from PIL import Image

from crossimage.inference.input_checks import CLASS_NUMBERS, class_number_note
from tests.inference.test_halves import model

GENERATOR = np.random.default_rng(0)


def areas(high: int) -> NDArray[np.uint8]:
    """Return a label map of areas of 8 x 8 pixels."""
    numbers = GENERATOR.integers(0, high + 1, (4, 6), np.uint8)
    numbers[0, 0], numbers[3, 5] = 0, high
    return np.kron(numbers, np.ones((8, 8), np.uint8))


def of_void(numbers: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Return a label map some of whose pixels belong to no class."""
    return np.where(numbers == numbers[0, 0], 255, numbers).astype(np.uint8)


def dark_photo(high: int) -> NDArray[np.uint8]:
    """Return a dark photo at night: black at the top, and noise on a gradient below."""
    rows = np.clip(np.linspace(-high, high, 32), 0, high)[:, None]
    noisy = rows + GENERATOR.normal(0, high / 16, (32, 48)) * (rows > 0)
    return np.clip(noisy.round(), 0, high).astype(np.uint8)


def palette(numbers: NDArray[np.uint8], *, gray: bool) -> Image.Image:
    image = Image.fromarray(numbers, "P")
    image.putpalette([v if gray else v * k % 256 for v in range(256) for k in (1, 53, 97)])
    return image


def tensor(image: NDArray[np.uint8]) -> torch.Tensor:
    return torch.from_numpy(image.astype(np.float32) / 127.5 - 1)[None].repeat(3, 1, 1)


@pytest.mark.parametrize(
    "image",
    [
        Image.fromarray(areas(1)),
        Image.fromarray(areas(11)),
        Image.fromarray(of_void(areas(20))),
        Image.fromarray(areas(33).astype(np.uint16)),
        palette(areas(11), gray=True),
        areas(11),
        Image.merge("RGB", [Image.fromarray(areas(3))] * 3).convert("L"),
    ],
)
def test_label_maps_of_class_numbers_are_noted(
    image: Image.Image | NDArray[np.uint8], tmp_path: Path
) -> None:
    trained = model("paired")
    with pytest.warns(UserWarning, match="^1 image: nearly black, like a label map") as warned:
        trained.translate(image, "blue", seed=0)
    assert {warning.filename for warning in warned} == {__file__}
    for name in ("a.png", "b.png"):
        made = image if isinstance(image, Image.Image) else Image.fromarray(image)
        made.save(tmp_path / name)
    report = trained.translate_files(tmp_path, tmp_path / "out", "blue", seed=0)
    assert f"2 inputs: {CLASS_NUMBERS} ({tmp_path / 'a.png'})" in report.notes


@pytest.mark.parametrize(
    "image",
    [
        dark_photo(12),
        dark_photo(31),
        dark_photo(63),
        areas(1) * 255,  # a mask
        areas(3) * 60,  # gray, and not dark
        np.zeros((32, 48), np.uint8),
        np.full((32, 48), 7, np.uint8),
        np.full((32, 48), 255, np.uint8),
    ],
)
def test_dark_images_masks_and_drawings_are_not(image: NDArray[np.uint8]) -> None:
    assert class_number_note(model().networks, tensor(image)) == ""


def test_coloured_label_maps_are_not() -> None:
    image = np.asarray(palette(areas(11), gray=False).convert("RGB"))
    x = torch.from_numpy(image.astype(np.float32) / 127.5 - 1).permute(2, 0, 1)
    assert class_number_note(model().networks, x) == ""


def test_models_that_learn_class_numbers_or_labels_get_no_note() -> None:
    x, trained = tensor(areas(11)), model("paired")
    assert class_number_note(trained.networks, x) == CLASS_NUMBERS
    assert class_number_note(trained.networks, x[:1]) == "", "a gray model learned gray images"
    trained.networks.classes = 12
    assert class_number_note(trained.networks, x) == ""
    assert class_number_note(model("labelled").networks, x) == ""
