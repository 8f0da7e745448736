import torch
from torch.nn import functional as F

from crossimage.networks.discriminators import MultiScaleDiscriminator


def test_one_score_map_a_scale_each_half_the_size() -> None:
    network = MultiScaleDiscriminator(3, 4, 3, 3)
    assert [s.shape for s in network(torch.randn(2, 3, 64, 96))] == [
        (2, 1, 8, 12),
        (2, 1, 4, 6),
        (2, 1, 2, 3),
    ]


def test_coarser_scales_see_an_average_that_leaves_the_border_out() -> None:
    network = MultiScaleDiscriminator(1, 4, 2, 2)
    x = torch.ones(1, 1, 16, 16)
    small = F.avg_pool2d(x, 3, 2, 1, count_include_pad=False)
    assert torch.equal(small, torch.ones(1, 1, 8, 8))
    torch.testing.assert_close(network(x)[1], network.scales[1](small))
