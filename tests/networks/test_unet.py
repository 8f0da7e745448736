import pytest
import torch

from crossimage.networks.encoders import VariationalEncoder
from crossimage.networks.layers.blocks import BatchNorm, Dropout
from crossimage.networks.unet import UNet


def test_the_published_u_net_of_256_pixels() -> None:
    with torch.device("meta"):
        network = UNet(3, 1, 64, 8, dropout=0.5)
        assert network(torch.empty(1, 3, 256, 512)).shape == (1, 1, 256, 512)
    widths = [64, 128, 256, 512, 512, 512, 512, 512]
    convolutions = [m for m in network.downs.modules() if isinstance(m, torch.nn.Conv2d)]
    assert [c.out_channels for c in convolutions] == widths
    assert [i for i, up in enumerate(network.ups) if any_of(up, Dropout)] == [1, 2, 3]
    assert [i for i, down in enumerate(network.downs) if not any_of(down, BatchNorm)] == [0, 7]
    assert [i for i, up in enumerate(network.ups) if not any_of(up, BatchNorm)] == [7]


def any_of(module: torch.nn.Module, kind: type) -> bool:
    return any(isinstance(layer, kind) for layer in module.modules())


@pytest.mark.parametrize("downsamples", [1, 2, 4])
def test_any_depth(downsamples: int) -> None:
    network = UNet(2, 3, 4, downsamples, norm="instance", code_dim=2)
    y = network(torch.rand(2, 2, 16, 32), torch.rand(2, 2))
    assert y.shape == (2, 3, 16, 32)
    assert y.abs().max() <= 1


@pytest.mark.parametrize("upsampling", ["nearest", "bilinear"])
@pytest.mark.parametrize("downsamples", [1, 2, 4])
def test_images_are_doubled_without_transposed_convolutions(
    downsamples: int, upsampling: str
) -> None:
    network = UNet(2, 3, 4, downsamples, norm="instance", upsampling=upsampling)
    assert not any_of(network, torch.nn.ConvTranspose2d)
    y = network(torch.rand(2, 2, 16, 32))
    assert y.shape == (2, 3, 16, 32)
    assert y.abs().max() <= 1


def test_a_doubled_map_without_contrast_has_no_grid_of_dots() -> None:
    """Transposed convolutions treat odd and even pixels differently; upsampling does not."""
    x = torch.full((1, 1, 16, 16), 0.5)
    grids = {}
    for upsampling in ("transposed", "nearest"):
        torch.manual_seed(0)
        network = UNet(1, 1, 4, 2, norm="none", upsampling=upsampling)
        inner = network.ups[-1](torch.full((1, 8, 16, 16), 0.5))[..., 4:-4, 4:-4]
        grids[upsampling] = (inner[..., ::2] - inner[..., 1::2]).abs().max().item()
    assert network(x).shape == x.shape
    assert grids["nearest"] < 1e-6 < 1e-3 < grids["transposed"]


def test_details_pass_over_the_skip_connections() -> None:
    network = UNet(1, 1, 4, 4, norm="none")
    torch.nn.init.zeros_(network.ups[-2].conv.weight)  # nothing comes from further below
    torch.nn.init.zeros_(network.ups[-2].conv.bias)
    one, two = network(torch.rand(2, 1, 16, 16))
    assert (one - two).abs().mean() > 1e-4


@pytest.mark.parametrize("inject", ["all", "input"])
def test_every_layer_that_takes_the_code_uses_it(inject: str) -> None:
    network = UNet(1, 1, 4, 4, norm="none", code_dim=2, inject=inject)
    extra = [down.in_channels if i == 0 else down.conv.in_channels
             for i, down in enumerate(network.downs)]  # fmt: skip
    assert extra == ([3, 6, 10, 18] if inject == "all" else [3, 4, 8, 16])
    x, code = torch.rand(1, 1, 16, 16), torch.zeros(1, 2, requires_grad=True)
    network(x, code).sum().backward()
    assert (code.grad != 0).all()


@pytest.mark.parametrize("residual", [True, False])
def test_an_encoder_takes_images_of_any_size(residual: bool) -> None:
    network = VariationalEncoder(3, 4, 3, 5, residual=residual)
    for size in ((16, 16), (24, 40)):
        mean, log_variance = network(torch.rand(2, 3, *size))
        assert mean.shape == log_variance.shape == (2, 5)
