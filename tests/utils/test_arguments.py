"""Checks of devices, integers and seeds."""

import numpy as np
import pytest
import torch

from crossimage.utils.arguments import find_device, seeded, whole


def test_a_device_that_cannot_be_used_is_named() -> None:
    assert find_device("cpu") == find_device(torch.device("cpu")) == torch.device("cpu")
    assert find_device("auto").type == ("cuda" if torch.cuda.is_available() else "cpu")
    for name in ("nonsense", "cuda:99"):
        with pytest.raises(ValueError, match=f"device '{name}' cannot be used .*; try auto or cpu"):
            find_device(name)


def test_integers_of_any_type_are_accepted_and_others_refused() -> None:
    assert whole(np.int64(3), "samples") == 3 and isinstance(whole(np.int64(3), "samples"), int)
    with pytest.raises(ValueError, match=r"samples must be a whole number, found 2\.5"):
        whole(2.5, "samples")  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="samples must be at least 1, found 0"):
        whole(0, "samples", 1)


def test_a_seed_means_the_same_every_time_and_has_at_most_64_bits() -> None:
    first, second = (torch.rand(3, generator=seeded(7)) for _ in range(2))
    assert torch.equal(first, second)
    for seed in (2**64, -(2**63) - 1):
        with pytest.raises(ValueError, match="seed must have at most 64 bits"):
            seeded(seed)
