import pytest
import torch
from torch.nn import functional as F

from crossimage.losses import (
    discriminator_loss,
    focal_loss,
    generator_loss,
    gradient_penalty,
    ink_l1_loss,
    l1_loss,
    patch_nce,
    perceptual_distance,
    total_variation,
)

REAL, FAKE = [torch.randn(2, 1, 4, 4), torch.randn(2, 1, 2, 2)], [torch.randn(2, 1, 4, 4)] * 2


def test_lsgan_is_the_squared_distance_to_the_labels_summed_over_scales() -> None:
    expected = sum(((r - 1) ** 2).mean() + (f**2).mean() for r, f in zip(REAL, FAKE, strict=True))
    torch.testing.assert_close(discriminator_loss(REAL, FAKE, "lsgan"), expected)
    expected = sum(((f - 1) ** 2).mean() for f in FAKE)
    torch.testing.assert_close(generator_loss(FAKE, "lsgan"), expected)


def test_nsgan_is_binary_cross_entropy() -> None:
    def bce(x, label):
        return F.binary_cross_entropy(torch.sigmoid(x), torch.full_like(x, label))

    expected = sum(bce(r, 1.0) + bce(f, 0.0) for r, f in zip(REAL, FAKE, strict=True))
    torch.testing.assert_close(discriminator_loss(REAL, FAKE, "nsgan"), expected)
    torch.testing.assert_close(generator_loss(FAKE, "nsgan"), sum(bce(f, 1.0) for f in FAKE))


def test_minimax_is_what_the_discriminator_of_nsgan_ascends() -> None:
    expected = sum((1 - torch.sigmoid(f)).log().mean() for f in FAKE)
    torch.testing.assert_close(generator_loss(FAKE, "minimax"), expected)


def test_hinge_does_not_push_scores_beyond_the_margin() -> None:
    sure = [torch.full((2, 1, 2, 2), 3.0)]
    assert discriminator_loss(sure, [-sure[0]], "hinge") == 0
    assert discriminator_loss([-sure[0]], sure, "hinge") == 8
    assert generator_loss(sure, "hinge") == -3


def test_wasserstein_is_the_difference_of_the_means() -> None:
    loss = discriminator_loss(REAL[:1], FAKE[:1], "wgan-gp")
    torch.testing.assert_close(loss, FAKE[0].mean() - REAL[0].mean())


@pytest.mark.parametrize("slope", [0.0, 1.0, 3.0])
def test_gradient_penalty_of_a_linear_critic_is_known(slope: float) -> None:
    direction = F.normalize(torch.randn(3 * 8 * 8), dim=0) * slope
    real, fake = torch.randn(2, 4, 3, 8, 8)
    mix = torch.rand(4, 1, 1, 1)
    penalty = gradient_penalty(lambda x: [x.flatten(1) @ direction], real, fake, mix)
    torch.testing.assert_close(penalty, torch.tensor((slope - 1) ** 2))


@pytest.mark.parametrize("kind", ["lsgan", "nsgan", "hinge", "wgan-gp"])
def test_losses_of_half_precision_scores_are_made_in_full_precision(kind) -> None:
    real, fake = [torch.full((1, 1, 4, 4), 100.25)], [torch.full((1, 1, 4, 4), 100.0)]
    with torch.autocast("cpu", torch.bfloat16):
        halves = [x[0].bfloat16() for x in (real, fake)]
        assert discriminator_loss(halves[:1], halves[1:], kind).dtype == torch.float32
        assert generator_loss(halves[1:], kind).dtype == torch.float32


def test_gradient_penalty_takes_half_precision_images() -> None:
    real, fake = torch.randn(2, 3, 8, 8), torch.randn(2, 3, 8, 8).bfloat16()
    penalty = gradient_penalty(lambda x: [x.mean((1, 2, 3))], real, fake, torch.rand(2, 1, 1, 1))
    assert penalty.dtype == torch.float32


