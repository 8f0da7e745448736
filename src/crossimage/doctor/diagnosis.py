"""Everything that the doctor finds in a data set."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from crossimage.data.data_report import DataReport
from crossimage.data.sources.folders import Domain, Split
from crossimage.doctor.appearance import Appearances
from crossimage.doctor.data_warnings import (
    DataWarning,
    warn_of_broken_and_blank,
    warn_of_copies,
    warn_of_dark_images,
    warn_of_enlargement,
    warn_of_few_images,
    warn_of_label_maps,
    warn_of_leaks,
    warn_of_opacity,
    warn_of_shared_images,
    warn_of_values,
)
from crossimage.doctor.findings import Colours, NearDuplicatePair, find_alike, find_colours
from crossimage.utils.texts.counts import counted


@dataclass
class Diagnosis:
    """What the doctor finds.

    Attributes:
        report: What was read, and what stops training.
        problems: Sentences on everything that would stop training.
        warnings: What may spoil it.
        colours: The colours of each domain and split.
        alike: Images of a domain that look the same, those of two splits first.
        copies: By domain and split, the number of images that look like an earlier one.
    """

    report: DataReport
    problems: list[str]
    warnings: list[DataWarning] = field(default_factory=list)
    colours: list[Colours] = field(default_factory=list)
    alike: list[NearDuplicatePair] = field(default_factory=list)
    copies: dict[tuple[str, Split], int] = field(default_factory=dict)

    @property
    def state(self) -> Literal["stops", "warnings", "ready"]:
        """The verdict in one word."""
        return "stops" if self.problems else "warnings" if self.warnings else "ready"

    @property
    def verdict(self) -> str:
        """The verdict in one sentence."""
        return {
            "stops": f"Training would stop: {counted(len(self.problems), 'problem')}.",
            "warnings": f"Ready to train, with {counted(len(self.warnings), 'warning')}.",
            "ready": "Ready to train.",
        }[self.state]


def diagnose(report: DataReport, appearances: Appearances, *, sized: bool = True) -> Diagnosis:
    """Draw conclusions from what was read.

    Args:
        report: What :func:`crossimage.data.inspect.inspect` returns.
        appearances: The appearance of each image.
        sized: Whether the sizes that training would use are chosen already.
    """
    images, data, splits = report.images, Path(report.data).expanduser(), report.splits
    assert images is not None
    domains = {domain.name: domain for domain in images.domains}
    diagnosis = Diagnosis(report, list(report.problems))
    shown = {split.domain for split in splits}
    for domain in (domain for name, domain in domains.items() if name in shown):
        diagnosis.colours += find_colours(domain, appearances)
    for domain in _with_own_files(images.domains):
        pairs, copies = find_alike(domain, appearances)
        diagnosis.alike += pairs
        diagnosis.copies |= {(domain.name, split): count for split, count in copies.items()}
    diagnosis.alike.sort(key=lambda pair: pair.splits[0] == pair.splits[1])
    diagnosis.warnings += [
        *warn_of_leaks(diagnosis.alike, data),
        *warn_of_label_maps(diagnosis.colours, domains, data),
        *warn_of_dark_images(diagnosis.colours, splits),
        *warn_of_values(images, splits),
        *warn_of_broken_and_blank(splits),
        *warn_of_few_images(splits),
        *(warn_of_enlargement(splits) if sized else []),
        *warn_of_copies(diagnosis.copies, domains),
        *warn_of_shared_images(images, appearances),
        *warn_of_opacity(domains, appearances, images),
    ]
    return diagnosis


def _with_own_files(domains: Sequence[Domain]) -> list[Domain]:
    """Return the domains without those whose files are another one's, too."""
    first: dict[tuple[Path, ...], Domain] = {}
    for domain in domains:
        first.setdefault((*domain.train, *domain.test), domain)
    return list(first.values())
