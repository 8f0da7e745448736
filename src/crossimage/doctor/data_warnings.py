"""Warnings of what does not stop training, but may spoil it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from crossimage.data.data_report import SplitReport
from crossimage.data.images.class_ids import DARK
from crossimage.data.make.made import beside, command
from crossimage.data.samples.datasets import ImageDataset
from crossimage.data.samples.unpaired import UnpairedImages
from crossimage.data.sources.find import visible_folders
from crossimage.data.sources.folders import Domain, Split
from crossimage.data.sources.split_names import split_folders
from crossimage.doctor.appearance import Appearances
from crossimage.doctor.findings import Colours, NearDuplicatePair
from crossimage.utils.texts.counts import counted, verb

_FEW = 50  # training images of a domain
_SMALL_PART = 8  # one part in so many of the range of 16 bits
_NEARLY_ALL = 0.999  # of the pixels
_NAMED = 3


@dataclass(frozen=True)
class DataWarning:
    """Something that does not stop training, but may spoil it.

    Attributes:
        text: What was found, and what to do.
        command: A command that helps; None if there is none.
        first: Whether this command makes the data set that training needs.
        settings: Settings that help, by key, such as ``value_range.a``.
    """

    text: str
    command: str | None = None
    first: bool = False
    settings: Mapping[str, tuple[int, ...]] = field(default_factory=dict)


def warn_of_leaks(alike: Sequence[NearDuplicatePair], data: Path) -> list[DataWarning]:
    """Warn of test images that look like training images."""
    across = [pair for pair in alike if pair.splits == ("train", "test")]
    tests = {pair.second: pair.first for pair in across}
    if not tests:
        return []
    named = ", ".join(f"{test} ({train})" for test, train in list(tests.items())[:_NAMED])
    more = ", ..." if len(tests) > _NAMED else ""
    dividing = dividing_command(data)
    remedy = "divide the images so that these stay together" if dividing else "remove them"
    return [
        DataWarning(
            f"{counted(len(tests), 'test image')} {verb(len(tests), 'look')} like training "
            f"images and so {verb(len(tests), 'test')} little: {named}{more}; {remedy}.",
            dividing,
        )
    ]


def dividing_command(data: Path) -> str | None:
    """Return the command that divides data without test images; None if it has some."""
    if not data.is_dir():
        return None
    splits = split_folders(visible_folders(data))
    folder = data
    if splits:
        names = splits.get(("train", ""))
        if len(splits) > 1 or not names:
            return None
        folder = data / names[0]
    return command("data", "make", "split", "--from", folder, "--out", beside(data, "_split"))


def warn_of_copies(
    copies: Mapping[tuple[str, Split], int], domains: Mapping[str, Domain]
) -> list[DataWarning]:
    """Warn of many training images that look like another one."""
    warnings = []
    for (name, split), count in copies.items():
        total = len(domains[name].files(split))
        if split == "train" and count * 20 > total:
            warnings.append(
                DataWarning(
                    f"{count} of {counted(total, 'training image')} of {name} "
                    f"{verb(count, 'look')} like another one, such as frames of a video; the "
                    "variety is that of fewer images."
                )
            )
    return warnings


def warn_of_shared_images(images: ImageDataset, appearances: Appearances) -> list[DataWarning]:
    """Warn of training images that are in several unpaired domains."""
    if not isinstance(images, UnpairedImages):
        return []
    places: dict[bytes, dict[str, Path]] = {}
    for index in (index for group in images.groups for index in group):
        domain = images.domains[index]
        for path in (path for path in domain.train if path in appearances):
            same = places.setdefault(appearances[path].fingerprint.tobytes(), {})
            same.setdefault(domain.name, path)
    shared = [list(same.values()) for same in places.values() if len(same) > 1]
    if not shared:
        return []
    named = ", ".join(f"{first} ({second})" for first, second, *_ in shared[:_NAMED])
    more = ", ..." if len(shared) > _NAMED else ""
    count = len(shared)
    return [
        DataWarning(
            f"{counted(count, 'training image')} {verb(count, 'are')} in more than one domain, "
            f"which blurs what tells the domains apart: {named}{more}; remove the copies from the "
            "domain to which they do not belong."
        )
    ]


def warn_of_label_maps(
    found: Sequence[Colours], domains: Mapping[str, Domain], data: Path
) -> list[DataWarning]:
    """Warn of label maps that hold class numbers in place of colours."""
    warnings = []
    for name, domain in domains.items():
        numbers: set[int] = set()
        for colours in found:
            if colours.domain == name:
                numbers |= set(colours.numbers)
        if not numbers:
            continue
        folder = data if data.is_dir() else domain.train_root
        low, high = min(numbers), max(numbers - {255})
        black = "are nearly black" if high < DARK else "are gray"
        text = (
            f"The images of {name} are label maps of the class numbers {low} to {high}, which "
            f"{black} to a network; give each class its colour"
        )
        if not folder.is_dir():  # lists of files, or tar files
            text += ": copy them to a folder, and run `crossimage data make labels --from` on it."
            warnings.append(DataWarning(text))
            continue
        palette = _palette(folder, numbers)
        words: list[str | Path] = ["--from", folder, "--out", beside(folder, "_colours")]
        words += ["--palette", palette] if palette else []
        making = command("data", "make", "labels", *words)
        warnings.append(DataWarning(f"{text}.", making, first=True))
    return warnings


def _palette(folder: Path, numbers: set[int]) -> str | None:
    """Return the palette of a known data set, judging by the folder's name and the numbers."""
    name, high = str(folder.resolve()).casefold(), max(numbers - {255})
    if "camvid" in name and high <= 11:
        return "camvid"
    if "cityscapes" in name and high <= 33:
        return "cityscapes_train" if high <= 18 else "cityscapes"
    return None


