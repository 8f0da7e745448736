"""Images that a model can be tried on at once: those of its run, or drawn for the built-in one."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple, TypeVar

from crossimage.checkpoints.addresses import scheme_of
from crossimage.data.images.arrays import to_pil
from crossimage.data.images.files import read_image
from crossimage.data.images.resize import shrink
from crossimage.data.make.outlines import make_outlines
from crossimage.data.sources.folders import Domain
from crossimage.data.sources.labelled import LabelledDomain
from crossimage.inference.translator import Translator
from crossimage.training.recorded import recorded_data, recorded_domains
from crossimage.utils.numbers import evenly_spaced
from crossimage.utils.writing.pictures import save_png

T = TypeVar("T")

MOST = 12
"""Sample inputs of a domain."""
_STYLES = 64  # images of a domain whose styles are encoded
_OUTLINES = "outlines"
MAKE_OUTLINES = f"crossimage data make outlines --out {_OUTLINES}"
"""Makes the sample inputs of the built-in model, under the paths that the page shows."""


class DemoSample(NamedTuple):
    """An image that the page offers.

    Attributes:
        path: Its file.
        shown: Its path for a reader and for commands; empty if the file is temporary.
        group: The class that it belongs to; empty if none is known.
    """

    path: Path
    shown: str = ""
    group: str = ""


class Samples(NamedTuple):
    """The images that a model can be tried on, by the method's letters.

    Attributes:
        inputs: A few images of each domain, which were not trained on where there are any such.
        styles: More images of each domain, whose styles show how styles vary.
        made_by: The command that makes the files, if they are temporary; empty if they exist.
    """

    inputs: Mapping[str, Sequence[DemoSample]]
    styles: Mapping[str, Sequence[Path]]
    made_by: str = ""


def find_samples(model: Translator, name: str, folder: Path) -> Samples:
    """Return the images that a model can be tried on; none if those of its run are gone.

    Args:
        model: The model.
        name: What the user calls it.
        folder: An empty folder for images that have to be made.
    """
    if scheme_of(name) == ("builtin", "outlines"):
        return _outlines(folder)
    domains = recorded_domains(recorded_data(model.run_folder), model)
    if model.networks.layout == "super_resolution":
        return _reduced(model, domains[:1], folder)
    inputs: dict[str, list[DemoSample]] = {}
    styles: dict[str, list[Path]] = {}
    for index, domain in enumerate(domains):
        letter = _letter(model, index)
        chosen = _spread(_by_class(domain), MOST)
        inputs.setdefault(letter, []).extend(chosen)
        files = (*domain.test, *domain.train)
        styles.setdefault(letter, []).extend(_spread(files, _STYLES))
    return Samples(
        {letter: _spread(found, 2 * MOST) for letter, found in inputs.items()},
        {letter: _spread(found, _STYLES) for letter, found in styles.items()},
    )


def _letter(model: Translator, index: int) -> str:
    """Return the letter of a data set's n-th domain."""
    letters = model.networks.letters
    if len(letters) == 1:
        return letters[0]
    return letters[index % len(letters)]  # drawings and photos alternate in ``class_pairs``


def _by_class(domain: Domain) -> list[DemoSample]:
    """Return a domain's test images, or else its training images, the classes in turn."""
    split: tuple[Path, ...] = domain.test or domain.train
    if not isinstance(domain, LabelledDomain) or not domain.label_set.categorical:
        return [DemoSample(path, str(path)) for path in split]
    known = domain.test_values if domain.test else domain.values
    names = domain.label_set.names
    groups: dict[str, list[DemoSample]] = {}
    for path, values in zip(split, known, strict=False):
        group = next((n for n, has in zip(names, values, strict=True) if has), path.parent.name)
        groups.setdefault(group, []).append(DemoSample(path, str(path), group))
    per_class = max(2, MOST // max(1, len(groups)))
    return [sample for found in groups.values() for sample in _spread(found, per_class)]


def _outlines(folder: Path) -> Samples:
    """Draw the test images of the data set that the built-in model was trained on."""
    made = folder / _OUTLINES
    make_outlines(made, count=_STYLES, test_count=MOST)
    inputs = {
        letter: [
            DemoSample(path, f"{_OUTLINES}/{path.parent.name}/{path.name}")
            for path in sorted((made / f"test{letter.upper()}").iterdir())
        ]
        for letter in "ab"
    }
    styles = {letter: sorted((made / f"train{letter.upper()}").iterdir()) for letter in "ab"}
    return Samples(inputs, styles, MAKE_OUTLINES)


def _reduced(model: Translator, domains: Sequence[Domain], folder: Path) -> Samples:
    """Return small versions of the images that a super-resolution model was trained on."""
    scale, config = model.networks.upscales, model.config
    made: list[DemoSample] = []
    for domain in domains:
        for path in _spread(domain.test or domain.train, MOST):
            with suppress(ValueError, OSError):  # unreadable images are not offered
                x = read_image(path, model.channels("b"), config.range_of("b"), config.data_rules)
                height, width = (min(side, 512) // scale * scale for side in x.shape[1:])
                file = folder / f"{path.stem}.png"
                save_png(to_pil(shrink(x[None, :, :height, :width], scale)[0]), file)
                made.append(DemoSample(file))
    return Samples({"a": made}, {})


def _spread(items: Sequence[T], most: int) -> list[T]:
    """Return at most so many items, evenly spaced."""
    return [items[index] for index in evenly_spaced(len(items), most)]
