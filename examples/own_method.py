"""A method of your own: pairs, one generator, and the L1 distance to the true image."""

from collections.abc import Iterator
from dataclasses import field
from pathlib import Path

import tyro
from torch import Tensor
from torch.nn.functional import l1_loss

import crossimage
from crossimage.config import Config, NonNegativeFloat, PositiveInt, settings
from crossimage.data.make.outlines import make_outlines
from crossimage.methods.base import Batch, Noise
from crossimage.networks.generators import ResnetGenerator
from crossimage.utils.contact_sheet import Panel


@settings
class LossWeights:
    l1: NonNegativeFloat = 1.0


@settings
class RegressionConfig(Config):
    width: PositiveInt = 16  # a setting: `width=32` in a call, a recipe or on the command line
    weights: LossWeights = field(default_factory=LossWeights)


@crossimage.register
class Regression(crossimage.Method):
    Config, layout, player_order = RegressionConfig, "paired", ("generators",)
    targets, multiple, min_size = ("b",), 4, 8

    def __init__(self, config: RegressionConfig, *, training: bool = True) -> None:
        super().__init__(config)
        self.generators = ResnetGenerator(*config.channels, config.width, 2)

    def training_step(self, batch: Batch) -> Iterator[crossimage.Update]:
        x, y = batch.images["a"], batch.images["b"]
        yield crossimage.Update("generators", {"l1": l1_loss(self.generators(x), y)})

    def translate(self, x: Tensor, to: str, style: Tensor | None = None) -> Tensor:
        return self.generators(x)

    def preview(self, fixed: Batch, fresh: Noise) -> list[Panel]:
        x = fixed.images["a"]
        return [self.panel("a", "b", [("input", x), ("output", self.generators(x))])]


def main(folder: Path = Path("example"), images: int = 100, steps: int = 500) -> None:
    """Train it like any other method."""
    if not (data := folder / "own_pairs").exists():
        make_outlines(data, count=images, paired=True)
    crossimage.train("regression", data, folder / "own", steps=steps, resize=64, crop=64)


if __name__ == "__main__":
    tyro.cli(main)