def test_perceptual_distance_ignores_contrast_and_brightness_of_features() -> None:
    x = torch.randn(2, 3, 8, 8)
    same = perceptual_distance(lambda y: y, x, 3 * x + 2)
    other = perceptual_distance(lambda y: y, x, torch.randn(2, 3, 8, 8))
    assert same < 1e-4 < other


def test_total_variation_is_the_mean_step_down_plus_that_across() -> None:
    ramp = 2.0 * torch.arange(5)[:, None] + 3.0 * torch.arange(4)
    assert total_variation(ramp.expand(2, 3, 5, 4)) == 5
    assert total_variation(torch.ones(2, 3, 5, 4)) == 0
    stripes = torch.tensor([1.0, -1.0]).repeat(3).expand(1, 1, 6, 6)
    assert total_variation(stripes) == total_variation(stripes.mT) == 2


def test_patch_nce_contrasts_with_the_other_patches_of_the_same_image() -> None:
    """As published: the own similarity, and those to all others with the own one taken out."""
    query, key = (F.normalize(torch.randn(2, 6, 4), dim=2) for _ in range(2))
    others = query @ key.transpose(1, 2)
    own = others.diagonal(dim1=1, dim2=2).unsqueeze(2)
    others = others.masked_fill(torch.eye(6, dtype=torch.bool), -10)
    logits = torch.cat([own, others], 2).flatten(0, 1) / 0.07
    expected = F.cross_entropy(logits, torch.zeros(12, dtype=torch.long))
    torch.testing.assert_close(patch_nce(query, key, 0.07), expected)
    assert patch_nce(query.bfloat16(), key.bfloat16(), 0.07).dtype == torch.float32


def test_focal_loss_hardly_counts_what_is_recognised() -> None:
    logits, classes = torch.tensor([[0.0, 0.0], [8.0, 0.0]]), torch.tensor([0, 0])
    p = logits.softmax(1)[:, 0]
    torch.testing.assert_close(focal_loss(logits, classes), (-((1 - p) ** 2) * p.log()).mean())
    assert focal_loss(logits[1:], classes[1:]) < 1e-9 < focal_loss(logits[:1], classes[:1])


@pytest.mark.parametrize("layout", [torch.contiguous_format, torch.channels_last])
def test_l1_keeps_full_precision_and_the_memory_layout_of_the_maps(layout) -> None:
    x = torch.randn(2, 5, 4, 3).bfloat16().to(memory_format=layout).requires_grad_()
    target = torch.randn(2, 5, 4, 3)
    torch.testing.assert_close(l1_loss(x, target), F.l1_loss(x.float(), target))
    (gradient,) = torch.autograd.grad(l1_loss(x, target), x)
    (expected,) = torch.autograd.grad(F.l1_loss(x.float(), target), x)
    torch.testing.assert_close(gradient, expected)
    assert gradient.is_contiguous(memory_format=layout)


def test_ink_counts_however_thin_its_lines_are() -> None:
    paper = torch.ones(2, 3, 16, 16)
    drawn = paper.clone()
    drawn[:, :, 4] = -1  # one row of sixteen
    thick = paper.clone()
    thick[:, :, 4:12] = -1
    assert ink_l1_loss(drawn, drawn) == 0
    for target in (drawn, thick):
        assert torch.isclose(ink_l1_loss(paper, target), torch.tensor(2.0))  # black against white


def test_ink_is_measured_image_by_image_and_not_on_paper() -> None:
    x = torch.rand(4, 3, 8, 8, generator=torch.Generator().manual_seed(0)) * 2 - 1
    y = torch.rand(4, 3, 8, 8, generator=torch.Generator().manual_seed(1)) * 2 - 1
    y[0] = 1  # blank paper
    parts = [ink_l1_loss(x[i : i + 1], y[i : i + 1]) for i in range(4)]
    assert parts[0] == 0
    assert torch.isclose(ink_l1_loss(x, y), torch.stack(parts).mean())
    ink = (1 - y[1]) / 2
    assert torch.isclose(parts[1], (ink * (x[1] - y[1]).abs()).sum() / ink.sum())
