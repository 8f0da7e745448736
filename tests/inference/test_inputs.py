"""What users may pass as images, and what comes back for it."""

from io import BytesIO, StringIO
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from crossimage.inference.inputs import fit_codes, is_single, read_inputs

ARRAY = np.random.default_rng(0).integers(0, 256, (6, 9, 3), np.uint8)
TENSOR = torch.from_numpy(ARRAY / 127.5 - 1).float().permute(2, 0, 1)[None]


def encoded(format: str = "PNG") -> bytes:
    file = BytesIO()
    Image.fromarray(ARRAY).save(file, format)
    return file.getvalue()


@pytest.mark.parametrize(
    "image",
    [ARRAY, Image.fromarray(ARRAY), encoded(), bytearray(encoded("BMP")), BytesIO(encoded("TIFF"))],
)
def test_every_kind_of_image_gives_the_same_tensor(image: Any) -> None:
    assert is_single(image) and not is_single([image])
    inputs = read_inputs(image, 3)
    torch.testing.assert_close(inputs.joined(), TENSOR)
    assert len(inputs) == 1


def test_files_and_paths_are_read(tmp_path: Path) -> None:
    path = tmp_path / "x.png"
    path.write_bytes(encoded())
    with path.open("rb") as file:
        inputs = read_inputs([path, str(path), file], 3)
    assert len(inputs) == 3
    for batch in inputs.batches:
        torch.testing.assert_close(batch, TENSOR)


def test_a_file_is_read_from_where_it_is(tmp_path: Path) -> None:
    file = BytesIO(b"header" + encoded())
    file.seek(6)
    torch.testing.assert_close(read_inputs(file, 3).joined(), TENSOR)
    with pytest.raises(ValueError, match=r"the file object is at its end; .* seek\(0\)"):
        read_inputs(file, 3)


def test_gray_and_colours_become_what_the_model_takes() -> None:
    gray = ARRAY[:, :, 0]
    for array in (gray, gray[:, :, None]):
        x = read_inputs(array, 3).joined()
        assert x.shape == (1, 3, 6, 9) and torch.equal(x[:, 0], x[:, 2])
        assert torch.equal(read_inputs(array, 1).joined(), x[:, :1])
    assert read_inputs(ARRAY, 1).joined().shape == (1, 1, 6, 9)
    assert read_inputs(np.zeros((6, 9, 5), np.uint8), 5).joined().shape == (1, 5, 6, 9)


def test_views_and_frozen_arrays_are_taken() -> None:
    turned = np.ascontiguousarray(ARRAY[..., ::-1])[..., ::-1]
    turned.flags.writeable = False
    torch.testing.assert_close(read_inputs(turned, 3).joined(), TENSOR)


@pytest.mark.parametrize(
    ("image", "message"),
    [
        (None, "expected a float tensor .* or one or several PIL images.*; found NoneType"),
        (3, "found int"),
        ([None], "expected a list of PIL images, .* found NoneType"),
        (["x.png", 3], "there is no image x.png"),
        ({"x": 1}, "found dict"),
        (torch.zeros(1, 1, 6, 9), r"of 3 channels, .*; for gray images use x\.expand"),
        (torch.zeros(1, 4, 6, 9), r"of 3 channels, .*; leave out the opacity with x\[:, :3\]"),
        (torch.zeros(1, 6, 9, 3), r"channels come before .* x\.permute\(0, 3, 1, 2\)"),
        (torch.zeros(1, 3, 0, 9), "expected at least one pixel"),
        (torch.zeros(1, 3, 6, 9, dtype=torch.bool), "expected a float tensor .* found torch.bool"),
        (torch.full((1, 3, 6, 9), torch.inf), "found inf to inf"),
        (torch.full((1, 3, 1, 1), torch.nan), "found nan 3 times"),
        (ARRAY > 9, r"found bool; convert it with x\.astype\('uint8'\) \* 255"),
        (ARRAY.astype(int), r"found int64; convert values in 0\.\.255 with x\.astype\('uint8'\)"),
        (ARRAY * 257.0, r"found float64; convert values in \[0, 1\]"),
        (ARRAY.astype(float), r"found float64; convert values in 0\.\.255 with x\.round\(\)"),
        (ARRAY.astype(object), "found object; give the values of its pixels"),
        ([TENSOR[0]], r"found Tensor; stack tensors into one \(N, C, H, W\)"),
        ([], "list of images is empty"),
        (ARRAY / 255, r"expected an array of uint8, found float64; convert .* \(x \* 255\)"),
        (ARRAY.astype(np.uint16) * 257, r"uint8, found uint16; .* 0\.\.65535 with \(x / 257\)"),
        (ARRAY[None], r"found the shape \(1, 6, 9, 3\); give several images as a list of arrays"),
        (ARRAY[0, 0], r"expected an array \(H, W\) or \(H, W, C\), found the shape \(3,\)"),
        (ARRAY.transpose(2, 0, 1), r"\(H, W, 3\) .* found the shape \(3, 6, 9\); channels come"),
        (ARRAY[:, :, :2], r"expected an array \(H, W, 3\) of 3 channels, found .* \(6, 9, 2\)$"),
        (ARRAY[:0], r"expected at least one pixel, found an array of the shape \(0, 9, 3\)"),
        (Image.new("RGB", (0, 4)), "expected at least one pixel, found an image of 0x4"),
        (b"", "expected the bytes of an encoded image, found none"),
        (b"no image", "the image can't be read"),
        (BytesIO(b"no image"), "the file object can't be read"),
        (BytesIO(), "the file object is at its end"),
        (StringIO("text"), "the file object is open as text; open it in binary mode, 'rb'"),
    ],
)
def test_what_is_no_image_is_refused_in_one_sentence(image: Any, message: str) -> None:
    with pytest.raises((ValueError, FileNotFoundError), match=message) as caught:
        read_inputs(image, 3)
    assert "\n" not in str(caught.value)


