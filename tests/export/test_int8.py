from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

import crossimage
from crossimage.export.int8 import check_images, find_images
from crossimage.export.write import export_model
from tests.inference.exported.graphs import onnx
from tests.inference.strips.test_engine import predictor

pytest.importorskip("onnxscript", reason="the extra `export` is not installed")


def save_images(folder: Path, count: int) -> Path:
    folder.mkdir()
    generator = np.random.default_rng(0)
    for number in range(count):
        image = np.full((20, 24, 3), generator.integers(0, 255, 3), np.uint8)
        image[4:12, 6 : 10 + number % 8] = generator.integers(0, 255, 3)
        Image.fromarray(image).save(folder / f"{number:03}.png")
    return folder


def test_at_most_eighty_images_are_used_evenly(tmp_path: Path) -> None:
    names = [path.name for path in find_images(save_images(tmp_path / "a", 200))]
    assert len(names) == 80 and names[0] == "000.png" and names[-1] == "197.png"
    assert len(find_images(save_images(tmp_path / "b", 2))) == 2


def test_one_image_is_not_enough(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="holds 1 image, and at least 2 of the source domain"):
        find_images(save_images(tmp_path / "a", 1))


@pytest.mark.parametrize("content", ["", "no image", "cut"])
def test_a_broken_image_is_named_before_anything_is_computed(content: str, tmp_path: Path) -> None:
    folder = save_images(tmp_path / "images", 3)
    broken = folder / "001.png"
    broken.write_bytes(broken.read_bytes()[:60] if content == "cut" else content.encode())
    model = predictor("munit")
    with pytest.raises(ValueError, match=r"^--int8: .*001.png .*; remove it from the folder"):
        check_images(model, "b", find_images(folder))
    with pytest.raises(ValueError, match="001.png"):
        export_model(model, tmp_path / "m.onnx", int8=folder)
    assert not list(tmp_path.glob("*.onnx"))


@pytest.mark.slow
@pytest.mark.parametrize("name", ["munit", "srgan"])
def test_int8_is_near_fp32_and_the_file_says_how_near(name: str, tmp_path: Path) -> None:
    model, folder = predictor(name), save_images(tmp_path / "images", 10)
    export_model(model, tmp_path / "exact.onnx")
    written = export_model(model, tmp_path / "int8.onnx", int8=folder)
    about = written.about
    assert about.psnr is not None and about.psnr > 30
    assert (about.calibrated, about.compared) == (8, 2)
    graph = onnx.load(tmp_path / "int8.onnx").graph
    kinds = {node.op_type for node in graph.node}
    assert {"QuantizeLinear", "DequantizeLinear"} <= kinds
    weights = {tensor.name: tensor.dims for tensor in graph.initializer}
    in_fp32 = [weights.get(n.input[1]) for n in graph.node if n.op_type == "Conv"]
    # those from and to images, and at most a third of the others
    wide = [sides for sides in in_fp32 if not sides or min(sides[:2]) > 3]
    assert len(wide) < len(in_fp32) and sum(map(bool, wide)) <= len(wide) // 3
    exact, int8 = (crossimage.load(tmp_path / f"{name}.onnx") for name in ("exact", "int8"))
    held_out = folder / "000.png"
    x, y = (
        torch.from_numpy(np.array(each.translate(held_out, seed=0))).float()
        for each in (exact, int8)
    )
    assert not torch.equal(x, y)
    assert 10 * torch.log10(255**2 / (x - y).square().mean()) > 28


@pytest.mark.slow
def test_a_low_psnr_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("crossimage.export.int8.LEAST_PSNR", 90.0)
    folder = save_images(tmp_path / "images", 5)
    with pytest.raises(ValueError, match="have a PSNR of .* dB against fp32, and less than 90"):
        export_model(predictor("srgan"), tmp_path / "m.onnx", int8=folder)
    assert not list(tmp_path.glob("*.onnx"))
