"""Derived seeds, and random numbers that disturb nobody else's."""

import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from crossimage.utils.seeds import OwnRandomNumbers, seed_of, seeded


def test_seeds_are_the_same_on_every_machine() -> None:
    assert seed_of(0, "noise", 3) == 6347807290990278987


def test_seeds_of_different_parts_differ_and_fit_into_63_bits() -> None:
    seeds = {seed_of(a, b) for a in range(50) for b in ("a", "b", 1, "1")}
    assert len(seeds) == 200
    assert all(0 <= seed < 2**63 for seed in seeds)


def test_a_seed_means_the_same_every_time_and_has_at_most_64_bits() -> None:
    first, second = (torch.rand(3, generator=seeded(7)) for _ in range(2))
    assert torch.equal(first, second)
    for seed in (2**64, -(2**63) - 1):
        with pytest.raises(ValueError, match="seed must have at most 64 bits"):
            seeded(seed)


def draws() -> list[Tensor]:
    """Every way in which networks draw random numbers."""
    x = torch.randn(4, 6)
    layers = nn.Conv2d(3, 4, 3), nn.Linear(3, 4), nn.Embedding(3, 4), nn.MultiheadAttention(4, 2)
    started = [
        start(torch.empty(6, 4))
        for start in (
            nn.init.normal_, nn.init.uniform_, nn.init.trunc_normal_, nn.init.xavier_normal_,
            nn.init.xavier_uniform_, nn.init.kaiming_normal_, nn.init.kaiming_uniform_,
            nn.init.orthogonal_,
        )
    ]  # fmt: skip
    return [
        x, torch.rand(4), torch.randint(9, (4,)), torch.randperm(9), torch.randn_like(x),
        torch.rand_like(x), torch.bernoulli(torch.full((9,), 0.5)), torch.normal(x, 1.0),
        torch.multinomial(torch.ones(5), 3), x.clone().normal_(), x.clone().uniform_(),
        x.clone().bernoulli_(0.5), x.clone().exponential_(), F.dropout(x, 0.5),
        nn.Dropout(0.3)(x.bfloat16()), F.dropout(x.clone(), 0.5, inplace=True),
        F.dropout(x, 0.5, training=False), F.dropout(x, 1.0), nn.Dropout2d()(x[None, None]),
        F.alpha_dropout(x, 0.5, training=True), F.feature_alpha_dropout(x, 0.5, training=True),
        F.rrelu(x, training=True), F.gumbel_softmax(x), x.sigmoid().bernoulli(),
        torch.normal(0.0, 1.0, (3,)), torch.randint_like(x, 2, 9), torch.poisson(x.exp()),
        torch.native_dropout(x, 0.5, True)[0], torch.distributions.Beta(2.0, 3.0).sample(),
        nn.TransformerEncoderLayer(4, 2, 8)(torch.ones(3, 2, 4)), *started,
        *(tensor for layer in layers for tensor in layer.state_dict().values()),
    ]  # fmt: skip


def test_own_random_numbers_are_those_of_the_global_generator() -> None:
    torch.manual_seed(7)
    expected = draws()
    before = torch.get_rng_state()
    with OwnRandomNumbers(7):
        found = draws()
    assert torch.equal(torch.get_rng_state(), before)
    for a, b in zip(found, expected, strict=True):
        assert torch.equal(a, b)


def test_own_random_numbers_are_the_same_in_any_thread() -> None:
    def own(seed: int) -> Tensor:
        with OwnRandomNumbers(seed):
            return torch.cat([F.dropout(torch.ones(100), 0.5) for _ in range(100)])

    alone = [own(seed) for seed in range(8)]
    torch.manual_seed(0)
    before = torch.get_rng_state()
    with ThreadPoolExecutor(8) as pool:
        together = list(pool.map(own, range(8)))
    assert all(torch.equal(a, b) for a, b in zip(alone, together, strict=True))
    assert torch.equal(torch.get_rng_state(), before)


@pytest.mark.skipif(sys.platform == "win32", reason="no fork")
def test_forked_processes_draw_different_seeds_unless_these_follow_from_a_seed() -> None:
    """Forked workers inherit the global generator, and with it the styles to come."""
    code = """
import os, torch
from crossimage.utils.seeds import OwnRandomNumbers, fresh_seed
torch.manual_seed(3)
for _ in range(3):
    if os.fork() == 0:
        print(fresh_seed())
        with OwnRandomNumbers(5):
            print(fresh_seed(), flush=True)
        os._exit(0)
    os.wait()
print(fresh_seed())
with OwnRandomNumbers(5):
    print(fresh_seed())
"""
    runs = [
        subprocess.run(
            [sys.executable, "-c", code], capture_output=True, text=True, check=True
        ).stdout.split()
        for _ in range(2)
    ]
    assert len({*runs[0][:6:2], *runs[1][:6:2]}) == 6
    assert runs[0][6] == runs[1][6]
    assert len({*runs[0][1:8:2], *runs[1][1:8:2], runs[0][7]}) == 1, "seeds drawn from a seed"
