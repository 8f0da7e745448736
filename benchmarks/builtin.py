"""Train the built-in model again and compare its figures: a check before a release.

    python benchmarks/builtin.py FOLDER [--write]

Follows the commands in checkpoints/builtin/outlines.json, in FOLDER, and measures the shipped model
and the new one alike. Fails if the intervals of their FIDs do not overlap, or if the new one has
more than 1.5 times the real objects' power in the band of a mesh of 3 pixels. --write puts the new
model, in bfloat16, in place of the shipped one. Takes 11 minutes on one core.
"""

from __future__ import annotations

import argparse
import json
import shlex
import subprocess
import sys
from pathlib import Path

import crossimage
from crossimage.checkpoints.addresses import BUILTIN
from crossimage.checkpoints.model_file import save_model

MADE = json.loads((BUILTIN / "outlines.json").read_text())
MOST_MESH = 1.5
BAND = "axes 0.30-0.36"


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--write", action="store_true")
    options = parser.parse_args()
    folder = options.folder.resolve()
    folder.mkdir(parents=True, exist_ok=True)
    if not (folder / "data").exists():
        call(shlex.split(MADE["data"]), folder)
    call(shlex.split(MADE["train"]), folder)
    words = shlex.split(MADE["evaluate"])
    words.insert(words.index("builtin:outlines") + 1, "run")
    call([*words, "--out", "report"], folder)
    newest = max((folder / "report").glob("report*.json"), key=lambda file: file.stat().st_mtime)
    report = json.loads(newest.read_text())
    shipped, new = (run["figures"][0] for run in report["runs"])
    mesh = mesh_of(folder / "run", folder / "data")
    lowest, highest = zip(shipped["interval"], new["interval"], strict=True)
    apart = max(lowest) > min(highest)
    print(f"FID: shipped {shipped['value']:.3f} {shipped['interval']}, ", end="")
    print(f"new {new['value']:.3f} {new['interval']}; mesh {mesh:.2f}, at most {MOST_MESH}")
    if apart or mesh > MOST_MESH:
        print("the new model is not like the shipped one")
        return 1
    if options.write:
        networks = crossimage.load(folder / "run").networks
        save_model(BUILTIN / "outlines.safetensors", networks, bf16=True)
        print("written; update the figures in outlines.json")
    return 0


def call(words: list[str], folder: Path) -> None:
    """Carry out a command of ours in a folder."""
    subprocess.run([sys.executable, "-m", *words], cwd=folder, check=True)


def mesh_of(run: Path, data: Path) -> float:
    """Return a model's power in the band of the mesh, relative to the real images'."""
    script = Path(__file__).parent / "artefacts.py"
    words = [sys.executable, str(script), str(run), "--data", str(data)]
    table = subprocess.run(words, check=True, capture_output=True, text=True).stdout.splitlines()
    heading, row = (
        [cell.strip() for cell in line.split("|")]
        for line in (table[0], next(line for line in table if line.startswith("| run ")))
    )
    return float(row[heading.index(BAND)])


if __name__ == "__main__":
    sys.exit(main())
