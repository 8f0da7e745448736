"""Photos with label maps, and segmenters small enough for them."""

from pathlib import Path

import numpy as np
import torch
from PIL import Image
from torch import Tensor, nn

from crossimage.evaluation.networks.palette import VOID, Palette
from crossimage.evaluation.networks.segmenter import (
    Segmenter,
)

LIGHT = "lraspp_mobilenet_v3_large"


PALETTE = Palette(
    ("red", "green", "blue"), ((255, 0, 0), (0, 255, 0), (0, 0, 255), (0, 0, 0)), (0, 1, 2, VOID)
)


class TinySegmenter(nn.Module):
    """Stands for a torchvision network."""

    def __init__(self, num_classes: int, **weights: None) -> None:
        super().__init__()
        self.layers = nn.Sequential(
            nn.Conv2d(3, 8, 3, padding=1),
            nn.BatchNorm2d(8),
            nn.ReLU(),
            nn.Conv2d(8, num_classes, 1),
        )

    def forward(self, x: Tensor) -> dict[str, Tensor]:
        return {"out": self.layers(x)}


class Brightest(nn.Module):
    """Takes the strongest colour for the class."""

    def forward(self, x: Tensor) -> Tensor:
        return x


SEGMENTER = Segmenter(Brightest(), LIGHT, PALETTE, 8, torch.device("cpu"), {})


def label_map(classes: list[list[int]], size: int = 1) -> Tensor:
    """A label map (3, H, W) of these classes, each a square of pixels."""
    table = torch.tensor([*PALETTE.colours], dtype=torch.uint8)
    image = table[torch.tensor(classes)].permute(2, 0, 1)
    return image.repeat_interleave(size, 1).repeat_interleave(size, 2)


def write_scenes(root: Path) -> Path:
    """Pairs: label maps of two halves, and photos of these colours under noise."""
    rng = np.random.default_rng(0)
    for split, count in (("train", 8), ("test", 3)):
        for domain in ("label", "photo"):
            (root / split / domain).mkdir(parents=True)
        for i in range(count):
            labels = label_map([[i % 3, (i + 1) % 3]], 40).permute(1, 2, 0).numpy()
            photo = np.clip(labels * 0.6 + rng.integers(0, 80, labels.shape), 0, 255)
            Image.fromarray(labels).save(root / split / "label" / f"{i}.png")
            Image.fromarray(photo.astype(np.uint8)).save(root / split / "photo" / f"{i}.png")
    table = "name,r,g,b\nred,255,0,0\ngreen,0,255,0\nblue,0,0,255\nvoid,0,0,0\n"
    (root / "classes.csv").write_text(table)
    return root
