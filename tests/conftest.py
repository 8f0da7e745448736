"""What many tests need: a tiny data set of two domains and a method's tiny configuration."""

from __future__ import annotations

import os
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from crossimage.config import Companion, Config, Layout
from crossimage.data.build import build_dataset, find_source
from crossimage.data.samples.datasets import ImageDataset
from crossimage.methods import METHODS
from crossimage.utils.machine.usage_reports import send_no_reports

# One thread per test process and per run it starts: pytest-xdist runs a process per core.
os.environ.setdefault("OMP_NUM_THREADS", "1")
torch.set_num_threads(int(os.environ["OMP_NUM_THREADS"]))
send_no_reports()

SMALL: dict[str, dict[str, Any]] = {
    "munit": {
        "width": 4,
        "mlp_width": 8,
        "style_dim": 3,
        "residual_blocks": 1,
        "style_downsamples": 2,
        "discriminator": {"width": 4, "layers": 2, "scales": 2},
        "weights": {"cycle": 1.0},
    },
    "cyclegan": {
        "width": 4,
        "residual_blocks": 1,
        "discriminator": {"width": 4, "layers": 2},
        "history": 3,
    },
    "unit": {
        "width": 4,
        "residual_blocks": 2,
        "share_latent_blocks": 1,
        "discriminator": {"width": 4, "layers": 2, "scales": 2},
    },
    "unit_da": {"width": 4, "discriminator_width": 4, "classes": "x,y,z"},
    "pix2pix": {
        "width": 4,
        "downsamples": 4,
        "norm": "instance",
        "dropout": 0.0,
        "discriminator": {"width": 4, "layers": 2, "norm": "instance"},
        "decay_steps": 2,
    },
    "bicyclegan": {
        "width": 4,
        "downsamples": 4,
        "style_dim": 3,
        "dropout": 0.0,
        "encoder_width": 4,
        "encoder_downsamples": 2,
        "discriminator": {"width": 4, "layers": 1},
        "init": "kaiming",
        "decay_steps": 2,
    },
    "gan": {"width": 4, "z_dim": 5},
    "diat": {
        "width": 4,
        "residual_blocks": 1,
        "discriminator_width": 4,
        "discriminator_layers": 2,
        "denoising_width": 4,
        "transform_steps": 4,
    },
    "stargan": {
        "width": 4,
        "residual_blocks": 1,
        "critic_moves": 2,
        "discriminator": {"width": 4, "layers": 2},
        "decay_steps": 2,
    },
    "stargan_v2": {
        "width": 4,
        "max_width": 8,
        "mapping_width": 8,
        "latent_dim": 2,
        "style_dim": 3,
        "diversity_steps": 3,
        "landmark_width": 16,
    },
    "funit": {
        "width": 4,
        "downsamples": 2,
        "residual_blocks": 1,
        "style_dim": 3,
        "style_downsamples": 2,
        "mlp_width": 8,
        "discriminator_width": 4,
        "discriminator_blocks": 4,
    },
    "dtn": {
        "width": 4,
        "classifier_width": 4,
        "discriminator_width": 4,
        "classes": "x,y,z",
        "classifier_steps": 2,
    },
    "srgan": {
        "scale": 2,
        "width": 4,
        "residual_blocks": 1,
        "discriminator_width": 4,
        "mse_steps": 2,
        "content": "mse",
    },
    "cut": {
        "width": 4,
        "residual_blocks": 1,
        "discriminator": {"width": 4, "layers": 2},
        "nce_layers": "0,4,12",
        "patches": 9,
        "head_width": 5,
    },
    "sketchygan": {
        "resize": 40,
        "crop": 32,
        "width": 4,
        "z_dim": 5,
        "weights": {"perceptual": 0.0},
    },
    "sketch_to_photo": {
        "width": 4,
        "residual_blocks": 1,
        "color_width": 4,
        "color_blocks": 1,
        "patch": 6,
        "encoder": "random",
        "reference_share": 0.5,
        "discriminator": {"width": 4, "layers": 2},
        "history": 3,
        "shape_steps": 3,
    },
    "sincut": {
        "resize": 0,
        "widths": "4,6",
        "residual_blocks": 1,
        "discriminator_widths": "4,5,6",
        "nce_layers": "0,2,3",
        "contrasted_crops": 2,
        "head_width": 5,
    },
}
"""Settings that make each method tiny."""

