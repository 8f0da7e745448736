"""Loss functions that several papers share."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Literal

import torch
from torch import Tensor
from torch.nn import functional as F

from crossimage.networks.augmentation.discriminators import note_real
from crossimage.networks.layers.normalisation import instance_norm

Adversarial = Literal["lsgan", "nsgan", "hinge", "wgan-gp"]


def discriminator_loss(real: Sequence[Tensor], fake: Sequence[Tensor], kind: Adversarial) -> Tensor:
    """Compute a discriminator's loss: the mean over each score map, summed over the scales.

    Args:
        real: Score maps of real images, one per scale.
        fake: Score maps of generated images, one per scale.
        kind: ``lsgan``: squared distance to 1 and 0 (Mao et al. 2017); ``nsgan``: binary
            cross-entropy (Goodfellow et al. 2014); ``hinge``: Lim and Ye 2017; ``wgan-gp``:
            difference of the means (Gulrajani et al. 2017), used together with
            :func:`gradient_penalty`.

    Returns:
        A scalar.
    """
    total = torch.zeros((), device=real[0].device)
    verdicts = []
    for r, f in zip(real, fake, strict=True):
        r, f = r.float(), f.float()
        verdicts.append(_verdict(r, f, kind))
        match kind:
            case "lsgan":
                total = total + (r - 1).square().mean() + f.square().mean()
            case "nsgan":
                total = total + F.softplus(-r).mean() + F.softplus(f).mean()
            case "hinge":
                total = total + F.relu(1 - r).mean() + F.relu(1 + f).mean()
            case "wgan-gp":
                total = total + f.mean() - r.mean()
    note_real(verdicts)
    return total


def _verdict(real: Tensor, fake: Tensor, kind: Adversarial) -> Tensor:
    """Return scores of real images, shifted so that those above 0 are on the side of real ones.

    The scores of a critic have no such middle; its real images are compared with generated ones.
    """
    match kind:
        case "lsgan":
            return real.detach() - 0.5
        case "wgan-gp":
            return real.detach() - fake.detach()
        case _:
            return real.detach()


def generator_loss(fake: Sequence[Tensor], kind: Adversarial | Literal["minimax"]) -> Tensor:
    """Compute a generator's loss against :func:`discriminator_loss` of the same kind.

    Args:
        fake: Score maps of generated images, one per scale.
        kind: The adversarial objective; ``nsgan`` is the non-saturating form, ``minimax`` the
            saturating one against the same discriminator: the mean of log(1 - D).

    Returns:
        A scalar.
    """
    total = torch.zeros((), device=fake[0].device)
    for f in fake:
        f = f.float()
        match kind:
            case "lsgan":
                total = total + (f - 1).square().mean()
            case "nsgan":
                total = total + F.softplus(-f).mean()
            case "minimax":
                total = total - F.softplus(f).mean()
            case "hinge" | "wgan-gp":
                total = total - f.mean()
    return total


def l1_loss(x: Tensor, target: Tensor) -> Tensor:
    """Compute the mean absolute difference, whose gradient has the memory layout of ``x``.

    That of a mean is written in contiguous memory, and so are then all sums that it is part of.

    Args:
        x: Images or feature maps.
        target: Values of the same shape.

    Returns:
        A scalar, computed at least in fp32.
    """
    wide = torch.promote_types(x.dtype, torch.float32)
    difference = x.to(wide) - target.to(wide)
    return difference.abs().sum() / difference.numel()


def gradient_penalty(
    discriminate: Callable[[Tensor], Sequence[Tensor]], real: Tensor, fake: Tensor, mix: Tensor
) -> Tensor:
    """Penalise gradient norms of a critic that differ from 1 between real and fake images.

    Args:
        discriminate: The critic: images to score maps, one per scale.
        real: Real images (N, C, H, W).
        fake: Generated images of the same shape, detached.
        mix: Uniform in [0, 1], (N, 1, 1, 1): the point between the two at which the gradient is
            taken.

    Returns:
        A scalar: the mean over samples of (gradient norm - 1)^2, summed over the scales.
        Gulrajani et al. 2017, equation 3.
    """
    between = torch.lerp(fake.float(), real.float(), mix).requires_grad_()
    total = torch.zeros((), device=between.device)
    for scores in discriminate(between):
        (slope,) = torch.autograd.grad(scores.sum(), between, create_graph=True)
        total = total + (slope.flatten(1).norm(2, dim=1) - 1).square().mean()
    return total


def r1_penalty(scores: Tensor, real: Tensor) -> Tensor:
    """Penalise the gradients of a discriminator at real images.

    Args:
        scores: Scores of the images, one each, (N,) or (N, 1).
        real: The images (N, C, H, W), which require gradients.

    Returns:
        A scalar: half the squared gradient norm, mean over the images. Mescheder et al. 2018,
        equation 9.
    """
    (slope,) = torch.autograd.grad(scores.sum(), real, create_graph=True)
    return slope.float().square().flatten(1).sum(1).mean() / 2


def local_gradient_penalty(
    discriminate: Callable[[Tensor], Tensor], real: Tensor, mix: Tensor, noise: Tensor
) -> Tensor:
    """Penalise gradient norms above 1 near real images (DRAGAN, Kodali et al. 2017).

    Args:
        discriminate: The discriminator: images to one score map.
        real: Real images (N, C, H, W).
        mix: Uniform in [0, 1], (N, 1, 1, 1): how much of the noise is added.
        noise: Uniform in [0, 1], of the shape of the images; added in units of half of their
            standard deviation, that of all their values.

    Returns:
        A scalar: the mean over samples of max(0, gradient norm - 1)^2, the one-sided form.
    """
    real = real.float()
    near = (real + mix * noise * real.std(correction=0) / 2).requires_grad_()
    (slope,) = torch.autograd.grad(discriminate(near).sum(), near, create_graph=True)
    # the derivative of the norm is not finite at 0
    norm = (slope.flatten(1).square().sum(1) + 1e-12).sqrt()
    return F.relu(norm - 1).square().mean()


def focal_loss(logits: Tensor, classes: Tensor) -> Tensor:
    """Compute the focal loss of class logits (Lin et al. 2017), with exponent 2.

    Args:
        logits: Logits (N, classes).
        classes: Indices (N,) of the right classes.

    Returns:
        A scalar: the mean of -(1 - p)^2 log p, where p is the probability of the right class.
    """
    log_p = -F.cross_entropy(logits.float(), classes, reduction="none")
    return -((1 - log_p.exp()).square() * log_p).mean()


def perceptual_distance(
    features: Callable[[Tensor], Tensor], x: Tensor, reference: Tensor
) -> Tensor:
    """Compute the domain-invariant perceptual distance: MSE of instance-normalised features.

    Args:
        features: A fixed network that turns images (N, C, H, W) in [-1, 1] into feature maps.
        x: Images to compare.
        reference: Images whose content they should keep.

    Returns:
        A scalar. MUNIT, section 5.1 and appendix C.
    """
    return F.mse_loss(instance_norm(features(x)), instance_norm(features(reference)))


def ink_l1_loss(x: Tensor, target: Tensor) -> Tensor:
    """Compare images where the target is dark: lines on white paper, objects on a white ground.

    Args:
        x: Images (N, C, H, W).
        target: Images of the same shape in [-1, 1]; 1 is paper, which does not count.

    Returns:
        A scalar of at least 0: of each image the mean absolute difference, weighted by the target's
        darkness (1 - target) / 2 and 0 without any ink; mean over the images.
    """
    x, target = x.float().flatten(1), target.float().flatten(1)
    ink = (1 - target).clamp_min(0) / 2
    return ((ink * (x - target).abs()).sum(1) / ink.sum(1).clamp_min(1e-3)).mean()


def patch_nce(query: Tensor, key: Tensor, temperature: float) -> Tensor:
    """Compute the contrastive loss of patches, PatchNCE, against the other patches of an image.

    Args:
        query: Unit vectors (N, P, D) of P patches per image.
        key: Those of the patches that correspond to them; they are detached.
        temperature: Divides the similarities.

    Returns:
        A scalar: the mean cross entropy of choosing the corresponding key among the P of the same
        image. Park et al. 2020, equations 2 and 3.
    """
    with torch.autocast(query.device.type, enabled=False):
        similarities = query.float() @ key.detach().float().transpose(1, 2)
    own = torch.arange(query.shape[1], device=query.device).expand(len(query), -1)
    return F.cross_entropy(similarities.flatten(0, 1) / temperature, own.flatten())


def total_variation(x: Tensor) -> Tensor:
    """Compute the anisotropic total variation: |differences| of neighbours, down plus across.

    Args:
        x: Images (N, C, H, W) of at least two rows and two columns.

    Returns:
        A scalar: the mean over neighbours in a column plus the mean over neighbours in a row.
    """
    x = x.float()
    return x.diff(dim=2).abs().mean() + x.diff(dim=3).abs().mean()
