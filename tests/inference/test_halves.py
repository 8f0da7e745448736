"""Side-by-side pairs among the inputs: which half is translated."""

import warnings
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from torch import Tensor

from crossimage.data.images.pixels import ImageError
from crossimage.inference.halves import HalfRule
from crossimage.inference.translator import Translator
from crossimage.methods.munit import MUNIT, MUNITConfig
from crossimage.methods.settings import MultiScaleShape
from crossimage.utils.manifest import read_manifest

RED, BLUE = (200, 0, 0), (0, 0, 200)


class Same(MUNIT):
    """Returns the image as it is; an image's style is its mean colour."""

    seen: list[Tensor]

    def translate(self, x: Tensor, to: str, style: Tensor | None = None) -> Tensor:
        return x

    def encode_style(self, x: Tensor, domain: str) -> Tensor:
        self.seen.append(x.mean((0, 2, 3)))
        return x.mean((2, 3))


def model(layout: str = "unpaired", **settings: Any) -> Translator:
    config = MUNITConfig(
        domains=("red", "blue"), width=2, residual_blocks=1, style_dim=3, style_downsamples=2,
        mlp_width=4, crop=(32, 32), **settings,
        discriminator=MultiScaleShape(width=2, layers=2, scales=1),
    )  # fmt: skip
    networks = Same(config, training=False)
    networks.layout = layout  # type: ignore[misc, assignment]
    networks.seen = []
    return Translator(networks, "cpu")


def of_pairs(aspect: float = 2.0) -> Translator:
    return model(halves=("left", "right"), pair_aspect=aspect)


