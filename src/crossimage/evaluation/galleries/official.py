"""Results named as the official codebases name them: which files are results, and of which input.

- pytorch-CycleGAN-and-pix2pix: ``x_fake_B.png`` beside ``x_real_A.png``, ``x_real_B.png`` and
  ``x_rec_A.png``; its ``test`` model: ``x_fake.png`` beside the input ``x_real.png``.
- pix2pixHD: ``x_synthesized_image.jpg`` beside ``x_input_label.jpg``.
- BicycleGAN: ``x_random_sample01.png`` beside ``x_input.png`` and ``x_ground truth.png``.
- MUNIT and UNIT: ``test.py`` writes ``output000.jpg``, ... beside ``input.jpg``; ``test_batch.py``
  writes a folder per style, ``OUT_00``, ``OUT_01``, ..., or all into ``OUT`` for UNIT, and the
  inputs as ``OUT/input000.jpg``.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Sequence
from glob import escape
from pathlib import Path
from typing import NamedTuple

from crossimage.data.left_out import LeftOut
from crossimage.data.sources.find import find_results

_NAMES = re.compile(
    r"(?P<stem>.+)_(?:(?P<fake>fake)(?:_(?P<to>[AB]))?|synthesized_image|random_sample(?P<sample>\d+)"
    r"|(?P<other>real(?:_[AB])?|rec_[AB]|idt_[AB]|input(?:_label)?"
    r"|real_image|encoded|ground[ _]truth))"
)
"""Names of test images of pytorch-CycleGAN-and-pix2pix, pix2pixHD and BicycleGAN."""
_INPUT = re.compile(r"input(\d{3,})")
_OUTPUT = re.compile(r"(?:(input\d{3,})_)?output(\d{3,})?")
_STYLE_FOLDER = re.compile(r"(.+)_(\d{2,})", re.DOTALL)
_BESIDE = ("image beside the results", "images beside the results")


class OfficialFile(NamedTuple):
    """A result of an official codebase.

    Attributes:
        path: Its file.
        name: Name of its input.
        sample: Number of the result among those of its input.
        target: The domain it is of, ``A`` or ``B``; empty where names have none.
    """

    path: Path
    name: str
    sample: int
    target: str


def official_results(
    folder: Path, images: Sequence[Path], left_out: list[LeftOut]
) -> list[OfficialFile]:
    """Return the results among the images of a folder; none if they are named in other ways.

    Args:
        folder: The folder.
        images: Its images.
        left_out: Collects the images that are not results.
    """
    if named := _matches(images):
        found = [
            OfficialFile(
                path, _name(path.with_name(m["stem"] + ".x"), folder), int(m["sample"] or 0),
                m["to"] or "",
            )
            for path, m in named.items()
            if not m["other"]
        ]  # fmt: skip
    else:
        found = _single_input(folder, images) or _by_style(folder, images) or _unit(folder, images)
    results = {file.path for file in found}
    if found:
        left_out += [
            LeftOut(_BESIDE, _role(path, named.get(path)), str(path))
            for path in images
            if path not in results
        ]
    return found


def targets_of(folder: Path, letter: str) -> dict[str, Path] | None:
    """Return the real images of an official folder by name; None if it is another folder.

    Args:
        folder: The folder of real images.
        letter: The domain, ``A`` or ``B``; the empty string where names have none.
    """
    wanted = {f"real_{letter}", "real_image", "ground truth", "ground_truth"}
    real = {
        _name(path.with_name(match["stem"] + ".x"), folder): path
        for path, match in _matches(find_results(folder).images).items()
        if match["other"] in wanted
    }
    return real or None


def _matches(images: Sequence[Path]) -> dict[Path, re.Match[str]]:
    """Return the images named as official codebases do; none if no input has a result."""
    matches = {p: match for p in images if (match := _NAMES.fullmatch(p.stem))}
    by_stem: dict[tuple[Path, str], set[bool]] = defaultdict(set)
    for path, match in matches.items():
        by_stem[path.parent, match["stem"]].add(match["other"] is None)
    if len(matches) == len(images) and any(True in kinds for kinds in by_stem.values()):
        return matches
    return matches if any(len(kinds) == 2 for kinds in by_stem.values()) else {}


def _single_input(folder: Path, images: Sequence[Path]) -> list[OfficialFile]:
    """Return the results of MUNIT's ``test.py``, which translates one image."""
    matches = {path: match for path in images if (match := _OUTPUT.fullmatch(path.stem))}
    others = [path for path in images if path not in matches]
    of_inputs = all(match[1] for match in matches.values())
    if not matches or any(bool(m[1]) != of_inputs for m in matches.values()):
        return []
    if not of_inputs and {path.stem for path in others} != {"input"}:
        return []  # without the input, nothing tells output000, output001, ... from other images
    if of_inputs and not all(_INPUT.fullmatch(path.stem) for path in others):
        return []
    return [
        OfficialFile(
            path, _name(path.with_name((m[1] or "input") + ".x"), folder), int(m[2] or 0), ""
        )
        for path, m in matches.items()
    ]


