"""Generate the notebooks from the scripts beside them: `make notebooks`.

A script holds cells in the percent format of jupytext; the notebooks hold no outputs.
"""

from __future__ import annotations

from pathlib import Path

import jupytext
import nbformat

FOLDER = Path(__file__).resolve().parent
SCRIPTS = sorted(set(FOLDER.glob("*.py")) - {Path(__file__).resolve()})
KERNEL = {"display_name": "Python 3", "language": "python", "name": "python3"}


def notebook(script: Path) -> str:
    """Return the notebook of a script as JSON, the same every time."""
    cells = jupytext.reads(script.read_text(encoding="utf-8"), fmt="py:percent").cells
    for number, cell in enumerate(cells, start=1):
        cell["id"] = f"cell-{number}"
        cell["metadata"] = {}
    made = nbformat.v4.new_notebook(cells=cells, metadata={"kernelspec": KERNEL})
    nbformat.validate(made)
    return nbformat.writes(made) + "\n"


if __name__ == "__main__":
    for path in SCRIPTS:
        path.with_suffix(".ipynb").write_text(notebook(path), encoding="utf-8")
        print(path.with_suffix(".ipynb"))
