"""Compare trained models by several metrics (run train_munit.py first).

The published weights of Inception-v3 and AlexNet are downloaded on first use. By default this
example uses random ones, whose figures are comparable only with one another.
"""

from __future__ import annotations

from pathlib import Path

import tyro

import crossimage


def main(folder: Path = Path("example"), features: str = "random", inputs: int = 20) -> None:
    """Evaluate MUNIT's translations of the test images, and write a report.

    Args:
        folder: Where train_munit.py put the data set and the run.
        features: ``inception``, a file of its weights, or ``random``.
        inputs: Test images to translate.
    """
    result = crossimage.evaluate(
        folder / "munit",
        data=folder / "outlines",
        out=folder / "evaluation",
        to="shapes",
        metrics=["fid", "kid", "lpips"],
        inputs=inputs,
        samples=3,
        features=features,
        lpips_weights="random" if features == "random" else None,
    )
    print(result)  # a table; single values:
    print(f"FID {result['munit']['fid'].value:.3f}; report: {result.report_html}")


if __name__ == "__main__":
    tyro.cli(main)
