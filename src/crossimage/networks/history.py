"""A history of generated images, replayed to discriminators."""

from __future__ import annotations

import torch
from torch import Tensor, nn


class History(nn.Module):
    """Store of generated images that keeps a discriminator from forgetting older generators.

    While there is room, every image is stored and returned. After that, every second image on
    average replaces a random stored one, which is returned instead. Shrivastava et al. 2017,
    section 2.3, one image at a time as in CycleGAN, section 4.

    Args:
        capacity: Number of images stored.
        channels: Channels of an image.
        height: Height of an image in pixels.
        width: Width of an image in pixels.

    Attributes:
        images: The stored images (capacity, channels, height, width), in fp32.
        count: Number of images stored so far, (1,).
    """

    images: Tensor
    count: Tensor

    def __init__(self, capacity: int, channels: int, height: int, width: int) -> None:
        super().__init__()
        self.register_buffer("images", torch.zeros(capacity, channels, height, width))
        self.register_buffer("count", torch.zeros(1, dtype=torch.long))

    @torch.no_grad()
    def forward(self, new: Tensor, chance: Tensor) -> Tensor:
        """Return the images to show to a discriminator, in fp32 and detached.

        The images are taken one after the other, so that micro-batches equal one batch.
        Everything happens on the device, without synchronisation.

        Args:
            new: Newly generated images (N, channels, height, width).
            chance: Uniform in [0, 1], (N, 2): whether a stored image is returned, and which.
        """
        capacity = len(self.images)
        indices = (chance[:, 1] * capacity).long().clamp(max=capacity - 1)
        shown = []
        for i, image in enumerate(torch.split(new.detach().float(), 1)):
            full = self.count == capacity
            old_one = full & (chance[i, 0] < 0.5)
            index = torch.where(full, indices[i], self.count)
            old = self.images.index_select(0, index)
            shown.append(torch.where(old_one, old, image))
            self.images.index_copy_(0, index, torch.where(full & ~old_one, old, image))
            self.count += ~full
        return torch.cat(shown)