def warn_of_dark_images(
    found: Sequence[Colours], splits: Sequence[SplitReport]
) -> list[DataWarning]:
    """Warn of nearly black training images of 8 bits, such as class numbers stored as JPEG."""
    deep = {s.domain for s in splits if s.split == "train" and s.limits}
    return [
        DataWarning(
            f"The images of {colours.domain} are nearly black: hardly a pixel is lighter than "
            f"{DARK} of 255. If they are label maps of class numbers, store these without loss, as "
            "PNG with one channel (JPEG changes them), and give each class its colour with "
            "`crossimage data make labels`."
        )
        for colours in found
        if colours.split == "train" and colours.domain not in deep and not colours.numbers
        if colours.tone.contrast and colours.tone.share_below(DARK) > _NEARLY_ALL
    ]


def warn_of_values(images: ImageDataset, splits: Sequence[SplitReport]) -> list[DataWarning]:
    """Warn of images of 16 bits that use a small part of their range."""
    config, warnings = images.config, []
    for split in splits:
        letter = next(
            a for a, d in zip(images.letters, images.domains, strict=True) if d.name == split.domain
        )
        deep = split.depths.get("16-bit", 0) == sum(split.depths.values()) > 0
        if not deep or split.limits is None or config.range_of(letter) is not None:
            continue
        high = split.limits[1]
        if split.split == "train" and 0 < high <= split.full / _SMALL_PART:
            full = 2 ** max(8, int(high).bit_length()) - 1
            key = f"value_range.{letter}"
            warnings.append(
                DataWarning(
                    f"The 16-bit images of {split.domain} hold values up to {high:g} of "
                    f"{split.full}, so they are nearly black; set `{key}=0,{full}`.",
                    settings={key: (0, full)},
                )
            )
    return warnings


def warn_of_broken_and_blank(splits: Sequence[SplitReport]) -> list[DataWarning]:
    """Warn of a few images that can't be used, and of those of one colour."""
    warnings = []
    for split in splits:
        name = f"{split.domain} ({split.split})"
        if split.broken and len(split.broken) * 20 <= split.count:
            warnings.append(
                DataWarning(
                    f"{name}: {len(split.broken)} of {counted(split.count, 'image')} can't be "
                    "used and would be skipped."
                )
            )
        if split.blank:
            warnings.append(
                DataWarning(
                    f"{name}: {len(split.blank)} of {counted(split.count, 'image')} "
                    f"{verb(len(split.blank), 'are')} blank."
                )
            )
    return warnings


def warn_of_few_images(splits: Sequence[SplitReport]) -> list[DataWarning]:
    """Warn of domains with few training images."""
    return [
        DataWarning(
            f"{split.domain} has {counted(split.count, 'training image')}; with fewer than "
            f"{_FEW}, discriminators soon memorise them."
        )
        for split in splits
        if split.split == "train" and split.count < _FEW
    ]


def warn_of_enlargement(splits: Sequence[SplitReport]) -> list[DataWarning]:
    """Warn of training images most of which would be enlarged."""
    return [
        DataWarning(
            f"{split.enlarged} of {counted(split.count, 'image')} of {split.domain} "
            f"{verb(split.enlarged, 'are')} smaller than training needs and would be "
            "enlarged, that is, blurred; choose a smaller `resize` and `crop`, or larger "
            "images."
        )
        for split in splits
        if split.split == "train" and split.enlarged * 2 > split.count
    ]


def warn_of_opacity(
    domains: Mapping[str, Domain], appearances: Appearances, images: ImageDataset
) -> list[DataWarning]:
    """Warn of transparent parts that training would not see."""
    channels = {d.name: n for d, n in zip(images.domains, images.channels, strict=True)}
    counts = {
        name: sum(appearances[path].opacity for path in domain.train if path in appearances)
        for name, domain in domains.items()
        if channels[name] != 4
    }
    found = {name: count for name, count in counts.items() if count}
    if not found:
        return []
    total = sum(found.values())
    wanted = tuple(4 if name in found else channels[name] for name in domains)
    try:
        replace(images.config, channels=wanted)
    except ValueError:  # the method needs the same number in all domains
        wanted = (4,) * len(wanted)
    return [
        DataWarning(
            f"{counted(total, 'training image')} of {' and '.join(found)} {verb(total, 'have')} "
            "transparent parts, which become white; set "
            f"`channels={','.join(map(str, wanted))}` to keep their opacity.",
            settings={"channels": wanted},
        )
    ]
