"""The model that the package ships."""

import json
from pathlib import Path

import torch

import crossimage
from crossimage.checkpoints.addresses import BUILTIN, builtin_names


def test_the_built_in_model_colours_an_outline_at_once() -> None:
    model = crossimage.load("builtin:outlines")
    outline = torch.ones(1, 3, 64, 64)
    outline[:, :, 20:44, [20, 44]] = -1
    outline[:, :, [20, 44], 20:44] = -1
    styles = model.translate(outline, samples=4, seed=0)[0]
    inside = styles[:, :, 24:40, 24:40].mean((2, 3))
    assert (inside.amax(1) - inside.amin(1)).max() > 0.3  # which is coloured
    assert inside.std(0).max() > 0.1  # in several ways
    assert styles[:, :, :8].mean() > 0.8  # on white paper


def test_every_built_in_model_is_small_and_comes_with_its_making() -> None:
    for name in builtin_names():
        assert (BUILTIN / f"{name}.safetensors").stat().st_size <= 3_000_000
        made = json.loads((BUILTIN / f"{name}.json").read_text())
        assert {"data", "train", "seed", "versions", "figures"} <= made.keys()
        recipe = Path(crossimage.__file__).parent / "recipes" / f"{made['train'].split()[2]}.yaml"
        assert recipe.is_file()
