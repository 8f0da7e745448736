from __future__ import annotations

from pathlib import Path

import pytest
import torch

from crossimage.networks.inception_v4 import InceptionV4Features, resize_from_corner


def weights(path: Path, **changes: torch.Tensor) -> Path:
    """Random weights in the published form, with layers that nothing here needs."""
    torch.manual_seed(0)
    state: dict[str, torch.Tensor] = {}

    def conv(name: str, outputs: int, inputs: int, *kernel: int) -> None:
        state[f"{name}.conv.weight"] = torch.randn(outputs, inputs, *kernel) / 20
        for part in ("weight", "bias", "running_mean"):
            state[f"{name}.bn.{part}"] = torch.rand(outputs)
        state[f"{name}.bn.running_var"] = torch.rand(outputs) + 0.5

    conv("features.0", 32, 3, 3, 3)
    conv("features.1", 32, 32, 3, 3)
    conv("features.2", 64, 32, 3, 3)
    conv("features.3.conv", 96, 64, 3, 3)
    conv("features.4.branch0.0", 64, 160, 1, 1)
    conv("features.4.branch0.1", 96, 64, 3, 3)
    conv("features.4.branch1.0", 64, 160, 1, 1)
    conv("features.4.branch1.1", 64, 64, 1, 7)
    conv("features.4.branch1.2", 64, 64, 7, 1)
    conv("features.4.branch1.3", 96, 64, 3, 3)
    conv("features.5.conv", 192, 192, 3, 3)
    conv("features.6.branch0", 96, 384, 1, 1)
    for branch in (1, 2):
        conv(f"features.6.branch{branch}.0", 64, 384, 1, 1)
        conv(f"features.6.branch{branch}.1", 96, 64, 3, 3)
    conv("features.6.branch2.2", 96, 96, 3, 3)
    conv("features.6.branch3.1", 96, 384, 1, 1)
    conv("features.7.branch0", 96, 384, 1, 1)
    state["last_linear.weight"] = torch.randn(10, 1536)
    torch.save(state | changes, path)
    return path


def open_(path: Path) -> InceptionV4Features:
    return InceptionV4Features(path, "the loss", "set it to 0")


def test_maps_of_the_published_sizes(tmp_path: Path) -> None:
    network = open_(weights(tmp_path / "inception.pth"))
    # batch norms without counters, as in some files
    maps = network(torch.rand(1, 3, 64, 64) * 2 - 1)
    assert [tuple(m.shape[1:]) for m in maps] == [(32, 147, 147), (192, 71, 71), (384, 35, 35)]
    assert not any(p.requires_grad for p in network.parameters())


def test_other_weights_are_refused(tmp_path: Path) -> None:
    wrong = weights(tmp_path / "other.pth", **{"features.2.conv.weight": torch.zeros(64, 32, 1, 1)})
    with pytest.raises(ValueError, match=r"other\.pth does not hold .*'features\.2\.conv\.weight'"):
        open_(wrong)
    with pytest.raises(FileNotFoundError, match="the loss needs the weights inceptionv4"):
        open_(tmp_path / "missing.pth")


def test_resizing_puts_the_first_pixels_on_each_other() -> None:
    x = torch.arange(4.0).expand(1, 1, 4, 4)
    expected = torch.tensor([0.0, 0.5, 1.0, 1.5, 2.0, 2.5, 3.0, 3.0])
    torch.testing.assert_close(resize_from_corner(x, 8)[0, 0, 0], expected)
