from __future__ import annotations

import torch

from crossimage.networks.masked_residual import (
    ClassBatchNorm,
    MaskedResidualDiscriminator,
    MaskedResidualGenerator,
    NoiseLayer,
    l2_of_units,
    min_max,
)


def test_a_mask_reaches_from_0_to_1_in_every_map() -> None:
    masks = min_max(torch.randn(2, 3, 5, 7))
    assert (masks.amin((2, 3)) == 0).all() and (masks.amax((2, 3)) == 1).all()


def test_a_constant_map_masks_everything_and_passes_no_wild_gradient() -> None:
    x = torch.full((1, 1, 4, 4), 0.3, requires_grad=True)
    mask = min_max(x)
    assert (mask == 0).all()
    mask.sum().backward()
    assert x.grad is not None and x.grad.abs().max() <= 16


def test_batch_norm_uses_the_batch_in_training_and_the_class_s_scale_and_shift() -> None:
    norm = ClassBatchNorm(2, 3)
    with torch.no_grad():
        norm.scale.copy_(torch.tensor([[1.0, 2.0], [3.0, 4.0], [5.0, 6.0]]))
        norm.shift.copy_(torch.tensor([[0.0, 1.0], [2.0, 3.0], [4.0, 5.0]]))
    x, classes = torch.randn(4, 2, 5, 5), torch.tensor([0, 2, 2, 1])
    variance, mean = torch.var_mean(x, (0, 2, 3), correction=0, keepdim=True)
    plain = (x - mean) / (variance + 1e-5).sqrt()
    expected = plain * norm.scale[classes][..., None, None] + norm.shift[classes][..., None, None]
    torch.testing.assert_close(norm(x, classes), expected)
    norm.eval()
    assert not torch.allclose(norm(x, classes), expected)  # running statistics
    norm.batch_statistics = True
    torch.testing.assert_close(norm(x, classes), expected)
    assert torch.equal(norm(x[:1, :, :1, :1], classes[:1]).flatten(), norm.shift[0])


def test_a_single_image_keeps_its_noise() -> None:
    layer = NoiseLayer(6, 50, 2)
    z = torch.randn(2, 1, 6)
    first, second = (layer(own, torch.tensor([1])) for own in z)
    assert (first - second).abs().mean() > 0.5


def test_the_expected_statistics_of_noise_are_those_of_large_batches() -> None:
    layer = NoiseLayer(6, 5, 1)
    torch.nn.init.normal_(layer.linear.bias)
    z, classes = torch.randn(200_000, 6), torch.zeros(200_000, dtype=torch.long)
    by_batch, expected = layer(z, classes), layer.eval()(z, classes)
    torch.testing.assert_close(by_batch, expected, atol=0.05, rtol=0.05)


def test_sizes_of_other_crops_and_widths() -> None:
    G = MaskedResidualGenerator(1, 2, 3, 4, 5, (32, 96)).eval()
    y = G(torch.randn(2, 1, 32, 96), torch.tensor([0, 3]), torch.randn(2, 5))
    assert y.shape == (2, 2, 32, 96) and y.abs().max() <= 1
    D = MaskedResidualDiscriminator(2, 3, 4)
    scores, logits = D(y)
    assert scores.shape == (2, 1, 2, 6) and logits.shape == (2, 4)


def test_the_class_changes_the_image() -> None:
    G = MaskedResidualGenerator(3, 3, 4, 2, 5, (32, 32)).eval()
    for layer in G.modules():
        if isinstance(layer, ClassBatchNorm):
            torch.nn.init.normal_(layer.shift)
    x, z = torch.randn(1, 3, 32, 32), torch.randn(1, 5)
    assert (G(x, torch.tensor([0]), z) - G(x, torch.tensor([1]), z)).abs().max() > 1e-3


def test_the_l2_penalty_leaves_out_the_outer_convolutions_and_the_decoder_s_shortcuts() -> None:
    G = MaskedResidualGenerator(3, 3, 2, 2, 5, (32, 32))
    names = {name for name, p in G.named_parameters() if p.dim() > 1 and "norm" not in name}
    l2_of_units(G).backward()
    left_out = {n for n, p in G.named_parameters() if n in names and p.grad is None}
    assert left_out == {
        "first.weight", "last.weight", "noise.scale", "noise.shift",
        *(f"up.{i}.shortcut.weight" for i in (0, 1, 2, 4)),
    }  # fmt: skip
    torch.testing.assert_close(G.noise.linear.weight.grad, 0.1 * G.noise.linear.weight)
    torch.testing.assert_close(G.down[0].image.weight.grad, G.down[0].image.weight)
