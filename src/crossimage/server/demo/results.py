"""A translation for the page, and the command that makes the same image."""

from __future__ import annotations

import shlex
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from PIL import Image

from crossimage.data.images.arrays import to_pil
from crossimage.data.images.resize import resize_shortest_side
from crossimage.inference.halves import HalfRule
from crossimage.inference.inputs import read_inputs
from crossimage.inference.references import find_references, reference_styles
from crossimage.inference.translator import Translator
from crossimage.labels import To
from crossimage.utils.paths import plain
from crossimage.utils.writing.pictures import encoded
from crossimage.utils.writing.scratch import scratch_folder

_DIGITS = 4  # of the numbers of a style
_MOST_SHOWN = 1024  # pixels of a side of a preview


@dataclass(frozen=True)
class DemoRequest:
    """A translation that a visitor requests.

    Attributes:
        image: The input's file, whose name determines random styles.
        to: The target; None for methods that need none.
        seed: Seed of the random style and of noise.
        style: The numbers of a style code, in place of a random one.
        references: Images whose style is used, in place of a random one.
        size: Shortest side that the input is resized to, in pixels.
        shown: By file, its path in commands, for files that are elsewhere for the user.
    """

    image: Path
    to: To | None = None
    seed: int = 0
    style: tuple[float, ...] | None = None
    references: tuple[Path, ...] = ()
    size: int | None = None
    shown: Mapping[Path, str] | None = None


class DemoResult(NamedTuple):
    """A translation.

    Attributes:
        image: The file that the command writes, a PNG.
        style: The numbers of its style code; None for methods without styles.
        command: The command that writes it.
        notes: What else is worth knowing, one sentence each.
    """

    image: bytes
    style: list[float] | None
    command: str
    notes: list[str]


def translate_image(model: Translator, name: str, request: DemoRequest) -> DemoResult:
    """Translate an image exactly as the command line does, with its files and by its code.

    Args:
        model: The model.
        name: What the user calls it.
        request: The request. The numbers of its style are rounded to four decimal places.

    Raises:
        ValueError: The image can't be used, or the request does not fit the model.
    """
    style = None if request.style is None else [round(number, _DIGITS) for number in request.style]
    with scratch_folder() as folder:
        done = model.translate_files(
            [request.image], folder, request.to, reference=list(request.references) or None,
            seed=request.seed, style=style, size=request.size, format="png",
        )  # fmt: skip
        if done.skipped:
            raise ValueError(_shown(request, done.skipped[0][1]))
        image = done.written[0].read_bytes()
    return DemoResult(
        image,
        style if style is not None else _style_of(model, request),
        command_for(model, name, request),
        [_shown(request, note) for note in done.notes],
    )


def _shown(request: DemoRequest, text: str) -> str:
    """Return a text in which files of the server are called what the user calls them."""
    for file in (request.image, *request.references):
        text = text.replace(str(file), _name(request, file))
    return text


def _name(request: DemoRequest, file: Path) -> str:
    """Return the path of a file in commands."""
    return (request.shown or {}).get(file) or file.name


def _style_of(model: Translator, request: DemoRequest) -> list[float] | None:
    """Return the style of a translation whose style was drawn, or is that of references."""
    networks = model.networks
    if not networks.style_dim:
        return None
    target = model.target(request.to)
    if request.references:
        found = find_references(list(request.references), networks.few_shot)
        size = request.size if networks.few_shot else None
        codes = reference_styles(model, found[:1], target, size=size)
    else:
        drawn = model.draw(request.seed, request.image.name, 0, target.encode(1)).style
        assert drawn is not None
        codes = drawn
    numbers: list[float] = codes[0].tolist()
    return [round(number, _DIGITS) for number in numbers]


def command_for(model: Translator, name: str, request: DemoRequest) -> str:
    """Return the command that writes the same image into the folder ``translated``."""
    image = plain(_name(request, request.image))
    words = ["crossimage", "translate", name, image, "--out", "translated"]
    if request.to is not None and not model.networks.few_shot:
        words += ["--to", _target(request.to)]
    if request.style is not None:
        words.append("--style=" + ",".join(map(_number, request.style)))
    elif request.references:
        words += ["--reference", *(plain(_name(request, file)) for file in request.references)]
    if (request.style is None and not request.references and model.multimodal) or (
        model.networks.stochastic
    ):
        words += ["--seed", str(request.seed)]
    if request.size is not None:
        words += ["--size", str(request.size)]
    if request.image.suffix.lower() != ".png":
        words += ["--format", "png"]
    return shlex.join(words)


def _target(to: To) -> str:
    """Return a target as ``--to`` takes it."""
    if not isinstance(to, Mapping):
        return str(to)
    return ",".join(f"{_quoted(name)}={value:.9g}" for name, value in to.items())


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"' if set(name) & set(',="') else name


def _number(value: float) -> str:
    text = f"{round(value, _DIGITS):.{_DIGITS}f}".rstrip("0").rstrip(".")
    return "0" if text in ("", "-0") else text


def preview_image(model: Translator, image: Path, to: To | None, size: int | None) -> bytes:
    """Return an input as the networks see it, as a PNG for the page.

    Raises:
        ValueError: It is unreadable, or can't be shown.
    """
    networks = model.networks
    letter = model.target(to).source
    if networks.classes:
        with Image.open(image) as palette:
            shown = palette.convert("RGB")
    else:
        x = read_inputs(
            [str(image)], model.channels(letter), model.config.range_of(letter),
            model.config.data_rules, half=HalfRule(networks, letter, choosable=False),
        ).batches[0]  # fmt: skip
        x = x if size is None else resize_shortest_side(x, size)
        shown = to_pil(model.fit_size(x)[0])
    shown.thumbnail((_MOST_SHOWN, _MOST_SHOWN))
    return encoded(shown)