def _by_style(folder: Path, images: Sequence[Path]) -> list[OfficialFile]:
    """Return the results of MUNIT's ``test_batch.py``: a folder per style, with equal names.

    The folder is the one that holds these, or the one of the inputs beside them.
    """
    if all(_INPUT.fullmatch(path.stem) and path.parent == folder for path in images):
        parent, prefix = folder.resolve().parent, folder.resolve().name
        beside = [p for p in sorted(parent.glob(f"{escape(prefix)}_*")) if p.is_dir()]
        return _styles({p: list(find_results(p).images) for p in beside}, prefix)
    by_folder: dict[Path, list[Path]] = defaultdict(list)
    for path in images:
        parts = path.relative_to(folder).parts
        by_folder[folder / parts[0] if len(parts) > 1 else folder].append(path)
    inputs = {p for p, own in by_folder.items() if all(_INPUT.fullmatch(i.stem) for i in own)}
    styles = {p: own for p, own in by_folder.items() if p not in inputs}
    prefixes = {m[1] if (m := _STYLE_FOLDER.fullmatch(p.name)) else "" for p in styles}
    if len(prefixes) != 1 or folder in styles or inputs - {folder / next(iter(prefixes))}:
        return []
    return _styles(styles, next(iter(prefixes)))


def _styles(folders: dict[Path, list[Path]], prefix: str) -> list[OfficialFile]:
    """Return the results in folders of styles; none unless these are complete and alike."""
    numbers = {
        int(match[2]): path
        for path in folders
        if (match := _STYLE_FOLDER.fullmatch(path.name)) and match[1] == prefix
    }
    names = [{_name(image, path) for image in folders[path]} for path in numbers.values()]
    complete = len(numbers) == len(folders) > 1 and set(numbers) == set(range(len(numbers)))
    if not complete or not names[0] or any(own != names[0] for own in names):
        return []
    return [
        OfficialFile(image, _name(image, path), number, "")
        for number, path in sorted(numbers.items())
        for image in folders[path]
    ]


def _unit(folder: Path, images: Sequence[Path]) -> list[OfficialFile]:
    """Return the results of UNIT's ``test_batch.py``, as many as there are numbered inputs."""
    inputs = {path for path in images if path.parent == folder and _INPUT.fullmatch(path.stem)}
    results = [path for path in images if path not in inputs]
    expected = {f"input{number:03}" for number in range(len(results))}
    if not inputs or {path.stem for path in inputs} != expected or len(inputs) != len(results):
        return []
    return [OfficialFile(path, _name(path, folder), 0, "") for path in results]


def _role(path: Path, match: re.Match[str] | None) -> str:
    if match and match["other"]:
        return f"_{match['other']}"
    return "input" if path.stem.startswith("input") else path.suffix.lower()


def _name(path: Path, root: Path) -> str:
    return path.relative_to(root).with_suffix("").as_posix()
