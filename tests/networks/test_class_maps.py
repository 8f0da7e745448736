"""A residual discriminator with one map for each class."""

import pytest
import torch
from torch.nn import functional as F

from crossimage.networks.class_maps import ActivatedBlock, ClassMapsDiscriminator


@pytest.mark.parametrize("blocks", [2, 4, 6])
def test_pairs_of_blocks_halve_the_resolution_between_them(blocks: int) -> None:
    network = ClassMapsDiscriminator(3, 4, blocks, 5)
    maps, features = network(torch.rand(2, 3, 32, 32))
    side, width = 64 >> blocks // 2, 4 << blocks // 2
    assert maps.shape == (2, 5, side, side) and features.shape == (2, width, side, side)
    torch.testing.assert_close(maps, network.last(features))
    torch.testing.assert_close(network.features(torch.ones(1, 3, 32, 32)).shape[1], width)


def test_channels_double_up_to_1024() -> None:
    with torch.device("meta"):
        network = ClassMapsDiscriminator(3, 600, 6, 2)
    assert [tuple(pair[1].second.weight.shape[:2]) for pair in network.pairs] == [
        (1024, 600), (1024, 1024), (1024, 1024),
    ]  # fmt: skip
    assert network.pairs[2][1].shortcut is None


def test_the_shortcut_of_equal_channels_is_activated() -> None:
    """The published activation works in place, so the input that is added is the activated one."""
    x = torch.randn(2, 3, 8, 8)
    before = x.clone()
    same, wider = ActivatedBlock(3, 3), ActivatedBlock(3, 6)
    for block in (same, wider):
        torch.nn.init.zeros_(block.second.weight)
        torch.nn.init.zeros_(block.second.bias)
    torch.testing.assert_close(same(x), F.leaky_relu(before, 0.2))
    torch.testing.assert_close(wider(x), F.conv2d(before, wider.shortcut.weight))
    assert torch.equal(x, before)
