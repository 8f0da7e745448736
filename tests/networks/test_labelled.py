import torch

from crossimage.networks.labelled import LabelledDiscriminator, LabelledGenerator


def test_translations_have_the_size_of_their_inputs_and_are_in_the_range_of_images() -> None:
    generator = LabelledGenerator(3, 5, 4, 1)
    x_c = generator(torch.rand(2, 3, 16, 24) * 2 - 1, torch.eye(5)[:2])
    assert x_c.shape == (2, 3, 16, 24)
    assert x_c.abs().max() <= 1


def test_labels_change_the_translation() -> None:
    """Zero padding keeps the constant label maps visible to the first norm."""
    generator, x = LabelledGenerator(3, 2, 4, 1), torch.rand(1, 3, 16, 16)
    one, other = (generator(x, labels[None]) for labels in torch.eye(2))
    assert (one - other).abs().mean() > 1e-3


def test_the_discriminator_has_a_source_map_and_one_logit_per_label() -> None:
    discriminator = LabelledDiscriminator(3, 5, 4, 3, (16, 24))
    source, logits = discriminator(torch.rand(2, 3, 16, 24))
    assert source.shape == (2, 1, 2, 3)
    assert logits.shape == (2, 5)


def test_logits_of_larger_images_are_means_over_all_positions() -> None:
    discriminator = LabelledDiscriminator(3, 5, 4, 2, (8, 8))
    x = torch.rand(1, 3, 8, 8)
    _, logits = discriminator(x)
    tiled = discriminator.classes(discriminator.features(torch.rand(1, 3, 16, 12)))
    assert tiled.shape[2:] == (3, 2)
    _, larger = discriminator(torch.rand(1, 3, 16, 12))
    assert larger.shape == logits.shape == (1, 5)
