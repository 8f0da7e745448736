"""Plot the losses of several runs in one figure, to see whether a setting affects training.

    python benchmarks/curves.py --out curves.svg bf16=RUN,RUN,RUN fp32=RUN,RUN,RUN

Draws a panel for every loss; runs of the same name share a colour. The lines are running means.
"""

from __future__ import annotations

import argparse
import csv
from itertools import chain
from pathlib import Path
from statistics import fmean

COLOURS = ("#d1495b", "#00798c", "#edae49", "#30638e")
WIDTH, HEIGHT, COLUMNS, GAP, TITLE = 300, 130, 3, 14, 18
SPAN = 5  # rows of metrics.csv on either side that a running mean covers

Line = list[tuple[float, float]]


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--out", required=True, type=Path, help="SVG file to write")
    parser.add_argument("groups", nargs="+", metavar="NAME=RUN,RUN,...")
    options = parser.parse_args()
    panels: dict[str, list[tuple[str, Line]]] = {}
    legend = []
    for colour, group in zip(COLOURS, options.groups, strict=False):
        name, _, runs = group.partition("=")
        legend.append((name, colour))
        for run in runs.split(","):
            for term, line in read(Path(run) / "metrics.csv").items():
                panels.setdefault(term, []).append((colour, line))
    options.out.write_text(figure(panels, legend), encoding="utf-8")
    print(f"{options.out}: {', '.join(panels)}")


def read(path: Path) -> dict[str, Line]:
    """Return the running means of all losses, by ``player/term``."""
    with open(path, newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    lines = {}
    for term in (name for name in rows[0] if "/" in name):
        points = [(float(row["step"]), float(row[term])) for row in rows if row[term]]
        values = [value for _, value in points]
        lines[term] = [
            (step, fmean(values[max(0, i - SPAN) : i + SPAN + 1]))
            for i, (step, _) in enumerate(points)
        ]
    return lines


def figure(panels: dict[str, list[tuple[str, Line]]], legend: list[tuple[str, str]]) -> str:
    down = -(-len(panels) // COLUMNS)
    width = COLUMNS * (WIDTH + GAP) + GAP
    height = down * (HEIGHT + TITLE + GAP) + 2 * GAP + TITLE
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" '
        'font-family="sans-serif" font-size="12"><rect width="100%" height="100%" fill="white"/>'
    ]
    for place, (name, colour) in enumerate(legend):
        x = GAP + 90 * place
        parts.append(f'<rect x="{x}" y="{GAP - 4}" width="12" height="12" fill="{colour}"/>')
        parts.append(f'<text x="{x + 18}" y="{GAP + 6}">{name}</text>')
    for place, (term, lines) in enumerate(panels.items()):
        left = GAP + place % COLUMNS * (WIDTH + GAP)
        top = 2 * GAP + 2 * TITLE + place // COLUMNS * (HEIGHT + TITLE + GAP)
        parts += panel(term, lines, left, top)
    return "\n".join([*parts, "</svg>\n"])


def panel(term: str, lines: list[tuple[str, Line]], left: int, top: int) -> list[str]:
    steps, values = zip(*chain.from_iterable(line for _, line in lines), strict=True)
    first, last = min(steps), max(steps)
    ordered = sorted(values)
    low, high = ordered[0], ordered[-1 - len(ordered) // 50]  # the first steps are far above
    across, up = WIDTH / ((last - first) or 1), HEIGHT / ((high - low) or 1)
    parts = [
        f'<text x="{left}" y="{top - 5}">{term}: {low:.3g} to {high:.3g}</text>',
        f'<rect x="{left}" y="{top}" width="{WIDTH}" height="{HEIGHT}" fill="none" stroke="#ccc"/>',
    ]
    for colour, line in lines:
        corners = " ".join(
            f"{left + (step - first) * across:.1f},"
            f"{top + HEIGHT - (min(value, high) - low) * up:.1f}"
            for step, value in line
        )
        parts.append(f'<polyline points="{corners}" fill="none" stroke="{colour}"/>')
    return parts


if __name__ == "__main__":
    main()