def test_a_folder_is_not_an_image(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="is a folder, expected an image; translate_files takes"):
        read_inputs(tmp_path, 3)


@pytest.mark.parametrize(
    ("x", "message"),
    [
        (TENSOR / 2 + 0.5, r"found 0 to 0.9\d*, the range of images in \[0, 1\]; .* x \* 2 - 1"),
        (TENSOR * 0.53 + 0.5, "the range of images in"),  # resized, with overshoot
        ((TENSOR / 2 + 0.05) / 0.225, "undo the normalisation of other networks"),
    ],
)
def test_tensors_of_other_ranges_are_warned_of(x: torch.Tensor, message: str) -> None:
    with pytest.warns(UserWarning, match=message):
        assert torch.equal(read_inputs(x, 3).joined(), x)


@pytest.mark.parametrize("x", [TENSOR * 0, TENSOR * 0 + 1, TENSOR * 1.3, TENSOR.clamp(-0.3)])
def test_unusual_images_need_no_warning(x: torch.Tensor) -> None:
    read_inputs(x, 3)  # warnings are errors


def test_files_that_can_not_be_read_are_named(tmp_path: Path) -> None:
    path = tmp_path / "x.png"
    path.write_bytes(encoded())
    with path.open("rb") as closed:
        pass
    with pytest.raises(ValueError, match=r"x\.png can't be read: read of closed file"):
        read_inputs(closed, 3)
    with path.open() as text, pytest.raises(ValueError, match=r"x\.png is open as text"):
        read_inputs(text, 3)  # type: ignore[call-overload]


def test_results_have_the_form_of_the_input() -> None:
    image = Image.fromarray(ARRAY)
    y = torch.rand(1, 2, 3, 6, 9) * 2 - 1
    assert read_inputs(TENSOR, 3).results([y], several=True) is not None
    assert torch.equal(read_inputs(TENSOR, 3).results([y], several=False), y[:, 0])
    array = read_inputs(ARRAY, 3).results([y], several=False)
    assert isinstance(array, np.ndarray) and array.dtype == np.uint8 and array.shape == (6, 9, 3)
    few = read_inputs([ARRAY, image], 3).results([y, y], several=False)
    assert [type(x) for x in few] == [np.ndarray, Image.Image]
    assert np.array_equal(np.asarray(few[1]), array)
    many = read_inputs([image], 3).results([y], several=True)
    assert [len(row) for row in many] == [2]
    gray = read_inputs(ARRAY, 3).results([y[:, :, :1]], several=False)
    assert gray.shape == (6, 9, 1)


def test_images_of_several_sizes_are_not_joined() -> None:
    with pytest.raises(ValueError, match=r"differ in size \(9x5, 9x6\)"):
        read_inputs([ARRAY, ARRAY[:5]], 3).joined()


def test_codes_are_one_for_all_or_one_per_image() -> None:
    assert fit_codes([[1, 2]], 3, 2, "style").shape == (3, 2)
    with pytest.raises(ValueError, match=r"style: expected codes \(1 or 3, 2\).*one per image"):
        fit_codes([[1, 2], [3, 4]], 3, 2, "style")
