"""Generator and discriminator of masked residual units (SketchyGAN, section 4).

A masked residual unit (MRU) sees the image again, at its own resolution, and learns a mask of what
to take from it.
"""

from __future__ import annotations

from typing import cast

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.nn.utils.parametrizations import spectral_norm

from crossimage.networks.layers.activations import PReLU
from crossimage.networks.layers.blocks import BatchNorm, raw_weight

HALVINGS = 5
"""Halvings of the resolution in the generator."""
_FIRST = 8  # channels of the first layer
_ENCODER, _DECODER, _DISCRIMINATOR = (1, 2, 4, 8), (6, 4, 2, 2, 1), (2, 4, 8, 12)
_EPS = 1e-5
_LINEAR_DECAY = 0.1  # of linear layers, relative to that of the units


class ClassBatchNorm(BatchNorm):
    """Batch norm with a scale and a shift per class (Dumoulin et al. 2017).

    Args:
        channels: Channels of the input.
        classes: Number of classes.

    Attributes:
        batch_statistics: Evaluation mode uses the statistics of the batch too, as published, rather
            than running ones.
    """

    batch_statistics: bool = False

    def __init__(self, channels: int, classes: int) -> None:
        super().__init__(channels, affine=False)
        self.scale = nn.Parameter(torch.ones(classes, channels))
        self.shift = nn.Parameter(torch.zeros(classes, channels))

    def forward(self, x: Tensor, classes: Tensor) -> Tensor:  # type: ignore[override]
        """Normalise (N, C, H, W) of images of these classes (N,)."""
        scale, shift = (values[:, :, None, None] for values in self.scales_and_shifts(classes))
        batch = self.training or self.batch_statistics
        if batch and len(x) * x.shape[2:].numel() == 1:  # a single value is its own mean
            return shift.to(x.dtype).expand_as(x)
        running = (None, None) if batch and not self.training else self._running
        y = F.batch_norm(x, *running, training=batch, momentum=self.momentum or 0.0, eps=self.eps)
        return torch.addcmul(shift.to(y.dtype), y, scale.to(y.dtype))

    def scales_and_shifts(self, classes: Tensor) -> tuple[Tensor, Tensor]:
        """Return the scales and the shifts (N, C) of images of these classes (N,)."""
        return self.scale[classes], self.shift[classes]

    @property
    def _running(self) -> tuple[Tensor | None, Tensor | None]:
        return self.running_mean, self.running_var


class NoiseLayer(nn.Module):
    """Linear layer of random noise with a batch norm per class.

    The batch norm of a single image would remove its noise. It is normalised by the mean and the
    variance that standard normal noise has after the linear layer, which need no batch.

    Args:
        inputs: Length of a noise vector.
        outputs: Length of the result.
        classes: Number of classes.
    """

    batch_statistics: bool = False

    def __init__(self, inputs: int, outputs: int, classes: int) -> None:
        super().__init__()
        self.linear = _linear(inputs, outputs, False)
        self.scale = nn.Parameter(torch.ones(classes, outputs))
        self.shift = nn.Parameter(torch.zeros(classes, outputs))

    def forward(self, z: Tensor, classes: Tensor) -> Tensor:
        """Map noise (N, inputs) of images of these classes (N,) to (N, outputs)."""
        y: Tensor = self.linear(z)
        if (self.training or self.batch_statistics) and len(y) > 1:
            variance, mean = torch.var_mean(y.float(), 0, correction=0)
        else:
            mean, variance = self.linear.bias, self.linear.weight.square().sum(1)
        y = (y - mean) * (variance + _EPS).rsqrt()
        return torch.addcmul(self.shift[classes], y, self.scale[classes])


def smooth_relu(x: Tensor) -> Tensor:
    """Compute (x + sqrt(0.3^2 + x^2)) / 2, a ReLU without a corner."""
    return (x + (x.square() + 0.09).sqrt()) / 2


