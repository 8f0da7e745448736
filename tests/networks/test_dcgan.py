"""The networks of DCGAN."""

import pytest
import torch
from torch import nn

from crossimage.networks.dcgan import ImageDiscriminator, VectorGenerator
from crossimage.networks.layers.blocks import BatchNorm


def convolutions(network: nn.Module) -> list[tuple[int, ...]]:
    kinds = nn.Conv2d | nn.ConvTranspose2d
    return [tuple(m.weight.shape) for m in network.modules() if isinstance(m, kinds)]


def test_the_published_generator_has_1024_channels_at_4_pixels() -> None:
    assert convolutions(VectorGenerator(100, 3, 128, 64)) == [
        (100, 1024, 4, 4), (1024, 512, 4, 4), (512, 256, 4, 4), (256, 128, 4, 4), (128, 3, 4, 4),
    ]  # fmt: skip


def test_the_discriminator_is_its_mirror_image() -> None:
    assert convolutions(ImageDiscriminator(3, 128, 64)) == [
        (128, 3, 4, 4), (256, 128, 4, 4), (512, 256, 4, 4), (1024, 512, 4, 4), (1, 1024, 4, 4),
    ]  # fmt: skip


def test_layers_are_at_most_eight_times_the_width() -> None:
    shapes = convolutions(ImageDiscriminator(1, 2, 256))
    assert [shape[0] for shape in shapes] == [2, 4, 8, 16, 16, 16, 1]


@pytest.mark.parametrize("size", [8, 16, 32, 128])
def test_a_vector_becomes_an_image_and_an_image_one_score(size: int) -> None:
    images = VectorGenerator(7, 2, 4, size)(torch.randn(3, 7))
    assert images.shape == (3, 2, size, size)
    assert images.abs().max() <= 1
    (scores,) = ImageDiscriminator(2, 4, size)(images)
    assert scores.shape == (3, 1, 1, 1)


def test_all_layers_have_batch_norm_but_those_next_to_the_image_and_the_score() -> None:
    generator, discriminator = VectorGenerator(7, 3, 4, 32), ImageDiscriminator(3, 4, 32)
    norms = [m.num_features for m in generator.modules() if isinstance(m, BatchNorm)]
    assert norms == [16, 8, 4]
    norms = [m.num_features for m in discriminator.modules() if isinstance(m, BatchNorm)]
    assert norms == [8, 16]


@pytest.mark.parametrize("size", [4, 24, 33])
def test_other_sizes_are_refused(size: int) -> None:
    with pytest.raises(ValueError, match=f"must be one of 8, 16, 32, .* found {size}"):
        VectorGenerator(7, 3, 4, size)
