"""Strips give the results of untiled translation, for every method whose networks take any size."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor, nn

from crossimage.config import build
from crossimage.inference.predictor import Precision, Predictor
from crossimage.inference.strips.engine import TooLargeError
from crossimage.inference.strips.sources import TensorRows
from crossimage.methods import METHODS
from crossimage.methods.base import Method
from crossimage.networks.layers.blocks import BatchNorm, initialise
from crossimage.networks.layers.normalisation import AffineInstanceNorm
from tests.conftest import small

ANY_SIZE: list[tuple[str, dict[str, Any]]] = [
    ("munit", {}),
    ("unit", {}),
    ("unit", {"downsamples": 3, "share_latent_blocks": 0}),
    ("cyclegan", {}),
    ("cyclegan", {"noise_dim": 3, "norm": "batch", "test_mode": "eval"}),
    ("cyclegan", {"norm": "batch", "test_mode": "train"}),
    ("cyclegan", {"antialias": True, "upsampling": "bilinear"}),
    ("cyclegan", {"upsampling": "nearest", "residual_downsamples": 3}),
    ("pix2pix", {}),
    ("pix2pix", {"norm": "batch", "crop": 32, "downsamples": 5, "test_mode": "train"}),
    ("pix2pix", {"generator": "resnet", "residual_blocks": 1, "upsampling": "bilinear"}),
    ("pix2pix", {"generator": "resnet", "residual_blocks": 1, "color_space": "lab"}),
    ("bicyclegan", {}),
    ("bicyclegan", {"inject": "input", "upsampling": "nearest"}),
    ("diat", {}),
    ("stargan", {}),
    ("funit", {}),
    ("srgan", {}),
    ("cut", {}),
    ("cut", {"antialias": True, "upsampling": "nearest"}),
    ("sincut", {}),
    ("sincut", {"widths": "4,5,6", "noise": False}),
    ("sketch_to_photo", {}),
    ("sketch_to_photo", {"attention": "rows"}),
]
ONE_SIZE = ["unit_da", "dtn", "sketchygan", "stargan_v2"]
HEIGHTS = (8, 24, 51)
"""Rows per strip: a few, several strides, and an odd number."""


def settings_of(name: str, **changes: Any) -> dict[str, Any]:
    labels = {"attributes": "x,y,z"} if METHODS[name].layout in ("labelled", "classes") else {}
    return small(name, **(labels | changes))


def predictor(
    name: str, precision: Precision = "fp32", memory: str = "auto", **changes: Any
) -> Predictor:
    """A model whose norms have random scales and statistics, as after training."""
    torch.manual_seed(0)
    cls = METHODS[name]
    networks = cls(build(cls.Config, settings_of(name, **changes)), training=False)
    if name == "srgan":  # whose first outputs are almost constant
        initialise(networks, "kaiming")
    for layer in networks.modules():
        if isinstance(layer, AffineInstanceNorm | BatchNorm) and layer.weight is not None:
            nn.init.uniform_(layer.weight, 0.5, 1.5)
            nn.init.uniform_(layer.bias, -0.5, 0.5)
        if isinstance(layer, BatchNorm) and layer.running_mean is not None:
            nn.init.uniform_(layer.running_mean, -0.2, 0.2)
            nn.init.uniform_(layer.running_var, 0.5, 1.5)  # type: ignore[arg-type]
    if name == "sketch_to_photo":
        for player in ("shape", "color"):
            networks.get_submodule(player).begun.fill_(True)  # type: ignore[operator]
    return Predictor(networks, "cpu", precision, memory)


def target_of(networks: Method) -> str | Tensor:
    if networks.labels and not networks.few_shot:
        return torch.eye(networks.labels.size)[1:2]
    return networks.targets[-1]


def image(networks: Method, height: int, width: int, n: int = 1) -> Tensor:
    """An image with edges, gradients and noise."""
    source = next((x for x in networks.letters if x not in networks.targets), networks.letters[0])
    generator = torch.Generator().manual_seed(3)
    x = torch.rand(n, networks.channels[source], height, width, generator=generator) - 0.5
    x += torch.linspace(-0.5, 0.5, height)[:, None]
    x[:, :, height // 3 :, : width // 2] *= -1
    return x.clamp(-1, 1)


def style_of(networks: Method, n: int = 1) -> Tensor | None:
    generator = torch.Generator().manual_seed(4)
    if not networks.style_dim:
        return None
    return torch.randn(n, networks.style_dim, generator=generator)


def in_strips(model: Predictor, x: Tensor, rows: int, style: Tensor | None) -> Tensor:
    torch.manual_seed(5)
    with torch.no_grad():
        strips = model.strips.translate(TensorRows(x), target_of(model.networks), style, rows=rows)
        pieces = list(strips.rows)
    assert [top for top, _ in pieces] == sorted({top for top, _ in pieces})
    result = torch.cat([piece for _, piece in pieces], 2)
    assert tuple(result.shape) == strips.shape
    return result


def untiled(model: Predictor, x: Tensor, style: Tensor | None) -> Tensor:
    torch.manual_seed(5)
    return model.translate_batch(x, target_of(model.networks), style)


@pytest.mark.parametrize(("size", "heights"), [((90, 61), HEIGHTS), ((64, 96), (24,))])
@pytest.mark.parametrize(
    ("name", "settings"), ANY_SIZE, ids=[f"{n}-{'-'.join(map(str, s))}" for n, s in ANY_SIZE]
)
def test_strips_of_any_height_give_the_untiled_result(
    name: str, settings: dict[str, Any], size: tuple[int, int], heights: tuple[int, ...]
) -> None:
    model = predictor(name, **settings)
    x, style = image(model.networks, *size), style_of(model.networks)
    expected = untiled(model, x, style)
    assert expected.std() > 0.01
    for rows in heights:
        result = in_strips(model, x, rows, style)
        assert (result - expected).abs().max() <= 1e-5, rows


def test_every_method_is_tested_or_takes_one_size_only() -> None:
    tested = {name for name, _ in ANY_SIZE}
    without_images = {name for name, cls in METHODS.items() if not cls.targets}
    assert tested | set(ONE_SIZE) | without_images == set(METHODS)


@pytest.mark.parametrize("name", ["munit", "cyclegan", "pix2pix", "stargan", "cut", "srgan"])
def test_strips_in_bf16_are_as_close_to_fp32_as_untiled(name: str) -> None:
    exact, model = predictor(name), predictor(name, "bf16")
    x, style = image(exact.networks, 96, 64), style_of(exact.networks)
    truth = untiled(exact, x, style)
    error = (untiled(model, x, style) - truth).abs()
    own = (in_strips(model, x, 24, style) - truth).abs()
    assert error.max() > 1e-4
    assert own.mean() <= 1.25 * error.mean()
    assert own.max() <= 2 * error.max()


@pytest.mark.parametrize("name", ["munit", "bicyclegan", "sincut"])
def test_several_images_and_styles_are_translated_together(name: str) -> None:
    model = predictor(name)
    n, k = (2, 2) if model.networks.style_dim else (2, 1)
    x, style = image(model.networks, 64, 48, n), style_of(model.networks, n * k)
    result = in_strips(model, x, 16, style)
    assert len(result) == n * k
    assert (result - untiled(model, x, style)).abs().max() <= 1e-5


@pytest.mark.parametrize("name", ONE_SIZE)
def test_networks_of_one_size_are_refused_by_name(name: str) -> None:
    model = predictor(name)
    x = image(model.networks, *model.networks.fixed_size)  # type: ignore[misc]
    with pytest.raises(TooLargeError, match=f"this {name} .* one size only"):
        in_strips(model, x, 8, style_of(model.networks))


def test_dropout_at_test_time_is_refused() -> None:
    model = predictor("pix2pix", generator="resnet", dropout=0.5, test_mode="train")
    with pytest.raises(TooLargeError, match=r"dropout.*test_mode=eval"):
        in_strips(model, image(model.networks, 64, 64), 16, None)


def test_images_that_do_not_fit_are_translated_in_strips_one_by_one(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    model = predictor("munit")
    x, style = image(model.networks, 128, 96, 2), style_of(model.networks, 4)
    expected = model.translate_batch(x, "b", style)
    limit = int(128 * 96 * model.strips.bytes_per_pixel(3, "b") * 0.8)
    monkeypatch.setattr(model.strips.budget, "available", lambda: limit)
    monkeypatch.setattr("crossimage.inference.strips.engine._MARGIN", 0)
    calls = []
    whole = model.strips.translate_tensor
    monkeypatch.setattr(
        model.strips, "translate_tensor", lambda *args: calls.append(args) or whole(*args)
    )
    assert (model.translate_batch(x, "b", style) - expected).abs().max() <= 1e-5
    assert [len(call[0]) for call in calls] == [1] * 4


def test_running_out_of_memory_falls_back_to_strips_and_says_so_once(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    model = predictor("sincut")
    x = image(model.networks, 64, 48)
    expected = model.translate_batch(x, "b", None, seed=3)

    def fail(*args: object) -> Tensor:
        torch.randn(5)  # noise of the attempt
        raise torch.OutOfMemoryError("CUDA out of memory")

    monkeypatch.setattr(model, "_translate_whole", fail)
    with pytest.warns(UserWarning, match="memory ran out, so that images are translated in strips"):
        result = model.translate_batch(x, "b", None, seed=3)
    assert (result - expected).abs().max() <= 1e-5
    model.translate_batch(x, "b", None, seed=3)  # warnings are errors


def test_too_little_memory_for_strips_is_refused_with_what_suffices() -> None:
    model = predictor("cyclegan", memory="10MB")
    x = image(model.networks, 512, 512)
    with pytest.raises(TooLargeError, match=r"512 x 512 .* even in strips.*memory=\d+MB") as error:
        model.translate_batch(x, "b", None)
    advised = str(error.value).partition("memory=")[2].partition(" ")[0]
    again = predictor("cyclegan", memory=advised)
    assert again.translate_batch(x, "b", None).shape == x.shape


@pytest.mark.parametrize("memory", ["2 apples", "2", "", "-1GB", "much"])
def test_a_memory_that_is_not_an_amount_is_refused(memory: str) -> None:
    with pytest.raises(ValueError, match="expected an amount with its unit"):
        predictor("cyclegan", memory=memory)