def min_max(x: Tensor) -> Tensor:
    """Stretch every map of (N, C, H, W) to [0, 1]; constant maps become 0."""
    low = x.amin((2, 3), keepdim=True)
    size = x.amax((2, 3), keepdim=True) - low
    # a constant has no range to divide by
    return (x - low) / torch.where(size > 1e-6, size, torch.ones_like(size))


class _Gate(nn.Module):
    """3x3 convolution and leaky ReLU, stretched to [0, 1] per map."""

    def __init__(self, conv: nn.Conv2d) -> None:
        super().__init__()
        self.conv = conv

    def forward(self, x: Tensor) -> Tensor:
        """Return a mask for every map (N, C, H, W)."""
        with torch.autocast(x.device.type, enabled=False):
            return min_max(F.leaky_relu(self.conv(x.float()), 0.2)).to(x.dtype)


class _NormAct(nn.Module):
    """Norm per class and smooth ReLU, or, without classes, a leaky ReLU with a learned slope."""

    def __init__(self, channels: int, classes: int) -> None:
        super().__init__()
        if classes:
            self.norm = ClassBatchNorm(channels, classes)
        else:
            self.slope = PReLU(init=0.2)

    def forward(self, x: Tensor, classes: Tensor | None) -> Tensor:
        """Return (N, C, H, W) of images of these classes (N,)."""
        if classes is None:
            return self.slope(x)
        return smooth_relu(self.norm(x, classes))


class EncodingUnit(nn.Module):
    """Masked residual unit that halves the resolution.

    Args:
        channels: Channels of the image.
        inputs: Channels of the hidden maps that come in.
        outputs: Channels of those that go out.
        classes: Number of classes of the norms; 0: no norms.
        spectral: Apply spectral normalisation to all weights.
    """

    def __init__(
        self, channels: int, inputs: int, outputs: int, classes: int = 0, spectral: bool = False
    ) -> None:
        super().__init__()

        def conv(inputs: int, outputs: int, kernel: int = 3) -> nn.Conv2d:
            return _conv(inputs, outputs, kernel, spectral=spectral)

        self.first = _NormAct(inputs, classes)
        self.gate = _Gate(conv(inputs + channels, inputs))
        self.image = conv(channels, inputs)
        self.merged = _NormAct(inputs, classes)
        self.conv_1 = conv(inputs, outputs)
        self.middle = _NormAct(outputs, classes)
        self.conv_2 = conv(outputs, outputs)
        self.shortcut = conv(inputs, outputs, 1) if inputs != outputs else nn.Identity()
        assert self.gate.conv.bias is not None
        nn.init.constant_(self.gate.conv.bias, 0.5)

    def forward(self, h: Tensor, x: Tensor, classes: Tensor | None = None) -> Tensor:
        """Return hidden maps of half the size.

        Args:
            h: Hidden maps (N, inputs, H, W).
            x: The image at their resolution.
            classes: Indices (N,) of the images' classes, for the norms.
        """
        mask = self.gate(torch.cat([self.first(h, classes), x], 1))
        plus = torch.addcmul(h, mask, self.image(x))
        y = self.middle(self.conv_1(self.merged(plus, classes)), classes)
        return F.avg_pool2d(self.shortcut(h) + self.conv_2(y), 2)


