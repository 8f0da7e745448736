import torch

from crossimage.networks.attribute import AttributeDiscriminator


def test_an_image_of_the_given_size_has_one_score() -> None:
    network = AttributeDiscriminator(3, 4, 3, (16, 24))
    (score,) = network(torch.rand(2, 3, 16, 24))
    assert score.shape == (2, 1, 1, 1)
    (scores,) = network(torch.rand(2, 3, 24, 24))
    assert scores.shape == (2, 1, 2, 1)


def test_every_layer_halves_its_map_and_doubles_the_channels_up_to_eight_times() -> None:
    network = AttributeDiscriminator(1, 2, 5, (64, 64))
    shapes = [tuple(found.shape[1:]) for found in network.maps(torch.rand(1, 1, 64, 64))]
    assert shapes == [(2, 32, 32), (4, 16, 16), (8, 8, 8), (16, 4, 4), (16, 2, 2)]
