import pytest
import torch
from torch import nn

from crossimage.networks.layers.blocks import BatchNorm
from crossimage.networks.srresnet import DenseDiscriminator, SRResNet


@pytest.mark.parametrize(("doublings", "scale"), [(1, 2), (2, 4)])
def test_images_of_any_size_become_larger_by_the_scale(doublings: int, scale: int) -> None:
    network = SRResNet(3, 4, 1, doublings)
    assert network(torch.zeros(2, 3, 5, 7)).shape == (2, 3, 5 * scale, 7 * scale)


def test_the_published_generator_has_its_layers() -> None:
    network = SRResNet(3, 64, 16, 2)
    convs = [layer for layer in network.modules() if isinstance(layer, nn.Conv2d)]
    assert [conv.kernel_size[0] for conv in convs] == [9, *[3] * (2 * 16 + 1 + 2), 9]
    assert [conv.out_channels for conv in convs] == [*[64] * (2 * 16 + 2), 256, 256, 3]
    assert sum(isinstance(layer, BatchNorm) for layer in network.modules()) == 2 * 16 + 1
    assert sum(isinstance(layer, nn.PReLU) for layer in network.modules()) == 1 + 16 + 2


def test_the_generator_sees_black_as_zero_and_white_as_one() -> None:
    network = SRResNet(1, 4, 1, 1)
    seen = []
    network.first.register_forward_pre_hook(lambda _, inputs: seen.append(inputs[0]))
    network(torch.tensor([-1.0, 0, 1]).view(1, 1, 1, 3))
    assert seen[0].flatten().tolist() == [0, 0.5, 1]


def test_the_published_discriminator_has_its_layers() -> None:
    network = DenseDiscriminator(3, 64, (96, 96))
    convs = [layer for layer in network.modules() if isinstance(layer, nn.Conv2d)]
    assert [conv.out_channels for conv in convs] == [64, 64, 128, 128, 256, 256, 512, 512]
    assert [conv.stride[0] for conv in convs] == [1, 2] * 4
    dense = [layer for layer in network.modules() if isinstance(layer, nn.Linear)]
    assert [(d.in_features, d.out_features) for d in dense] == [(512 * 6 * 6, 1024), (1024, 1)]
    assert sum(isinstance(layer, BatchNorm) for layer in network.modules()) == 7


@pytest.mark.parametrize("size", [(16, 16), (20, 36)])
def test_an_image_has_one_score(size: tuple[int, int]) -> None:
    (scores,) = DenseDiscriminator(3, 4, size)(torch.randn(2, 3, *size))
    assert scores.shape == (2, 1, 1, 1)