class DecodingUnit(nn.Module):
    """Masked residual unit that doubles the resolution, with two gates.

    Args:
        channels: Channels of the image and of what else comes with it.
        inputs: Channels of the hidden maps that come in.
        outputs: Channels of those that go out.
        classes: Number of classes of the norms.
    """

    def __init__(self, channels: int, inputs: int, outputs: int, classes: int) -> None:
        super().__init__()
        self.reset = _Gate(_conv(inputs + channels, inputs, 3))
        self.update = _Gate(_conv(inputs + channels, outputs, 3))
        self.conv_1 = _conv(inputs + channels, outputs, 3)
        self.act_1 = _NormAct(outputs, classes)
        self.conv_2 = _conv(outputs, outputs, 3)
        self.act_2 = _NormAct(outputs, classes)
        if inputs != outputs:
            self.shortcut = _conv(inputs, outputs, 1)
            self.act_shortcut = _NormAct(outputs, classes)

    def forward(self, h: Tensor, x: Tensor, classes: Tensor) -> Tensor:
        """Return hidden maps of twice the size.

        Args:
            h: Hidden maps (N, inputs, H / 2, W / 2).
            x: The image, and maps that come with it, (N, channels, H, W).
            classes: Indices (N,) of the images' classes.
        """
        h = F.interpolate(h, scale_factor=2, mode="nearest")
        both = torch.cat([h, x], 1)
        new = self.conv_1(torch.cat([self.reset(both) * h, x], 1))
        new = self.act_2(self.conv_2(self.act_1(new, classes)), classes)
        if hasattr(self, "shortcut"):
            h = self.act_shortcut(self.shortcut(h), classes)
        return torch.lerp(h, new, self.update(both).to(h.dtype))


class MaskedResidualGenerator(nn.Module):
    """Generator from an image, its class and noise.

    A 7x7 convolution of stride 2 and four units lead to a thirty-second of the resolution, five
    units back; the first takes the noise, the next three the encoder's maps of their resolution.

    Args:
        channels: Channels of the image.
        outputs: Channels of the result.
        width: Channels after the encoder's first unit.
        classes: Number of classes.
        noise: Length of a noise vector.
        size: Height and width of the images, multiples of 32.
    """

    def __init__(
        self,
        channels: int,
        outputs: int,
        width: int,
        classes: int,
        noise: int,
        size: tuple[int, int],
    ) -> None:
        super().__init__()
        encoded = [_FIRST, *(width * factor for factor in _ENCODER)]
        self.first = _conv(channels, _FIRST, 7, stride=2)
        self.down = nn.ModuleList(
            EncodingUnit(channels, *sizes, classes)
            for sizes in zip(encoded, encoded[1:], strict=False)
        )
        self.bottom = _NormAct(encoded[-1], classes)
        # the noise enters at a sixteenth of the resolution
        self.noise_size = (width, size[0] >> HALVINGS - 1, size[1] >> HALVINGS - 1)
        length = self.noise_size[0] * self.noise_size[1] * self.noise_size[2]
        self.noise = NoiseLayer(noise, length, classes)
        beside = [width, encoded[2], encoded[1], encoded[0], 0]
        decoded = [encoded[-1], *(width * factor for factor in _DECODER)]
        self.up = nn.ModuleList(
            DecodingUnit(channels + extra, inputs, outputs, classes)
            for extra, inputs, outputs in zip(beside, decoded, decoded[1:], strict=False)
        )
        self.last = _conv(decoded[-1], outputs, 7)

    def forward(self, x: Tensor, classes: Tensor, z: Tensor) -> Tensor:
        """Generate images in [-1, 1].

        Args:
            x: Input images (N, channels, H, W).
            classes: Indices (N,) of their classes.
            z: Noise (N, noise).
        """
        images = pyramid(x, HALVINGS)
        h = pad_as_tensorflow(self.first, x)
        maps = [h]
        for unit, image in zip(self.down, images[1:], strict=False):
            h = unit(h, image, classes)
            maps.append(h)
        h = self.bottom(h, classes)
        noise = smooth_relu(self.noise(z, classes)).reshape(-1, *self.noise_size)
        beside = [noise.to(h.dtype), maps[2], maps[1], maps[0]]
        for number, unit in enumerate(self.up):
            image = images[HALVINGS - 1 - number]
            seen = torch.cat([image, beside[number]], 1) if number < len(beside) else image
            h = unit(h, seen, classes)
        return torch.tanh(self.last(h))

    def use_batch_statistics(self, on: bool) -> None:
        """Set whether evaluation mode normalises by the batch, as training does."""
        for layer in self.modules():
            if isinstance(layer, ClassBatchNorm | NoiseLayer):
                layer.batch_statistics = on