RUN: dict[str, Any] = {
    "resize": 20,
    "crop": 16,
    "steps": 6,
    "batch_size": 4,
    "workers": 0,
    "precision": "fp32",
    "log_every": 2,
    "sample_every": 100,
    "save_every": 2,
    "sample_count": 2,
    "learning_rate": 0.001,
}
"""Settings that make a run tiny."""


def slow(*values: Any) -> Any:
    """Parameters with which only `make test-slow` tries a test."""
    return pytest.param(*values, marks=pytest.mark.slow)


def slow_except(*quick: str) -> list[Any]:
    """Parameters of a test that every method passes, of which `make test` tries a few."""
    assert set(quick) <= set(METHODS)
    return [name if name in quick else slow(name) for name in METHODS]


def small(method: str = "munit", **changes: Any) -> dict[str, Any]:
    """Settings of a tiny run of a method."""
    return RUN | SMALL[method] | changes


def steady(**changes: Any) -> dict[str, Any]:
    """Settings of a tiny run of CycleGAN at a constant learning rate, which may be made longer."""
    return small("cyclegan", **{"decay_epochs": 0} | changes)


def open_dataset(
    data: str | Path,
    config: Config,
    layout: Layout = "unpaired",
    class_letters: Collection[str] = (),
    companions: Mapping[str, Companion] | None = None,
) -> ImageDataset:
    """The samples of a data set, with the config completed by the data's facts."""
    source = find_source(str(data), config, layout, class_letters, companions)
    return build_dataset(source, config.complete(source.facts))


def as_arguments(settings: Mapping[str, Any], prefix: str = "") -> list[str]:
    """Nested settings as ``key=value`` arguments of the command line."""
    arguments = []
    for key, value in settings.items():
        if isinstance(value, Mapping):
            arguments += as_arguments(value, f"{prefix}{key}.")
        else:
            arguments.append(f"{prefix}{key}={value}")
    return arguments


