"""The figures of a study, method by method."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from crossimage.evaluation.report.figures import (
    HIGHER,
    Direction,
    Figure,
    library,
    neither,
    wilson_interval,
)
from crossimage.evaluation.report.page import Evaluation
from crossimage.evaluation.report.plots import Histogram
from crossimage.study.analysis.counted import CountedVotes, agreement
from crossimage.study.analysis.statistics import (
    clustered_mean,
    strengths_of,
    win_matrix,
)
from crossimage.study.settings import Settings
from crossimage.study.store import Vote

CENTRED = neither("higher is better; the mean of all methods is 0")


@dataclass(frozen=True)
class ReportTable:
    """A table of the report.

    Attributes:
        title: Its title.
        head: Headings of the columns.
        rows: Lines of text.
        note: What it means; may be empty.
    """

    title: str
    head: list[str]
    rows: list[list[str]]
    note: str = ""


@dataclass
class StudyFigures:
    """The figures of a study.

    Attributes:
        methods: The figures of every method.
        tables: Tables of the whole study.
    """

    methods: list[Evaluation]
    tables: list[ReportTable] = field(default_factory=list)


def figures_of(counted: CountedVotes, settings: Settings) -> StudyFigures:
    """Return the figures of a study.

    Raises:
        ValueError: No vote counts.
    """
    votes = counted.votes
    if not votes:
        more = "; ".join(f"{n} left out: {reason}" for reason, n in counted.left_out.items())
        raise ValueError(f"no vote counts{f' ({more})' if more else ''}; serve the study first")
    methods = list(settings.methods)
    protocol = settings.protocol
    figures: dict[str, list[Figure]] = {method: [] for method in methods}
    missing: dict[str, dict[str, str]] = {method: {} for method in methods}
    histograms: dict[str, list[Histogram]] = {method: [] for method in methods}
    tables: list[ReportTable] = []
    if protocol == "preference":
        _preference(votes, settings, figures, missing)
    elif protocol == "choice":
        _choice(votes, settings, figures)
    elif protocol == "real-or-fake":
        tables.append(_fooled(votes, settings, figures))
    else:
        tables += _opinions(votes, settings, figures, histograms)
    if protocol in ("preference", "choice"):
        tables.append(_strengths(votes, settings, figures))
    for method in methods:
        if not figures[method]:
            missing[method].setdefault(_NAMES[protocol], "no vote counts")
    tables += [_left_out(counted), _agreement(votes, settings), _times(votes)]
    facts = {"protocol": protocol, "question": settings.question}
    return StudyFigures(
        [
            Evaluation(
                method, {**facts, "method": settings.methods[method]}, figures[method],
                missing=missing[method], histograms=histograms[method],
            )
            for method in methods
        ],
        tables,
    )  # fmt: skip


_NAMES = {
    "preference": "preference", "choice": "chosen", "real-or-fake": "fooled", "opinion": "mos",
}  # fmt: skip


def _share(
    name: str, hits: Sequence[bool], people: Sequence[int], protocol: str, settings: Settings,
    variant: str = "%", direction: Direction = HIGHER,
) -> Figure:  # fmt: skip
    values = [100.0 * hit for hit in hits]
    mean, interval = clustered_mean(values, people, settings.seed)
    low, high = (100 * end for end in wilson_interval(mean / 100, len(hits)))
    return Figure(
        name, mean, interval, len(hits),
        f"{protocol}; {len(hits)} votes of {len(set(people))} people; bootstrap over people",
        settings.seed, library("numpy"), True,
        f"Wilson interval, as if all votes were independent: {low:.1f} to {high:.1f}",
        direction, name.partition("_")[0], variant,
    )  # fmt: skip


def _preference(
    votes: Sequence[Vote], settings: Settings, figures: dict[str, list[Figure]],
    missing: dict[str, dict[str, str]],
) -> None:  # fmt: skip
    baseline = settings.baseline
    missing[baseline]["preference"] = "the others are compared with it"
    for method in figures:
        if method == baseline:
            continue
        own = [v for v in votes if {method, baseline} == {o.method for o in v.question.options}]
        if own:
            hits = [_chosen(vote) == method for vote in own]
            text = f"percentage of votes that prefer it over {baseline}"
            people = [vote.person for vote in own]
            figures[method].append(_share("preference", hits, people, text, settings))
        else:
            missing[method]["preference"] = f"no vote compares it with {baseline}"


def _choice(votes: Sequence[Vote], settings: Settings, figures: dict[str, list[Figure]]) -> None:
    for method in figures:
        shown = [v for v in votes if method in {o.method for o in v.question.options}]
        attributes = list(dict.fromkeys(vote.question.attribute for vote in shown))
        for attribute in ["", *(attributes if len(attributes) > 1 else [])]:
            own = [v for v in shown if not attribute or v.question.attribute == attribute]
            if own:
                figures[method].append(
                    _share(
                        f"chosen_{attribute}" if attribute else "chosen",
                        [_chosen(vote) == method for vote in own], [vote.person for vote in own],
                        "percentage of votes that choose it"
                        + (f" for {attribute}" if attribute else ""),
                        settings,
                    )
                )  # fmt: skip


def _fooled(
    votes: Sequence[Vote], settings: Settings, figures: dict[str, list[Figure]]
) -> ReportTable:
    for method in figures:
        own = [vote for vote in votes if vote.question.group == method]
        if own:
            hits = [vote.answer == 0 for vote in own]
            text = "percentage of votes that take the real image for the generated one"
            people = [vote.person for vote in own]
            figures[method].append(_share("fooled", hits, people, text, settings))
    blocks = sorted({vote.position // 10 for vote in votes})
    rows = []
    for method in figures:
        cells = []
        for block in blocks:
            hits = [
                vote.answer == 0
                for vote in votes
                if vote.question.group == method and vote.position // 10 == block
            ]
            cells.append(f"{100 * sum(hits) / len(hits):.1f} ({len(hits)})" if hits else "–")
        rows.append([method, *cells])
    head = ["", *(f"questions {10 * block + 1} to {10 * block + 10}" for block in blocks)]
    note = "Percent fooled, and number of votes: whether people learn over time."
    return ReportTable("Percent fooled over trials", head, rows, note)


def _opinions(
    votes: Sequence[Vote], settings: Settings, figures: dict[str, list[Figure]],
    histograms: dict[str, list[Histogram]],
) -> list[ReportTable]:  # fmt: skip
    counts: list[list[str]] = []
    means: dict[str, dict[str, list[int]]] = defaultdict(lambda: defaultdict(list))
    for method in figures:
        own = [vote for vote in votes if vote.question.options[0].method == method]
        if not own:
            continue
        ratings = [float(vote.answer) for vote in own]
        people = [vote.person for vote in own]
        mean, interval = clustered_mean(ratings, people, settings.seed)
        figures[method].append(
            Figure(
                "mos", mean, interval, len(own),
                f"mean of ratings from 1 (bad) to 5 (excellent); {len(own)} ratings of "
                f"{len(set(people))} people; bootstrap over people",
                settings.seed, library("numpy"), True, "", HIGHER, "mos",
            )
        )  # fmt: skip
        histograms[method].append(
            Histogram("Ratings", "1 (bad) to 5 (excellent)", {method: ratings})
        )
        number = Counter(vote.answer for vote in own)
        counts.append([method, *(str(number[rating]) for rating in range(1, 6))])
        for vote in own:
            means[vote.question.item][method].append(vote.answer)
    names = [method for method in figures if figures[method]]
    rows = [
        [item, *(_mean(by_method.get(method, [])) for method in names)]
        for item, by_method in sorted(means.items())
    ]
    return [
        ReportTable("Ratings", ["", *map(str, range(1, 6))], counts, "Number of votes."),
        ReportTable(
            "Mean rating per image", ["", *names], rows, "In brackets the number of votes."
        ),
    ]


def _mean(ratings: Sequence[int]) -> str:
    return f"{sum(ratings) / len(ratings):.2f} ({len(ratings)})" if ratings else "–"


def wins_of(votes: Sequence[Vote]) -> tuple[list[tuple[str, str]], list[int]]:
    """Return winner and loser of each comparison, and who compared.

    The option that was chosen wins over each other one.
    """
    wins, people = [], []
    for vote in votes:
        chosen = _chosen(vote)
        for option in vote.question.options:
            if option.method != chosen:
                wins.append((chosen, option.method))
                people.append(vote.person)
    return wins, people


def _strengths(
    votes: Sequence[Vote], settings: Settings, figures: dict[str, list[Figure]]
) -> ReportTable:
    wins, people = wins_of(votes)
    methods = [m for m in figures if any(m in pair for pair in wins)]
    for method, (value, interval) in strengths_of(wins, people, methods, settings.seed).items():
        figures[method].append(
            Figure(
                "bradley_terry", value, interval, len(wins),
                f"strength by Bradley and Terry from {len(wins)} comparisons of "
                f"{len(set(people))} people; bootstrap over people",
                settings.seed, library("choix", "numpy"), True, "", CENTRED, "bradley_terry",
            )
        )  # fmt: skip
    matrix = win_matrix(wins, methods)
    both = matrix + matrix.T
    rows = [
        [
            method,
            *(
                f"{100 * matrix[i, j] / both[i, j]:.1f} % of {both[i, j]:.0f}"
                if both[i, j]
                else "–"
                for j in range(len(methods))
            ),
        ]
        for i, method in enumerate(methods)
    ]
    note = "How often the method of the row wins over that of the column."
    return ReportTable("Wins", ["", *methods], rows, note)


def _left_out(counted: CountedVotes) -> ReportTable:
    rows = [[reason, str(number)] for reason, number in counted.left_out.items()]
    rows.insert(0, ["counted", str(len(counted.votes))])
    note = f"Votes of {counted.people} people count; {counted.excluded} people are excluded."
    return ReportTable("Votes", ["", "votes"], rows, note)


def _agreement(votes: Sequence[Vote], settings: Settings) -> ReportTable:
    alpha = agreement(votes, settings)
    kind = "interval" if settings.protocol == "opinion" else "nominal"
    value = "–" if alpha is None else f"{alpha:.3f}"
    note = "1 is perfect agreement, 0 that of chance; questions with two or more answers."
    return ReportTable("Agreement", ["", "value"], [[f"Krippendorff's alpha, {kind}", value]], note)


def _times(votes: Sequence[Vote]) -> ReportTable:
    seconds = np.array([vote.seconds for vote in votes])
    low, middle, high = np.percentile(seconds, (25, 50, 75))
    row = ["seconds", f"{low:.1f}", f"{middle:.1f}", f"{high:.1f}", f"{seconds.max():.1f}"]
    head = ["", "first quartile", "median", "third quartile", "longest"]
    return ReportTable("Time per answer", head, [row])


def _chosen(vote: Vote) -> str:
    return vote.question.options[vote.answer].method
