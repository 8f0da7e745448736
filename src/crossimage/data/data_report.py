"""What an inspection found in a data set, and how it is printed."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field

from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

from crossimage.data.samples.datasets import ImageDataset
from crossimage.utils.streams import printable


@dataclass
class SplitReport:
    """The training or the test images of a domain.

    Attributes:
        domain: The domain's name.
        split: ``train`` or ``test``.
        count: Number of files, including broken ones.
        sizes: Width and height of the smallest, median and largest image by area; of side-by-side
            pairs, those of each half. Empty if all files are broken.
        modes: Number of images per pixel format.
        depths: Number of images per depth.
        channels: Number of images per channel count.
        broken: Path and reason of each file that cannot be used.
        bombs: Number of broken files with too many pixels, which stop training.
        enlarged: Number of images that training would have to enlarge.
        classes: Number of images per class, if the method needs classes.
        attributes: Number of images with each attribute, if they have attributes.
        blank: Paths of the images all of whose pixels look the same.
        flat_channels: Paths of the other images with a colour channel that is the same everywhere.
        labels: How many images have each class or attribute, as text; empty without labels.
        limits: Lowest and highest value of the images of more than 8 bits, if there are any.
        full: The value of white in images of more than 8 bits; the highest, if they differ.
        gaps: Number of images with pixels without a value, and of such pixels.
        ignored_profiles: Number of images whose colour profile cannot be used.
    """

    domain: str
    split: str
    count: int
    sizes: list[tuple[int, int]] = field(default_factory=list)
    modes: Counter[str] = field(default_factory=Counter)
    depths: Counter[str] = field(default_factory=Counter)
    channels: Counter[int] = field(default_factory=Counter)
    broken: list[tuple[str, str]] = field(default_factory=list)
    bombs: int = 0
    enlarged: int = 0
    classes: Counter[str] = field(default_factory=Counter)
    attributes: Counter[str] = field(default_factory=Counter)
    blank: list[str] = field(default_factory=list)
    flat_channels: list[str] = field(default_factory=list)
    labels: str = ""
    limits: tuple[float, float] | None = None
    full: int = 0
    gaps: tuple[int, int] = (0, 0)
    ignored_profiles: int = 0


@dataclass
class DataReport:
    """The result of :func:`crossimage.data.inspect.inspect`.

    Attributes:
        data: The data set as the user named it.
        splits: One report per domain on its training images, and on its test images if any.
        training: Sentences that describe the training.
        problems: Sentences on problems that would stop training.
        left_out: Unused files and folders, counted by reason in one line; None if there are none.
        sources: Sentences on which images are for training and which for tests, which of them are
            pairs, and which test images are also training images.
        images: The samples that training would see.
    """

    data: str
    splits: list[SplitReport]
    training: list[str]
    problems: list[str]
    left_out: str | None = None
    sources: list[str] = field(default_factory=list)
    images: ImageDataset | None = field(default=None, repr=False)


def print_report(report: DataReport, console: Console | None = None) -> None:
    """Print a report: a table of the images, the broken files, and what training would do."""
    console = console or Console()
    table = Table(
        title=Text(printable(report.data)),
        box=box.SIMPLE_HEAD,
        padding=(0, 1, 0, 0),
        title_justify="left",
    )
    for heading in ("domain", "split", "images", "smallest", "median", "largest", "formats",
                    "depths", "channels"):  # fmt: skip
        table.add_column(heading, no_wrap=heading != "domain", overflow="fold")
    for split in report.splits:
        sizes = [f"{width}x{height}" for width, height in split.sizes] or ["-"] * 3
        counted = [Text(_counted(c)) for c in (split.modes, split.depths, split.channels)]
        # as text, since brackets in strings are markup, and words between colons emoji
        table.add_row(
            Text(printable(split.domain)), split.split, str(split.count), *sizes, *counted
        )
    console.print(table)
    for split in report.splits:
        if split.labels:
            console.print(
                printable(split.labels), markup=False, emoji=False, highlight=False, soft_wrap=True
            )
    # both domains of a pair share its reason, which is printed once
    broken = dict.fromkeys(reason for split in report.splits for _, reason in split.broken)
    if broken:
        console.print(f"{len(broken)} broken:")
    left_out = [report.left_out] if report.left_out else []
    lines = [*broken, *report.sources, *left_out, *report.training]
    lines += [f"problem: {problem}" for problem in report.problems]
    for line in lines:
        console.print(printable(line), markup=False, emoji=False, highlight=False, soft_wrap=True)


def _counted(counter: Counter[str] | Counter[int]) -> str:
    """Return text such as ``RGB``, if all are the same, or lines such as ``RGB 10`` and ``L 2``."""
    if len(counter) == 1:
        return str(next(iter(counter)))
    return "\n".join(f"{value} {count}" for value, count in counter.most_common()) or "-"
