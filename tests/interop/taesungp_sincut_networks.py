"""The networks of SinCUT's official code in plain PyTorch, small and random.

Written for the tests from what the architectures are: layers have the official places in sequences,
so that the tensors have the official names.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import pairwise

import torch
from torch import Tensor, nn
from torch.nn import functional as F


class Blur(nn.Module):
    def __init__(self, before: int, after: int, gain: float = 1.0) -> None:
        super().__init__()
        line = torch.tensor([1.0, 3.0, 3.0, 1.0]) / 8
        self.register_buffer("kernel", gain * torch.outer(line, line))
        self.sides = (before, after, before, after)

    def forward(self, x: Tensor) -> Tensor:
        return F.conv2d(F.pad(x, self.sides).flatten(0, 1)[:, None], self.kernel[None, None]).view(
            *x.shape[:2], *(side + sum(self.sides[:2]) - 3 for side in x.shape[2:])
        )


class Conv(nn.Module):
    def __init__(self, i: int, o: int, kernel: int, stride: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.randn(o, i, kernel, kernel))
        self.stride = stride

    def forward(self, x: Tensor) -> Tensor:
        scale = 1 / math.sqrt(self.weight[0].numel())
        padding = 0 if self.stride == 2 else self.weight.shape[3] // 2
        return F.conv2d(x, scale * self.weight, stride=self.stride, padding=padding)


class Leaky(nn.Module):
    def __init__(self, channels: int) -> None:
        super().__init__()
        self.bias = nn.Parameter(torch.randn(1, channels, 1, 1))

    def forward(self, x: Tensor) -> Tensor:
        return math.sqrt(2) * F.leaky_relu(x + self.bias, 0.2)


def layer(i: int, o: int, kernel: int, down: bool = False, activate: bool = True) -> nn.Sequential:
    total = 1 + kernel  # zeros around, so that a halved side is exactly half
    blur = [Blur((total + 1) // 2, total // 2)] if down else []
    conv = Conv(i, o, kernel, 2 if down else 1)
    return nn.Sequential(*blur, conv, *([Leaky(o)] if activate else []))


class Block(nn.Module):
    def __init__(self, i: int, o: int, down: bool) -> None:
        super().__init__()
        self.conv1, self.conv2 = layer(i, i, 3), layer(i, o, 3, down)
        self.skip = layer(i, o, 1, True, activate=False) if down else nn.Identity()

    def forward(self, x: Tensor) -> Tensor:
        return (self.conv2(self.conv1(x)) + self.skip(x)) / math.sqrt(2)


class Up(nn.Module):
    """A styled convolution without a style."""

    def __init__(self, i: int, o: int, noisy: bool) -> None:
        super().__init__()
        self.conv = nn.Module()
        self.conv.weight = nn.Parameter(torch.randn(1, o, i, 3, 3))
        self.conv.blur = Blur(1, 1, gain=4)
        self.noise = nn.Module()
        self.noise.weight = nn.Parameter(torch.full((1,), 0.3 if noisy else 0.0))
        self.activate = Leaky(o)

    def forward(self, x: Tensor, noise: Tensor) -> Tensor:
        kernels = self.conv.weight[0] / math.sqrt(self.conv.weight[0, 0].numel())
        kernels = kernels / (kernels.flatten(1).pow(2).sum(1) + 1e-8).sqrt()[:, None, None, None]
        x = self.conv.blur(F.conv_transpose2d(x, kernels.transpose(0, 1), stride=2))
        return self.activate(x + self.noise.weight * noise)


class Generator(nn.Module):
    def __init__(
        self, c: int = 3, widths: Sequence[int] = (4, 6), blocks: int = 3, noisy: bool = True
    ) -> None:
        super().__init__()
        first, last = widths[0], widths[-1]
        self.encoder, self.decoder = nn.Module(), nn.Module()
        self.encoder.convs = nn.Sequential(
            nn.Identity(),
            layer(c, first, 1),
            *(Block(i, o, True) for i, o in pairwise(widths)),
            *(Block(last, last, False) for _ in range(blocks)),
        )
        self.decoder.convs = nn.Sequential(
            *(Block(last, last, False) for _ in range(blocks)),
            *(Up(i, o, noisy) for i, o in pairwise(widths[::-1])),
            layer(first, c, 1),
        )

    def maps(self, x: Tensor) -> list[Tensor]:
        found = []
        for module in self.encoder.convs:
            x = module(x)
            found.append(x)
        return found

    def forward(self, x: Tensor, noise: Sequence[Tensor]) -> Tensor:
        x, noise = self.maps(x)[-1], list(noise)
        for module in self.decoder.convs:
            x = module(x, noise.pop(0)) if isinstance(module, Up) else module(x)
        return x


class Discriminator(nn.Module):
    def __init__(self, c: int = 3, widths: Sequence[int] = (2, 3, 4, 5)) -> None:
        super().__init__()
        last = widths[-1]
        self.convs = nn.Sequential(
            layer(c, widths[0], 1), *(Block(i, o, True) for i, o in pairwise(widths))
        )
        self.final_conv = layer(last, last, 3)
        self.final_linear = nn.Sequential(nn.Linear(16 * last, last), nn.Linear(last, 1))

    def forward(self, x: Tensor) -> Tensor:
        x = self.final_conv(self.convs(x)).flatten(1)
        hidden, score = self.final_linear
        x = F.linear(x, hidden.weight / math.sqrt(hidden.in_features), hidden.bias)
        x = math.sqrt(2) * F.leaky_relu(x, 0.2)
        return F.linear(x, score.weight / math.sqrt(score.in_features), score.bias)
