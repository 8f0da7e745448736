"""Every tensor and every loss term of the official implementation, at its own weights."""

from __future__ import annotations

import pytest
import torch
from safetensors.torch import load_file
from torch import Tensor

from crossimage.config import read_yaml
from crossimage.methods.base import Batch, Update
from crossimage.methods.munit import MUNIT
from tests import golden


class Given:
    """Noise that was drawn elsewhere, in the order in which the step asks for it."""

    def __init__(self, *draws: Tensor) -> None:
        self.draws = list(draws)

    def __call__(self, *shape: int) -> Tensor:
        return self.draws.pop(0).reshape(-1, *shape)


@pytest.fixture(scope="module")
def case() -> tuple[MUNIT, dict[str, Tensor], dict]:
    folder = golden.folder("nvlabs_munit")
    files, config = ("gen_00010000.pt", "dis_00010000.pt"), folder / "config.yaml"
    munit = golden.imported("nvlabs-munit", *(folder / file for file in files), config=config)
    assert isinstance(munit, MUNIT)
    return munit, load_file(folder / "io.safetensors"), read_yaml(config)


def close(found: Tensor, expected: Tensor) -> None:
    torch.testing.assert_close(found, expected.reshape(found.shape), rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("domain", ["a", "b"])
@torch.no_grad()
def test_codes_reconstructions_and_scores(case, domain: str) -> None:
    munit, io, _ = case
    x = io[f"image_{domain}"]
    content, style = munit.encode_content(x, domain), munit.encode_style(x, domain)
    close(content, io[f"content_{domain}"])
    close(style, io[f"style_code_{domain}"])
    close(munit.decode(content, domain, style), io[f"recon_{domain}"])
    for i, scores in enumerate(munit.discriminate(x, domain)):
        close(scores, io[f"dis_{domain}_scale{i}"])


@pytest.mark.parametrize(("source", "target"), ["ab", "ba"])
@torch.no_grad()
def test_translations(case, source: str, target: str) -> None:
    munit, io, _ = case
    x = io[f"image_{source}"]
    close(
        munit.translate(x, target, io[f"style_{target}"].flatten(1)), io[f"trans_{source}{target}"]
    )
    guided = munit.translate(x, target, munit.encode_style(io[f"image_{target}"], target))
    close(guided, io[f"guided_{source}{target}"])


def moves(munit: MUNIT, io: dict[str, Tensor]) -> dict[str, Update]:
    images = {d: io[f"image_{d}"] for d in "ab"}
    noise = Given(io["style_a"].flatten(1), io["style_b"].flatten(1))
    return {move.player: move for move in munit.training_step(Batch(images, noise))}


def test_every_loss_term_of_both_moves(case) -> None:
    munit, io, _ = case
    step = moves(munit, io)
    close(step["discriminators"].losses["adversarial"], io["loss_dis_a"] + io["loss_dis_b"])
    names = {"adversarial": "adv", "image": "recon_x", "style": "recon_s", "content": "recon_c"}
    assert step["generators"].losses.keys() == names.keys()
    for ours, theirs in names.items():
        expected = io[f"loss_gen_{theirs}_a"] + io[f"loss_gen_{theirs}_b"]
        close(step["generators"].losses[ours], expected)


def test_weighted_totals(case) -> None:
    munit, io, theirs = case
    weights = munit.config.weights
    assert [weights.adversarial, weights.image, weights.style, weights.content] == [
        theirs[name] for name in ("gan_w", "recon_x_w", "recon_s_w", "recon_c_w")
    ]
    for player, name in (("discriminators", "loss_dis_total"), ("generators", "loss_gen_total")):
        losses = moves(munit, io)[player].losses
        close(sum(getattr(weights, term) * value for term, value in losses.items()), io[name])


@pytest.mark.parametrize(("domain", "other"), ["ab", "ba"])
@torch.no_grad()
def test_terms_of_each_domain(case, domain: str, other: str) -> None:
    """The official code reports every term once a domain; ours are their sums."""
    munit, io, _ = case
    x, style = io[f"image_{domain}"], io[f"style_{domain}"].flatten(1)
    content = munit.encode_content(io[f"image_{other}"], other)
    fake = munit.decode(content, domain, style)
    own = munit.decode(munit.encode_content(x, domain), domain, munit.encode_style(x, domain))
    l1 = torch.nn.functional.l1_loss
    close(l1(own, x), io[f"loss_gen_recon_x_{domain}"])
    close(l1(munit.encode_style(fake, domain), style), io[f"loss_gen_recon_s_{domain}"])
    close(l1(munit.encode_content(fake, domain), content), io[f"loss_gen_recon_c_{other}"])
    close(
        munit._discriminator_loss(munit.discriminators[domain], x, fake), io[f"loss_dis_{domain}"]
    )
