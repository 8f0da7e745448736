"""The generator: an encoder of content, and a decoder with styles and high-pass skips."""

from __future__ import annotations

from torch import Tensor, nn
from torch.nn import functional as F

from crossimage.networks.layers.normalisation import AffineInstanceNorm
from crossimage.networks.stargan_v2.blocks import SLOPE, HighPass, PoolingBlock, StyledBlock

Masks = tuple[Tensor, Tensor]
"""Two masks (N, 1, h, w) in [0, 1] of any size: of whole faces, and without outline and mouth."""

_SKIPPED = (32, 64, 128)  # heights of the feature maps that have high-pass skips
_WHOLE_FACE = 32


def halvings(side: int, high_pass: bool) -> int:
    """Return how often the generator of images of a side halves the resolution.

    The lowest resolution is 16 pixels, or 8 with high-pass skips.
    """
    return max(0, side.bit_length() - 1 - (3 if high_pass else 4))


class StyledGenerator(nn.Module):
    """Generator from an image and a style. There is no tanh: values may exceed [-1, 1].

    Args:
        channels: Channels of the images.
        width: Channels after the first convolution; they double with each halving.
        max_width: Channels never exceed this.
        depth: Halvings of the resolution, see :func:`halvings`.
        style_dim: Length of a style.
        w_hpf: Divisor of the high-pass skips of faces; 0 for none. With skips, the blocks of the
            decoder have no shortcuts of their own.
    """

    def __init__(
        self, channels: int, width: int, max_width: int, depth: int, style_dim: int, w_hpf: float
    ) -> None:
        super().__init__()
        sizes = [min(width << i, max_width) for i in range(depth + 1)]
        pairs = list(zip(sizes, sizes[1:], strict=False))
        self.first = nn.Conv2d(channels, sizes[0], 3, 1, 1)
        self.encoder = nn.ModuleList(
            [PoolingBlock(a, b, normed=True, halves=True) for a, b in pairs]
            + [PoolingBlock(sizes[-1], sizes[-1], normed=True) for _ in range(2)]
        )
        self.decoder = nn.ModuleList(
            StyledBlock(b, a, style_dim, doubles=larger, residual=not w_hpf)
            for b, a, larger in [
                *[(sizes[-1], sizes[-1], False)] * 2,
                *((b, a, True) for a, b in reversed(pairs)),
            ]
        )
        self.high_pass = HighPass(w_hpf) if w_hpf else None
        self.norm = AffineInstanceNorm(sizes[0])
        self.last = nn.Conv2d(sizes[0], channels, 1)

    def forward(self, x: Tensor, style: Tensor, masks: Masks | None = None) -> Tensor:
        """Translate images.

        Args:
            x: Images (N, C, H, W), H and W multiples of ``2 ** depth``.
            style: Styles (N k, style_dim), k in a row per image.
            masks: Where high-pass skips act; None: nowhere.

        Returns:
            Images (N k, C, H, W).
        """
        times = style.shape[0] // x.shape[0]
        out, skips = self.first(x), dict[int, Tensor]()
        for block in self.encoder:
            side = out.shape[2]
            if masks is not None and self.high_pass is not None and side in _SKIPPED:
                mask = F.interpolate(masks[side != _WHOLE_FACE], size=side, mode="bilinear")
                skips[side] = self.high_pass(mask.to(out.dtype) * out)
            out = block(out)
        out = out.repeat_interleave(times, 0)
        for block in self.decoder:
            out = block(out, style)
            if out.shape[2] in skips:
                out = out + skips[out.shape[2]].repeat_interleave(times, 0)
        result: Tensor = self.last(F.leaky_relu(self.norm(out), SLOPE))
        return result