@pytest.fixture(scope="session")
def folders(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two domains of unequal size, of images of unequal sizes: stripes and blobs of colour."""
    root = tmp_path_factory.mktemp("data")
    generator = np.random.default_rng(0)
    for domain, train in (("A", 7), ("B", 5)):
        for split, count in (("train", train), ("test", 2)):
            folder = root / f"{split}{domain}"
            folder.mkdir()
            for i in range(count):
                shape = (20 + 4 * (i % 3), 24, 3)
                if domain == "A":
                    pixels = np.full(shape, 255)
                    pixels[:: 2 + i % 4] = generator.integers(0, 80)
                else:
                    pixels = np.broadcast_to(generator.integers(0, 256, 3), shape)
                noise = generator.integers(-20, 20, shape)
                image = np.clip(pixels + noise, 0, 255).astype(np.uint8)
                Image.fromarray(image).save(folder / f"{i}.png")
    return root


@pytest.fixture(scope="session")
def classes(folders: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The images of ``folders``, those of A and all test images in three class folders."""
    root = tmp_path_factory.mktemp("classes")
    for path in sorted(folders.glob("*/*.png")):
        number, split = int(path.stem), path.parent.name
        below = root / split / ("" if split == "trainB" else "xyz"[number % 3])
        below.mkdir(parents=True, exist_ok=True)
        (below / path.name).write_bytes(path.read_bytes())
    return root


@pytest.fixture(scope="session")
def labelled(folders: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """All images of ``folders`` in three class folders."""
    root = tmp_path_factory.mktemp("labelled")
    for path in sorted(folders.glob("*/*.png")):
        number, split = int(path.stem), path.parent.name[:-1]
        below = root / split / "xyz"[number % 3]
        below.mkdir(parents=True, exist_ok=True)
        (below / f"{path.parent.name}_{path.name}").write_bytes(path.read_bytes())
    return root


@pytest.fixture(scope="session")
def pairs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two domains of pairs: outlines of rectangles, and the same rectangles in colours."""
    root = tmp_path_factory.mktemp("pairs")
    generator = np.random.default_rng(0)
    for split, count in (("train", 6), ("test", 2)):
        for domain in "AB":
            (root / f"{split}{domain}").mkdir()
        for i in range(count):
            height, width = 20 + 4 * (i % 3), 24
            outline = np.full((height, width, 3), 255, np.uint8)
            coloured = outline.copy()
            top, left = generator.integers(1, 8, 2)
            inside = slice(top, top + 10), slice(left, left + 12)
            outline[inside] = 0
            outline[top + 1 : top + 9, left + 1 : left + 11] = 255
            coloured[inside] = generator.integers(0, 256, 3)
            for domain, pixels in (("A", outline), ("B", coloured)):
                Image.fromarray(pixels).save(root / f"{split}{domain}" / f"{i}.png")
    return root


@pytest.fixture(scope="session")
def class_pairs(pairs: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The images of ``pairs`` in two classes: half of the outlines are sketches, half edge maps."""
    root = tmp_path_factory.mktemp("class_pairs")
    for path in sorted(pairs.glob("*/*.png")):
        number, split, domain = int(path.stem), path.parent.name[:-1], path.parent.name[-1]
        below = "photos" if domain == "B" else ("sketches", "edges")[number // 2 % 2]
        folder = root / split / below / "xy"[number % 2]
        folder.mkdir(parents=True, exist_ok=True)
        (folder / path.name).write_bytes(path.read_bytes())
    return root


@pytest.fixture(autouse=True)
def _same_randomness() -> None:
    torch.manual_seed(0)


@pytest.fixture
def without_sheets(monkeypatch: pytest.MonkeyPatch) -> None:
    """Runs of this process draw no sample sheets, which take as long as several tiny steps."""
    monkeypatch.setattr("crossimage.training.recorder.Recorder.sample", lambda *_: None)


@pytest.fixture(scope="session")
def vgg16_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Random weights of VGG16's convolutions, as a file of torchvision's; made once."""
    from torchvision.models import vgg16

    torch.manual_seed(0)
    # an empty classifier, whose 120 million weights nothing reads
    with torch.device("meta"):
        network = vgg16(init_weights=False).features
    network.to_empty(device="cpu")
    for layer in network:
        if isinstance(layer, torch.nn.Conv2d):
            torch.nn.init.kaiming_normal_(layer.weight, mode="fan_out", nonlinearity="relu")
            torch.nn.init.zeros_(layer.bias)
    path = tmp_path_factory.mktemp("vgg") / "vgg16.pth"
    torch.save(network.state_dict(prefix="features."), path)
    return path


@pytest.fixture(scope="session")
def vgg_face_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A file in the form of ``vgg_face_dag.pth``: random convolutions, small dense layers."""
    torch.manual_seed(0)
    shapes = [(3, 64, 2), (64, 128, 2), (128, 256, 3), (256, 512, 3), (512, 512, 3)]
    layers: dict[str, torch.nn.Module] = {}
    for stage, (before, width, count) in enumerate(shapes, 1):
        for number in range(1, count + 1):
            layer = torch.nn.Conv2d(before if number == 1 else width, width, 3)
            torch.nn.init.kaiming_normal_(layer.weight, nonlinearity="relu")
            layers[f"conv{stage}_{number}"] = layer
    layers["fc6"] = torch.nn.Linear(512 * 7 * 7, 16)
    layers |= {"fc7": torch.nn.Linear(16, 12), "fc8": torch.nn.Linear(12, 2622)}
    state = {
        f"{name}.{kind}": getattr(layer, kind).detach()
        for name, layer in layers.items()
        for kind in ("weight", "bias")
    }
    path = tmp_path_factory.mktemp("vgg_face") / "vgg_face_dag.pth"
    torch.save(state, path)
    return path
