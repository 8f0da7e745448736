"""Which votes count, and why others do not."""

from __future__ import annotations

import csv
import io
from collections import Counter, defaultdict
from collections.abc import Hashable, Sequence
from dataclasses import dataclass

from crossimage.study.analysis.statistics import krippendorff_alpha
from crossimage.study.settings import Settings
from crossimage.study.store import Vote


@dataclass(frozen=True)
class CountedVotes:
    """The votes of a study, sorted.

    Attributes:
        votes: Votes that count.
        left_out: Number of votes that do not, by reason.
        people: Number of people with votes that count.
        excluded: Number of people who are excluded.
    """

    votes: list[Vote]
    left_out: dict[str, int]
    people: int
    excluded: int


def reason_against(vote: Vote, settings: Settings) -> str:
    """Return why a vote does not count; empty if it does."""
    if vote.question.kind != "trial":
        return f"{vote.question.kind}: not a question that counts"
    if vote.wrong >= settings.wrong_checks:
        return f"{settings.wrong_checks} or more wrong answers to checks exclude the person"
    if settings.exposure:
        wanted = 1000 * settings.exposure
        off = settings.exposure_tolerance * wanted
        if vote.views > 1:
            return "the page was opened more than once, so images may have been seen for longer"
        if len(vote.exposures) < 2:
            return "the exposure was not measured"
        if any(abs(time - wanted) > off for time in vote.exposures):
            return f"the exposure was not {wanted:g} ms ± {off:g} ms"
    return ""


def sort_votes(votes: Sequence[Vote], settings: Settings) -> CountedVotes:
    """Sort votes into those that count and others, counted by reason."""
    reasons = [reason_against(vote, settings) for vote in votes]
    kept = [vote for vote, reason in zip(votes, reasons, strict=True) if not reason]
    excluded = {vote.person for vote in votes if vote.wrong >= settings.wrong_checks}
    left_out = Counter(reason for reason in reasons if reason)
    return CountedVotes(kept, dict(left_out), len({vote.person for vote in kept}), len(excluded))


def agreement(votes: Sequence[Vote], settings: Settings) -> float | None:
    """Return Krippendorff's alpha of votes that count; None where it is not defined."""
    units: dict[Hashable, list[float]] = defaultdict(list)
    for vote in votes:
        units[vote.question.key].append(vote.answer)
    return krippendorff_alpha(units, "interval" if settings.protocol == "opinion" else "nominal")


def as_csv(votes: Sequence[Vote], settings: Settings) -> str:
    """Return all votes as CSV, one per line, with the reason why one does not count."""
    buffer = io.StringIO()
    lines = csv.writer(buffer, lineterminator="\n")
    lines.writerow(
        ["person", "participant", "kind", "item", "attribute", "shown", "answer", "position",
         "seconds", "exposures", "views", "stored", "left_out"]
    )  # fmt: skip
    for vote in votes:
        options, rated = vote.question.options, vote.question.is_rated
        shown = [options[index].method for index in (vote.ordering if not rated else (0,))]
        answer = str(vote.answer) if rated else options[vote.answer].method
        lines.writerow(
            [
                vote.person, _text(vote.platform or ""), vote.question.kind,
                _text(vote.question.item), _text(vote.question.attribute), _text(" | ".join(shown)),
                _text(answer), vote.position + 1, f"{vote.seconds:.3f}",
                " ".join(f"{time:g}" for time in vote.exposures), vote.views, f"{vote.at:.3f}",
                reason_against(vote, settings),
            ]
        )  # fmt: skip
    return buffer.getvalue()


def _text(text: str) -> str:
    """Return text that spreadsheets do not take for a formula."""
    return f"'{text}" if text[:1] in ("=", "+", "-", "@", "\t") else text
