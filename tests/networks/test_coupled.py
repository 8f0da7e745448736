import torch

from crossimage.networks.coupled import CoupledDiscriminator, CoupledVAE, with_coordinates

CHANNELS = {"a": 3, "b": 1}


def images(count: int = 2, size: int = 16) -> dict[str, torch.Tensor]:
    return {d: torch.rand(count, c, size, size) * 2 - 1 for d, c in CHANNELS.items()}


def test_coordinates_run_from_minus_1_to_just_below_1() -> None:
    x = with_coordinates(torch.zeros(2, 3, 4, 8))
    assert x.shape == (2, 5, 4, 8)
    assert x[1, 3, :, 0].tolist() == [-1, -0.5, 0, 0.5]  # rows
    assert x[1, 4, 0].tolist() == [-1, -0.75, -0.5, -0.25, 0, 0.25, 0.5, 0.75]  # columns


def test_codes_of_both_domains_are_vectors_of_one_latent_space() -> None:
    mean, deviation = CoupledVAE(CHANNELS, 2, 16).encode(images())
    assert mean.shape == deviation.shape == (4, 16, 1, 1)
    assert (deviation > 0).all()


def test_a_code_is_decoded_into_the_domains_asked_for() -> None:
    decoded = CoupledVAE(CHANNELS, 2, 16).decode(torch.randn(2, 16, 1, 1), "b", "a")
    assert [x.shape for x in decoded] == [(2, 1, 16, 16), (2, 3, 16, 16)]
    assert all(x.abs().max() <= 1 for x in decoded)


def test_only_the_layers_next_to_the_images_belong_to_a_domain() -> None:
    vae, discriminator = CoupledVAE(CHANNELS, 2, 16), CoupledDiscriminator(CHANNELS, 3, 2, 16)
    own = {name.split(".")[0] for name, _ in vae.named_parameters() if ".a." in name}
    assert own == {"first", "last"}
    assert {n.split(".")[0] for n, _ in discriminator.named_parameters() if ".b." in n} == {"first"}


def test_scores_and_classes_are_read_from_the_same_features() -> None:
    discriminator = CoupledDiscriminator(CHANNELS, 3, 2, 16)
    features = discriminator.features(images())
    assert features.shape == (4, 16, 1, 1)
    assert discriminator.score(features).shape == (4, 1, 1, 1)
    assert discriminator.classify(features).shape == (4, 3)


def test_dropout_of_features_can_be_left_out() -> None:
    discriminator, x = CoupledDiscriminator(CHANNELS, 3, 8, 16), images()
    plain = [discriminator.features(x, drop=False) for _ in range(2)]
    assert torch.equal(*plain)
    dropped = [discriminator.features(x) for _ in range(2)]
    assert not torch.equal(*dropped)
