"""Generated images of earlier steps, which a discriminator sees again."""

from __future__ import annotations

import torch
from torch import Tensor, nn


class History(nn.Module):
    """A store of generated images, so that a discriminator does not forget older generators.

    While there is room, an image is stored and shown. From then on one in two images takes the
    place of a random stored one, which is shown instead of it. Shrivastava et al. 2017, section
    2.3, one image at a time as in CycleGAN, section 4.

    Args:
        capacity: Images stored.
        channels: Channels of an image.
        height: Height of an image in pixels.
        width: Width of an image in pixels.

    Attributes:
        images: The stored images (capacity, channels, height, width), in fp32.
        count: How many there are, (1,).
    """

    images: Tensor
    count: Tensor

    def __init__(self, capacity: int, channels: int, height: int, width: int) -> None:
        super().__init__()
        self.register_buffer("images", torch.zeros(capacity, channels, height, width))
        self.register_buffer("count", torch.zeros(1, dtype=torch.long))

    @torch.no_grad()
    def forward(self, new: Tensor, chance: Tensor) -> Tensor:
        """The images to show, in fp32 and detached.

        The images are taken one after the other, so that a batch in parts is the whole batch. It
        is all done on the device, which is never waited for.

        Args:
            new: Images (N, channels, height, width) that were just generated.
            chance: Uniform in [0, 1], (N, 2): whether and which stored image is shown.
        """
        capacity = len(self.images)
        places = (chance[:, 1] * capacity).long().clamp(max=capacity - 1)
        shown = []
        for i, image in enumerate(torch.split(new.detach().float(), 1)):
            full = self.count == capacity
            old_one = full & (chance[i, 0] < 0.5)
            place = torch.where(full, places[i], self.count)
            old = self.images.index_select(0, place)
            shown.append(torch.where(old_one, old, image))
            self.images.index_copy_(0, place, torch.where(full & ~old_one, old, image))
            self.count += ~full
        return torch.cat(shown)
