"""A preference study whose judges are simulated: the analysis recovers what they think.

No figure of real people: each judge chooses by the model of Bradley and Terry with the strengths
below. Writes a study and its report to example/study.
"""

from __future__ import annotations

import argparse
from pathlib import Path

from PIL import Image, ImageFilter

from crossimage.data.make.outlines import make_outlines
from crossimage.study.analysis.analyse import analyse_study
from crossimage.study.make import make_study
from crossimage.study.simulate import simulate

STRENGTHS = {"sharp": 0.5, "soft": 0.0, "blurred": -0.5}
BLUR = {"sharp": 0, "soft": 2, "blurred": 4}

parser = argparse.ArgumentParser(description=__doc__)
parser.add_argument("--images", type=int, default=60)
count = parser.parse_args().images

example = Path("example")
make_outlines(example / "shapes", seed=0, count=2, test_count=count)
inputs, originals = example / "shapes" / "testA", example / "shapes" / "testB"
methods = {}
for name, radius in BLUR.items():
    folder = example / name
    folder.mkdir(parents=True, exist_ok=True)
    for image, target in zip(sorted(inputs.iterdir()), sorted(originals.iterdir()), strict=True):
        blurred = Image.open(target).filter(ImageFilter.GaussianBlur(radius))
        blurred.save(folder / f"{image.stem}.png")
    methods[name] = str(folder)

changes = {"questions": 3 * count, "trials": min(30, 3 * count)}
study = make_study(
    example / "study", "preference", methods, data=str(inputs), changes=changes
).folder
print(f"{simulate(study, STRENGTHS)} votes of simulated judges, strengths {STRENGTHS}")
print(analyse_study(study))
