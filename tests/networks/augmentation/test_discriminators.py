"""Images are augmented where they pass to discriminators, and only during moves."""

from itertools import pairwise

import pytest
import torch
from torch import Tensor, nn

from crossimage.losses import discriminator_loss, gradient_penalty, r1_penalty
from crossimage.methods.base import Noise
from crossimage.networks.augmentation.discriminators import (
    Augmentation,
    is_augmenting,
    note_real,
)
from crossimage.networks.augmentation.strength import Strength
from crossimage.networks.discriminators import PatchDiscriminator, score_real_and_fake

ALL = ("color", "translation", "cutout")


class Seen(nn.Module):
    """A discriminator that shows what it sees."""

    def forward(self, x: Tensor) -> list[Tensor]:
        return [x]


def draws(total: int = 4, rows: slice | None = None, seed: int = 0) -> Noise:
    return Noise(seed, total, rows or slice(0, total), "cpu")


def images(count: int = 4) -> Tensor:
    return torch.rand(count, 3, 16, 16) + 0.1


def seen(x: Tensor, noise: Noise) -> Tensor:
    network = Seen()
    with Augmentation(ALL, [network]).of_move(noise):
        return network(x)[0]


def test_images_pass_unchanged_outside_of_moves() -> None:
    network, x = Seen(), images()
    augmentation = Augmentation(ALL, [network])
    assert network(x)[0] is x and not is_augmenting()
    with augmentation.of_move(draws()):
        assert is_augmenting() and not torch.equal(network(x)[0], x)
    assert network(x)[0] is x and not is_augmenting()


def test_an_error_ends_a_move() -> None:
    network, x = Seen(), images()
    with pytest.raises(ZeroDivisionError), Augmentation(ALL, [network]).of_move(draws()):
        _ = 1 // 0
    assert network(x)[0] is x and not is_augmenting()


def test_a_sample_is_changed_alike_in_every_pass_of_a_move() -> None:
    networks, x = [Seen(), Seen()], images()
    with Augmentation(ALL, networks).of_move(draws()):
        first, second = (network(x)[0] for network in networks)
        both = networks[0](torch.cat([x, x]))[0]
    assert torch.equal(first, second)
    assert torch.equal(both, torch.cat([first, first]))


def test_other_moves_have_other_numbers() -> None:
    x = images()
    assert not torch.equal(seen(x, draws(seed=0)), seen(x, draws(seed=1)))


@pytest.mark.parametrize("share", [1, 2, 3])
def test_micro_batches_see_what_one_batch_sees(share: int) -> None:
    """Also where a pass has only every second or third sample."""
    x = images(12)
    whole = seen(x[::share], draws(12))
    parts = [slice(0, 6), slice(6, 12)]
    found = [seen(x[part][::share], draws(12, part)) for part in parts]
    assert torch.equal(torch.cat(found), whole)


def test_real_and_generated_images_of_micro_batches_are_those_of_one_batch() -> None:
    x, y = images(4), images(4)
    network = Seen()
    augmentation = Augmentation(ALL, [network])
    with augmentation.of_move(draws(8)):
        whole = score_real_and_fake(network, x, y)
    found: tuple[list[Tensor], list[Tensor]] = ([], [])
    for start, stop in pairwise((0, 2, 4)):
        with augmentation.of_move(draws(8, slice(2 * start, 2 * stop))):
            parts = score_real_and_fake(network, x[start:stop], y[start:stop])
        for own, part in zip(found, parts, strict=True):
            own.append(part[0])
    for own, (expected,) in zip(found, whole, strict=True):
        assert torch.equal(torch.cat(own), expected)


def test_uneven_shares_of_the_samples_are_refused() -> None:
    with pytest.raises(ValueError, match="found 3 images .* 4 samples; expected"):
        seen(images(3), draws())


def test_gradients_of_generated_images_flow_through_it() -> None:
    x = images().requires_grad_()
    seen(x, draws()).sum().backward()
    assert x.grad is not None and x.grad.abs().sum() > 0


def test_penalties_are_of_the_images_before_they_are_augmented() -> None:
    """As in ADA: where the augmentation hides a pixel, its gradient is 0."""
    network = PatchDiscriminator(3, 4, 1, norm="none")
    x = images().requires_grad_()
    with Augmentation(("cutout",), [network]).of_move(draws()):
        hidden = transform_of(torch.ones(4, 3, 16, 16)) == 0
        scores = network(x)[0].mean((1, 2, 3))
        (slope,) = torch.autograd.grad(scores.sum(), x, create_graph=True)
        assert (slope[hidden] == 0).all() and slope.abs().sum() > 0
        penalty = r1_penalty(scores, x)
        torch.testing.assert_close(penalty, slope.square().sum((1, 2, 3)).mean() / 2)
        mix = torch.rand(4, 1, 1, 1)
        assert gradient_penalty(network, images(), images(), mix).requires_grad


def transform_of(x: Tensor) -> Tensor:
    """What the first move's cutout leaves of images."""
    network = Seen()
    with Augmentation(("cutout",), [network]).of_move(draws()):
        return network(x)[0]


@pytest.mark.parametrize("kind", ["lsgan", "nsgan", "hinge"])
def test_the_overfitting_is_the_mean_sign_of_the_scores_of_real_images(kind) -> None:
    middle = 0.5 if kind == "lsgan" else 0.0
    augmentation = Augmentation((), [], strength=Strength(100, "cpu"))
    real = [torch.tensor([1.0, 2.0, 3.0, -1.0]) + middle, torch.tensor([-1.0, -2.0]) + middle]
    with augmentation.of_move(draws()):
        discriminator_loss(real, [torch.zeros(4), torch.zeros(2)], kind)
    assert augmentation.take_signs() == pytest.approx((0.5 - 1.0) / 2)
    assert augmentation.take_signs() is None, "each score counts once"


def test_critics_compare_real_with_generated_images() -> None:
    augmentation = Augmentation((), [], strength=Strength(100, "cpu"))
    with augmentation.of_move(draws()):
        real, fake = torch.tensor([9.0, 9.0, 9.0, 7.0]), torch.tensor([8.0, 8.0, 8.0, 8.0])
        discriminator_loss([real], [fake], "wgan-gp")
    assert augmentation.take_signs() == pytest.approx(0.5)


def test_scores_are_noted_only_during_moves_and_where_the_strength_adapts() -> None:
    adaptive = Augmentation((), [], strength=Strength(100, "cpu"))
    note_real([torch.ones(4)])
    assert adaptive.take_signs() is None
    constant = Augmentation((), [])
    with constant.of_move(draws()):
        note_real([torch.ones(4)])
    assert constant.take_signs() is None
