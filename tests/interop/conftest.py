"""Files of every kind of network that can be imported, and their names."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
import torch

from tests.interop.junyanz_networks import Encoder, code_unet, patch, resnet, saved, unet
from tests.interop.nvlabs_networks import Discriminator as Critic
from tests.interop.nvlabs_networks import UNITGenerator
from tests.interop.test_yunjey_stargan import Discriminator, Generator

GEN = {"dim": 2, "activ": "relu", "n_downsample": 1, "n_res": 1, "pad_type": "replicate"}
DIS = {
    "dim": 2, "norm": "none", "activ": "lrelu", "n_layer": 2, "num_scales": 1, "gan_type": "lsgan",
    "pad_type": "reflect",
}  # fmt: skip


@pytest.fixture(scope="module")
def kinds(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """One file of each kind of network."""
    folder = tmp_path_factory.mktemp("networks")
    unit = {d: UNITGenerator(3, GEN).state_dict() for d in "ab"}
    torch.save(unit, folder / "gen.pth")
    torch.save({d: Critic(3, DIS).state_dict() for d in "ab"}, folder / "dis.pth")
    networks = {
        "G": resnet(blocks=1), "D": patch(), "unet": unet(depth=5), "pairs": patch(6),
        "star": Generator(), "stars": Discriminator(), "code": code_unet(), "E": Encoder(),
    }  # fmt: skip
    made = {name: saved(network, folder / f"{name}.pth") for name, network in networks.items()}
    return made | {"gen": folder / "gen.pth", "dis": folder / "dis.pth"}


def laid(kinds: dict[str, Path], folder: Path, **names: str) -> list[Path]:
    """Copy files of given kinds to given names; dots stand for ``__``."""
    folder.mkdir(parents=True, exist_ok=True)
    return [
        Path(shutil.copy(kinds[kind.split("_")[0]], folder / name)) for kind, name in names.items()
    ]
