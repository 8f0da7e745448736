import torch
from torch.nn.functional import mse_loss

from crossimage.networks.denoising import Refiner


def test_an_untrained_network_changes_nothing() -> None:
    x = torch.rand(2, 3, 10, 12)
    assert torch.equal(Refiner(3, 4)(x), x)


def test_it_learns_to_take_noise_away() -> None:
    refiner = Refiner(1, 8)
    optimizer = torch.optim.Adam(refiner.parameters(), 0.02)
    level = torch.rand(32, 1, 1, 1).expand(-1, -1, 8, 8)
    for _ in range(60):
        loss = mse_loss(refiner(level + 0.2 * torch.randn(level.shape)), level)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    assert loss < 0.5 * 0.2**2
