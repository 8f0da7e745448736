import pytest
import torch
from torch.nn import functional as F

from crossimage.networks.discriminators import (
    AttributeDiscriminator,
    MultiScaleDiscriminator,
    PatchDiscriminator,
)


def test_one_score_map_per_scale_each_half_the_size() -> None:
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


@pytest.mark.parametrize(("layers", "patch"), [(0, 1), (1, 16), (3, 70), (5, 286)])
def test_a_score_covers_a_patch_of_the_published_size(layers: int, patch: int) -> None:
    network = PatchDiscriminator(1, 1, layers, norm="none").double()
    x = torch.randn(1, 1, 640, 640, dtype=torch.float64, requires_grad=True)
    (scores,) = network(x)
    middle = scores.shape[2] // 2
    scores[0, 0, middle, middle].backward()
    seen = x.grad[0, 0].nonzero()
    assert (seen.amax(0) - seen.amin(0) + 1).tolist() == [patch, patch]


def test_patch_discriminator_widths_double_up_to_eight_times() -> None:
    network = PatchDiscriminator(3, 4, 5)
    convs = [layer for layer in network.modules() if isinstance(layer, torch.nn.Conv2d)]
    assert [conv.out_channels for conv in convs] == [4, 8, 16, 32, 32, 32, 1]
    assert [conv.stride[0] for conv in convs] == [2, 2, 2, 2, 2, 1, 1]


def test_coarser_patch_discriminators_are_half_as_wide() -> None:
    network = PatchDiscriminator(3, 8, 2, scales=2)
    assert [scale[0].conv.out_channels for scale in network.scales] == [8, 4]
    assert [s.shape[2:] for s in network(torch.randn(1, 3, 64, 64))] == [(14, 14), (6, 6)]


def test_an_image_of_the_given_size_has_one_attribute_score() -> None:
    network = AttributeDiscriminator(3, 4, 3, (16, 24))
    (score,) = network(torch.rand(2, 3, 16, 24))
    assert score.shape == (2, 1, 1, 1)
    (scores,) = network(torch.rand(2, 3, 24, 24))
    assert scores.shape == (2, 1, 2, 1)


def test_every_attribute_layer_halves_its_map_and_doubles_the_channels_up_to_eight_times() -> None:
    network = AttributeDiscriminator(1, 2, 5, (64, 64))
    shapes = [tuple(found.shape[1:]) for found in network.maps(torch.rand(1, 1, 64, 64))]
    assert shapes == [(2, 32, 32), (4, 16, 16), (8, 8, 8), (16, 4, 4), (16, 2, 2)]


@pytest.mark.parametrize("layers", [0, 1, 3])
def test_antialiased_patches_have_as_many_scores_as_others(layers: int) -> None:
    x = torch.randn(1, 3, 64, 48)
    (plain,) = PatchDiscriminator(3, 4, layers)(x)
    (blurred,) = PatchDiscriminator(3, 4, layers, antialias=True)(x)
    assert plain.shape == blurred.shape


def test_an_antialiased_first_layer_does_not_pass_a_mesh_of_3_pixels_on_as_one_of_6() -> None:
    mesh = torch.cos(2 * torch.pi * torch.arange(96) / 3).expand(1, 1, 96, 96)
    variation = {}
    for antialias in (False, True):
        torch.manual_seed(0)
        network = MultiScaleDiscriminator(1, 8, 2, 1, activation="none", antialias=antialias)
        first = network.scales[0][0](mesh)
        assert first.shape[2:] == (48, 48) and network(mesh)[0].shape == (1, 1, 24, 24)
        variation[antialias] = first[..., 4:-4, 4:-4].std(3).mean()
    assert variation[True] < 0.3 * variation[False]