class MaskedResidualDiscriminator(nn.Module):
    """Discriminator of patches and classifier of whole images on shared features.

    Args:
        channels: Channels of the images.
        width: A half of the channels after the first of four units.
        classes: Number of classes.
        spectral: Apply spectral normalisation to all weights.
    """

    def __init__(self, channels: int, width: int, classes: int, *, spectral: bool = True) -> None:
        super().__init__()
        sizes = [_FIRST, *(width * factor for factor in _DISCRIMINATOR)]
        self.first = _conv(channels, _FIRST, 7, spectral=spectral)
        self.act = _NormAct(_FIRST, 0)
        self.units = nn.ModuleList(
            EncodingUnit(channels, *own, 0, spectral) for own in zip(sizes, sizes[1:], strict=False)
        )
        self.last = _NormAct(sizes[-1], 0)
        self.source = _conv(sizes[-1], 1, 1, spectral=spectral)
        self.classes = _linear(sizes[-1], classes, spectral)

    def forward(self, x: Tensor) -> list[Tensor]:
        """Return the score map (N, 1, H / 16, W / 16) and class logits (N, classes) of images."""
        h = self.act(self.first(x), None)
        for unit, image in zip(self.units, pyramid(x, len(self.units) - 1), strict=True):
            h = unit(h, image)
        h = self.last(h, None)
        return [self.source(h), self.classes(h.mean((2, 3)))]


def pyramid(x: Tensor, halvings: int) -> list[Tensor]:
    """Return images (N, C, H, W) and their halved versions, largest first."""
    images = [x]
    for _ in range(halvings):
        images.append(F.avg_pool2d(images[-1], 2))
    return images


def pad_as_tensorflow(conv: nn.Module, x: Tensor) -> Tensor:
    """Apply a 7x7 convolution of stride 2 whose odd padding is at the end, as in TensorFlow."""
    return cast(Tensor, conv(F.pad(x, (2, 3, 2, 3))))


def l2_of_units(network: nn.Module) -> Tensor:
    """Return half the sum of squared weights of a network's units, and a tenth for linear layers.

    As published, the first and the last convolution are exempt, and so are the shortcuts of
    decoding units.
    """
    squares = []
    for unit in network.modules():
        if isinstance(unit, DecodingUnit | EncodingUnit):
            exempt = getattr(unit, "shortcut", None) if isinstance(unit, DecodingUnit) else None
            squares += [
                raw_weight(layer).square().sum()
                for layer in unit.modules()
                if isinstance(layer, nn.Conv2d) and layer is not exempt
            ]
        elif isinstance(unit, nn.Linear):
            squares.append(_LINEAR_DECAY * raw_weight(unit).square().sum())
    return torch.stack(squares).sum() / 2


def _conv(
    inputs: int, outputs: int, kernel: int, *, stride: int = 1, spectral: bool = False
) -> nn.Conv2d:
    """Build a convolution with normal weights; one of stride 2 gets padded inputs."""
    conv = nn.Conv2d(inputs, outputs, kernel, stride, 0 if stride > 1 else kernel // 2)
    nn.init.normal_(conv.weight, 0.0, 0.02)
    assert conv.bias is not None
    nn.init.zeros_(conv.bias)
    return cast(nn.Conv2d, spectral_norm(conv)) if spectral else conv


def _linear(inputs: int, outputs: int, spectral: bool) -> nn.Linear:
    linear = nn.Linear(inputs, outputs)
    nn.init.xavier_uniform_(linear.weight)
    nn.init.zeros_(linear.bias)
    return cast(nn.Linear, spectral_norm(linear)) if spectral else linear
