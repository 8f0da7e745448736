"""Shapes and numbering of SinCUT's networks."""

import pytest
import torch

from crossimage.networks.stylegan2.networks import StyleGAN2Discriminator, StyleGAN2Translator


@pytest.mark.parametrize("widths", [(3,), (3, 4), (3, 4, 5)])
def test_translations_have_the_size_of_the_image_and_noise_that_of_each_doubling(widths):
    G, x = StyleGAN2Translator(1, widths, 2), torch.randn(2, 1, 12, 20)
    shapes = G.noise_shapes(x)
    assert shapes == [(1, 6, 10), (1, 12, 20)][3 - len(widths) :]
    assert G(x, [torch.randn(2, *shape) for shape in shapes]).shape == x.shape


def test_maps_are_counted_from_the_image_on_and_no_layer_is_computed_in_vain():
    G, x = StyleGAN2Translator(3, (4, 5), 2), torch.randn(1, 3, 8, 8)
    maps = G(x, layers=range(len(G.widths())))
    assert [y.shape[1] for y in maps] == G.widths() == [3, 4, 5, 5, 5]
    assert [y.shape[2] for y in maps] == [8, 8, 4, 4, 4]
    G.encoder[-1] = torch.nn.Linear(1, 1)  # would fail
    for found, layer in zip(G(x, layers=(0, 2, 3)), (0, 2, 3), strict=True):
        torch.testing.assert_close(found, maps[layer])


def test_a_discriminator_gives_one_score_for_an_image_of_its_size():
    D = StyleGAN2Discriminator(3, (2, 3, 4))
    (scores,) = D(torch.randn(5, 3, 16, 16))
    assert scores.shape == (5, 1, 1, 1)