def pair(path: Path, width: int = 64, height: int = 32) -> Path:
    """Save an image whose left half is red and whose right half is blue."""
    image = Image.new("RGB", (width, height), BLUE)
    image.paste(RED, (0, 0, width // 2, height))
    path.parent.mkdir(parents=True, exist_ok=True)
    image.save(path)
    return path


def shown(path: Path) -> tuple[tuple[int, int], set[tuple[int, ...]]]:
    with Image.open(path) as image:
        return image.size, {tuple(map(int, c)) for c in np.asarray(image).reshape(-1, 3)}


@pytest.mark.parametrize(("to", "colour"), [("blue", RED), ("red", BLUE)])
def test_of_pairs_the_half_of_the_source_domain_is_translated(
    tmp_path: Path, to: str, colour: tuple[int, ...]
) -> None:
    inputs = [pair(tmp_path / "in" / "a.png"), pair(tmp_path / "in" / "b.png", 200, 100)]
    report = of_pairs().translate_files(tmp_path / "in", tmp_path / "out", to)
    assert [shown(path) for path in report.written] == [
        ((32, 32), {colour}),
        ((100, 100), {colour}),
    ]
    side, name = ("left", "red") if to == "blue" else ("right", "blue")
    assert report.notes == [
        f"2 inputs: only the {side} half, {name}, is used, as of side-by-side pairs; --half whole "
        f"uses all of it ({inputs[0]})"
    ]


@pytest.mark.parametrize("size", [(48, 32), (64, 36), (63, 40), (32, 64), (128, 32)])
def test_other_images_are_translated_whole_and_counted(
    tmp_path: Path, size: tuple[int, int]
) -> None:
    pair(tmp_path / "in" / "a.png", *size)
    pair(tmp_path / "in" / "b.png")
    report = of_pairs().translate_files(tmp_path / "in", tmp_path / "out", "blue")
    assert [shown(path)[0] for path in report.written] == [size, (32, 32)]
    assert len(report.notes) == 2
    assert any(note.startswith("1 input: used whole, not having the") for note in report.notes)


@pytest.mark.parametrize(("width", "height"), [(48, 40), (90, 30), (160, 40)])
def test_the_shape_is_that_of_the_training_pairs(tmp_path: Path, width: int, height: int) -> None:
    # Pairs may be tall or wide: 4:1 holds two images of 2:1, which are single images then.
    trained = of_pairs(aspect=width / height)
    halved = pair(tmp_path / "in" / "pair.png", width, height)
    single = pair(tmp_path / "in" / "single.png", width // 2, height)
    report = trained.translate_files([halved, single], tmp_path / "out", "blue")
    assert [note.partition(",")[0] for note in report.notes] == ["1 input: only the left half"]
    assert shown(tmp_path / "out" / "pair.png") == ((width // 2, height), {RED})
    assert shown(tmp_path / "out" / "single.png")[0] == (width // 2, height)


@pytest.mark.parametrize("width", [63, 65])
def test_odd_widths_have_no_halves(tmp_path: Path, width: int) -> None:
    pair(tmp_path / "in" / "good.png")
    odd = pair(tmp_path / "in" / "odd.png", width)
    for options in ({}, {"half": "left"}):
        report = of_pairs().translate_files(tmp_path / "in", tmp_path / "out", "blue", **options)
        ((path, reason),) = report.skipped
        assert path == odd and f"odd.png is {width} pixels wide, an odd number" in reason
        assert reason.endswith("--half whole uses all of it")
    report = of_pairs().translate_files(odd, tmp_path / "out", "blue", half="whole")
    assert shown(report.written[0])[0] == (width, 32) and not report.notes


@pytest.mark.parametrize("layout", ["unpaired", "paired"])
def test_models_that_do_not_know_translate_whole_images(tmp_path: Path, layout: str) -> None:
    photo = pair(tmp_path / "in" / "panorama.png")
    report = model(layout).translate_files(photo, tmp_path / "whole", "blue")
    assert shown(report.written[0])[0] == (64, 32)
    # only a method that learns from pairs makes it likely that such an image is one
    assert bool(report.notes) == (layout == "paired")
    for half, colour in (("left", RED), ("right", BLUE)):
        report = model(layout).translate_files(photo, tmp_path / half, "blue", half=half)  # type: ignore[arg-type]
        assert shown(report.written[0]) == ((32, 32), {colour}) and not report.notes


def test_the_list_of_results_records_the_half_and_existing_results_depend_on_it(
    tmp_path: Path,
) -> None:
    trained, out = of_pairs(), tmp_path / "out"
    pair(tmp_path / "in" / "pair.png")
    pair(tmp_path / "in" / "single.png", 32, 32)
    trained.translate_files(tmp_path / "in", out, "blue")
    assert {name: e.settings.get("half") for name, e in read_manifest(out).items()} == {
        "pair.png": "left", "single.png": None,
    }  # fmt: skip
    again = trained.translate_files(tmp_path / "in", out, "blue", skip_existing=True)
    assert len(again.existing) == 2 and not again.written
    same = trained.translate_files(tmp_path / "in", out, "blue", skip_existing=True, half="left")
    assert [path.name for path in same.written] == ["single.png"]
    other = trained.translate_files(tmp_path / "in", out, "blue", skip_existing=True, half="whole")
    assert len(other.written) == 2


def test_references_show_the_half_of_the_target_domain(tmp_path: Path) -> None:
    both = pair(tmp_path / "pair.png")
    trained = of_pairs()
    report = trained.translate_files(both, tmp_path / "out", "blue", reference=both)
    assert any(note.startswith("1 reference: only the right half") for note in report.notes)
    with pytest.warns(UserWarning, match="half") as warned:
        trained.translate(str(both), "red", reference=str(both))
    assert {warning.filename for warning in warned} == {__file__}
    unaware = model()
    unaware.translate_files(both, tmp_path / "out", "blue", reference=both, half="left")
    unaware.translate_files(both, tmp_path / "out", "blue", reference=both)
    colours = [torch.tensor(c) / 127.5 - 1 for c in (BLUE, RED, BLUE)]
    seen = [*trained.networks.seen, unaware.networks.seen[0]]  # type: ignore[misc]
    assert all(torch.allclose(x, y) for x, y in zip(seen, colours, strict=True))
    assert not torch.allclose(unaware.networks.seen[1], colours[0])  # type: ignore[index]


def test_images_in_memory_are_whole_unless_a_half_is_asked_for(tmp_path: Path) -> None:
    path, trained = pair(tmp_path / "pair.png"), of_pairs()
    with pytest.warns(UserWarning, match=r"1 image: only the left half, red, is used.*pair\.png"):
        assert trained.translate(path, "blue").size == (32, 32)
    with pytest.warns(UserWarning, match="only the right half"):
        assert trained.translate(path.read_bytes(), "red").size == (32, 32)
    with Image.open(path) as image, warnings.catch_warnings():
        warnings.simplefilter("error")
        x = torch.zeros(1, 3, 32, 64)
        assert trained.translate(image, "blue").size == (64, 32)
        assert trained.translate(np.asarray(image), "blue").shape == (32, 64, 3)
        assert trained.translate(x, "blue").shape == x.shape
        assert trained.translate(path, "blue", half="whole").size == (64, 32)
        right = trained.translate(np.asarray(image), "blue", half="right")
        assert right.shape == (32, 32, 3) and tuple(right[0, 0]) == BLUE
        assert trained.translate(x, "blue", half="left").shape == (1, 3, 32, 32)
        with pytest.raises(ValueError, match="an odd number"):
            trained.translate(x[..., 1:], "blue", half="left")
    with pytest.raises(ValueError, match="half must be left, right or whole, found 'top'"):
        trained.translate(path, "blue", half="top")  # type: ignore[call-overload]


def test_models_made_before_state_no_halves() -> None:
    trained = of_pairs()
    before = replace(trained.config, halves=(), pair_aspect=0.0)
    trained.networks.config = before
    assert HalfRule(trained.networks, "a").part(32, 64) == ("whole", "")


@pytest.mark.parametrize("size", [(64, 32), (48, 32), (65, 32)])
def test_no_part_is_advised_where_none_can_be_chosen(size: tuple[int, int]) -> None:
    networks = of_pairs().networks
    told = []
    for choosable in (True, False):
        rule = HalfRule(networks, networks.letters[0], choosable=choosable)
        try:
            rule.apply(torch.zeros(3, size[1], size[0]), "a.png", is_file=True)
            (sentence,) = rule.sentences()
        except ImageError as error:
            sentence = str(error)
        told.append(sentence)
    assert "--half" in told[0] and "--half" not in told[1]
    assert told[0].startswith(told[1].removesuffix(" (a.png)"))
