"""A feature network of plain arithmetic, and statistics of random images."""

import torch
from torch import Tensor, nn

from crossimage.evaluation.metrics.distribution import (
    Statistics,
)
from crossimage.evaluation.networks.inception import FeatureExtractor

CPU = torch.device("cpu")
DIM, CLASSES = 24, 7


class Averages(nn.Module):
    """Takes the images' first pixels for features, and some of them for logits."""

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        features = x.flatten(1)[:, :DIM] / 64
        return features, features[:, :CLASSES] * 2


FEATURES = FeatureExtractor(
    Averages(), DIM, CPU, "first pixels", "torch 0", "averages", comparable=True
)


def images(count: int, seed: int, shift: int = 0) -> Tensor:
    generator = torch.Generator().manual_seed(seed)
    x = torch.randint(0, 160, (count, 3, 3, 3), generator=generator)
    return (x + shift + 10 * torch.arange(9).reshape(3, 3)).clamp(0, 255).byte()


def statistics_from(x: Tensor, batch: int = 32, seed: int = 0) -> Statistics:
    found = Statistics(FEATURES, seed)
    for part in x.split(batch):
        found.update(part)
    return found
