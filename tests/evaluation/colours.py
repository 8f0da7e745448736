"""Images of plain colours, and a classifier small enough to learn them in a second."""

from pathlib import Path

import numpy as np
from PIL import Image
from torch import Tensor, nn

COLOURS = {"blue": (40, 60, 200), "green": (40, 200, 60), "red": (200, 60, 40)}


def write_colour(folder: Path, colour: str, count: int, seed: int = 0) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    generator = np.random.default_rng([seed, *COLOURS[colour]])
    for i in range(count):
        shape = (9 + i % 3, 12, 3)
        pixels = np.clip(COLOURS[colour] + generator.normal(0, 30, shape), 0, 255)
        Image.fromarray(pixels.astype(np.uint8)).save(folder / f"{i}.png")


class TinyClassifier(nn.Module):
    """Stands for a network of torchvision."""

    def __init__(self) -> None:
        super().__init__()
        self.layers = nn.Sequential(nn.Conv2d(3, 8, 3), nn.BatchNorm2d(8), nn.ReLU())
        self.fc = nn.Linear(8, 1000)

    def forward(self, x: Tensor) -> Tensor:
        return self.fc(self.layers(x).mean((2, 3)))
