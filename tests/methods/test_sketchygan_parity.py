"""Every tensor and every loss term of the official implementation, at its own weights."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file
from torch import Tensor
from torch.nn import functional as F

from crossimage.losses import discriminator_loss, focal_loss, generator_loss
from crossimage.methods.sketchygan import SketchyGAN
from crossimage.networks.strokes import distance_maps
from tests import golden


def imported(folder: Path, scope: str) -> SketchyGAN:
    """The generator, and the discriminator whose variables are in a scope."""
    variables = load_file(golden.folder("wchen342_sketchygan") / "weights.safetensors")
    kept = {
        name.replace(scope, "discriminator"): value
        for name, value in variables.items()
        if name.split("/")[0] in ("generator", scope)
    }
    path = folder / "variables.safetensors"
    save_file(kept, path)
    method = golden.imported("wchen342-sketchygan", path)
    assert isinstance(method, SketchyGAN)
    return method


@pytest.fixture(scope="module")
def method(tmp_path_factory: pytest.TempPathFactory) -> SketchyGAN:
    return imported(tmp_path_factory.mktemp("plain"), "discriminator")


@pytest.fixture(scope="module")
def normalised(tmp_path_factory: pytest.TempPathFactory) -> SketchyGAN:
    return imported(tmp_path_factory.mktemp("spectral"), "discriminator_sn")


@pytest.fixture(scope="module")
def io() -> dict[str, Tensor]:
    return load_file(golden.folder("wchen342_sketchygan") / "io.safetensors")


def close(found: Tensor, expected: Tensor) -> None:
    torch.testing.assert_close(found, expected.reshape(found.shape), rtol=1e-4, atol=1e-4)


def test_distances_to_the_strokes(io: dict[str, Tensor]) -> None:
    maps = distance_maps(io["sketch"].float() / 127.5 - 1)
    close((maps + 1) * 127.5, io["distance"].float())
    close(maps.expand(-1, 3, -1, -1), io["input"])


@torch.no_grad()
def test_translations(method: SketchyGAN, io: dict[str, Tensor]) -> None:
    sketch = (io["sketch"].float() / 127.5 - 1).expand(-1, 3, -1, -1)
    labels = F.one_hot(io["label"], 5).float()
    close(method.translate(sketch, labels, io["noise"]), io["image"])
    method.train()
    close(method.translate(sketch, labels, io["noise"]), io["image"])
    method.eval()


@torch.no_grad()
def test_scores_and_classes(method: SketchyGAN, io: dict[str, Tensor]) -> None:
    for image, of in (("photo", "real"), ("image", "fake")):
        close(method.discriminate(io[image], "x")[0], io[f"dis_{of}"])
        close(method.classify(io[image], "x"), io[f"logits_{of}"])


@torch.no_grad()
def test_scores_and_classes_with_spectral_norm(
    normalised: SketchyGAN, io: dict[str, Tensor]
) -> None:
    close(normalised.discriminate(io["photo"], "x")[0], io["dis_real_sn"])
    close(normalised.classify(io["photo"], "x"), io["logits_real_sn"])


def test_the_gradient_that_penalties_see(method: SketchyGAN, io: dict[str, Tensor]) -> None:
    photo = io["photo"].clone().requires_grad_()
    (slope,) = torch.autograd.grad(method.discriminate(photo, "x")[0].sum(), photo)
    close(slope, io["dis_real_gradient"])


@torch.no_grad()
def test_loss_terms(method: SketchyGAN, io: dict[str, Tensor]) -> None:
    on_real, real_logits = method.discriminators(io["photo"])
    on_fake, fake_logits = method.discriminators(io["image"])
    close(discriminator_loss([on_real], [on_fake], "nsgan"), io["d_adversarial_softplus"])
    close(generator_loss([on_fake], "nsgan"), io["g_adversarial_softplus"])
    close(focal_loss(real_logits, io["photo_label"]), io["d_classes_focal"])
    close(F.cross_entropy(fake_logits, io["label"]) / 2, io["g_classes"])
