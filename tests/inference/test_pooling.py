"""Statistics of norms that are pooled over key frames and then fixed."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor, nn

from crossimage.inference.pooling import key_frames, pool_statistics
from crossimage.inference.predictor import Predictor
from crossimage.inference.strips.statistics import FixedStatistics, norms_from
from crossimage.inference.strips.whole import measured_of
from crossimage.inference.styles import Draw
from crossimage.methods.base import Method
from tests.inference.strips.test_engine import ANY_SIZE, image, predictor, style_of, target_of

Cases = list[tuple[str, dict[str, Any]]]

CASES: Cases = [
    *ANY_SIZE,
    ("unit_da", {}),
    ("dtn", {}),
    ("stargan_v2", {}),
    ("stargan_v2", {"w_hpf": 1.0}),
    ("sketchygan", {}),
    ("sketchygan", {"test_statistics": "batch"}),
    ("cyclegan", {"noise_dim": 3, "dropout": 0.5, "norm": "batch", "test_mode": "train"}),
]
FEW: list[tuple[str, dict[str, Any]]] = [
    ("cyclegan", {}),
    ("munit", {}),
    ("pix2pix", {}),
    ("stargan_v2", {}),
]
IDS = [f"{n}-{'-'.join(map(str, s))}" for n, s in CASES]


def draw_of(model: Predictor) -> Draw:
    return Draw(style_of(model.networks), 7)


def video(networks: Method, count: int = 3, side: int = 32) -> Tensor:
    """Frames with an object that moves from frame to frame."""
    height, width = networks.fixed_size or (side, side + 13)
    frames = image(networks, height, width).repeat(count, 1, 1, 1)
    for i in range(count):
        frames[i, :, 2 + 3 * i : 10 + 3 * i, 4:12] = 0.1 * (i + 1)
    return frames


def own(model: Predictor, frames: Tensor) -> Tensor:
    """The translation of every frame by its own statistics."""
    target, draw = target_of(model.networks), draw_of(model)
    return torch.cat(
        [model.predict(frame, target, [[draw]])[0] for frame in torch.split(frames, 1)]
    )


def pooled(model: Predictor, frames: Tensor, keys: Tensor | None = None) -> Tensor:
    """The translation by statistics pooled over all frames, or over key frames."""
    target, draw = target_of(model.networks), draw_of(model)
    statistics = pool_statistics(model, frames if keys is None else keys, target, draw)
    with model.fixed_statistics(statistics):
        return own(model, frames)


@pytest.mark.parametrize(("name", "settings"), CASES, ids=IDS)
def test_a_single_key_frame_is_translated_as_by_its_own_statistics(
    name: str, settings: dict[str, Any]
) -> None:
    model = predictor(name, **settings)
    frame = video(model.networks, 1)
    alone = own(model, frame)
    assert (pooled(model, frame) - alone).abs().max() <= 1e-5
    again = own(model, frame)
    assert torch.equal(again, alone), "outside of the context every image has its own statistics"


@pytest.mark.parametrize(("name", "settings"), FEW, ids=[name for name, _ in FEW])
def test_the_order_of_the_key_frames_does_not_matter(name: str, settings: dict[str, Any]) -> None:
    model = predictor(name, **settings)
    frames = video(model.networks)
    assert torch.equal(pooled(model, frames), pooled(model, frames, frames[[2, 0, 1]]))


def test_pooled_statistics_are_those_of_one_large_image() -> None:
    class Normed(Method):
        multiple, min_size, upscales, style_dim, fixed_size = 1, 1, 1, 0, None

        def __init__(self) -> None:
            nn.Module.__init__(self)
            self.norm = nn.InstanceNorm2d(3)

        def training_step(self, batch: Any) -> Any: ...

        def preview(self, fixed: Any, fresh: Any) -> Any: ...

        channels = {"a": 3, "b": 3}  # noqa: RUF012

        def translate(self, x: Tensor, to: Any, style: Tensor | None = None) -> Tensor:
            result: Tensor = self.norm(x)
            return result

    model = Predictor(Normed(), "cpu")
    frames = torch.randn(4, 3, 6, 8) * torch.tensor([1.0, 2, 3, 4])[:, None, None, None]
    statistics = pool_statistics(model, frames, "b", Draw(None, 0))
    with model.fixed_statistics(statistics):
        result = model.translate_batch(frames, "b", None)
    together = torch.cat(list(frames), 2)[None].double()
    variance, mean = torch.var_mean(together, (2, 3), correction=0)
    expected = (frames - mean[:, :, None, None]) / (variance + 1e-5).sqrt()[:, :, None, None]
    assert (result - expected).abs().max() <= 1e-6


@pytest.mark.parametrize(
    ("name", "settings"),
    [*FEW[:3], ("sketch_to_photo", {"attention": "rows"}), ("stargan", {})],
)
def test_frames_too_large_for_memory_are_pooled_and_translated_in_strips(
    name: str, settings: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    model = predictor(name, **settings)
    frames = video(model.networks)
    whole = pooled(model, frames)
    monkeypatch.setattr(model.strips, "fits", lambda *sizes: False)
    assert (pooled(model, frames) - whole).abs().max() <= 1e-5


def still_drift(name: str, statistics: bool) -> float:
    """How much the output changes far from an object that enters, in 255ths of the range."""
    model = predictor(name)
    before = image(model.networks, 48, 160)
    after = before.clone()
    after[:, :, 10:34, 4:24] = 0.9
    frames = torch.cat([before, after])
    outputs = pooled(model, frames) if statistics else own(model, frames)
    return float((outputs[0] - outputs[1])[:, :, 120:].abs().mean()) * 127.5


@pytest.mark.parametrize("name", ["cyclegan", "munit", "funit", "stargan", "unit"])
def test_what_is_still_stays_the_same_when_an_object_enters(name: str) -> None:
    assert still_drift(name, statistics=False) > 0.1
    assert still_drift(name, statistics=True) == 0


@pytest.mark.parametrize("memory_format", [torch.contiguous_format, torch.channels_last])
def test_statistics_do_not_depend_on_the_number_of_threads(
    memory_format: torch.memory_format,
) -> None:
    maps = torch.randn(1, 16, 150, 163).to(memory_format=memory_format)
    threads, measured = torch.get_num_threads(), []
    try:
        for count in (1, 2, 3):
            torch.set_num_threads(count)
            measured.append(measured_of([maps]))
    finally:
        torch.set_num_threads(threads)
    for other in measured[1:]:
        assert torch.equal(other.mean, measured[0].mean)
        assert torch.equal(other.variance, measured[0].variance)


def test_dropout_and_noise_are_the_same_in_all_frames() -> None:
    settings: dict[str, Any] = {
        "noise_dim": 3,
        "dropout": 0.5,
        "norm": "batch",
        "test_mode": "train",
    }
    model = predictor("cyclegan", **settings)
    frame = video(model.networks, 1)
    first, second = pooled(model, frame.repeat(2, 1, 1, 1))
    assert torch.equal(first, second)


def test_statistics_survive_being_written_to_a_file() -> None:
    model = predictor("munit")
    frames, target, draw = video(model.networks), target_of(model.networks), draw_of(model)
    statistics = pool_statistics(model, frames, target, draw)
    restored = FixedStatistics(norms_from(statistics.tensors()), target, draw.style, draw.seed)
    outputs = []
    for one in (statistics, restored):
        with model.fixed_statistics(one):
            outputs.append(own(model, frames))
    assert torch.equal(*outputs)


def test_another_style_or_target_than_the_statistics_were_pooled_for_is_refused() -> None:
    model = predictor("munit")
    frames, draw = video(model.networks), draw_of(model)
    with model.fixed_statistics(pool_statistics(model, frames, "b", draw)):
        with pytest.raises(ValueError, match="pooled for another target; pool them again"):
            model.predict(frames[:1], "a", [[draw]])
        assert draw.style is not None
        with pytest.raises(ValueError, match="pooled for another style"):
            model.predict(frames[:1], "b", [[Draw(draw.style + 1, draw.seed)]])


def test_key_frames_of_one_colour_are_refused() -> None:
    model = predictor("cyclegan")
    with pytest.raises(ValueError, match="single colour.*--statistics frame"):
        pool_statistics(model, torch.zeros(2, 3, 16, 16), "b", Draw(None, 0))


def test_norms_that_cannot_be_pooled_are_refused_by_name() -> None:
    model = predictor("cyclegan")
    generator = model.networks.get_submodule("generators")
    for name, child in list(generator.named_modules()):
        if isinstance(child, nn.Tanh):
            parent, _, last = name.rpartition(".")
            setattr(generator.get_submodule(parent), last, nn.GroupNorm(1, 3))
    with pytest.raises(ValueError, match="GroupNorm can't be fixed; use those of each"):
        pool_statistics(model, video(model.networks), "b", Draw(None, 0))


def test_key_frames_are_evenly_spaced() -> None:
    assert key_frames(1) == [0]
    assert key_frames(3) == [0, 1, 2]
    assert key_frames(80) == [5, 15, 25, 35, 45, 55, 65, 75]
    assert key_frames(9, 2) == [2, 6]
