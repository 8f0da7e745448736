"""Import a checkpoint of an official implementation, and translate with it.

By default it uses the small random StarGAN checkpoint that ships with the tests.
"""

from __future__ import annotations

from pathlib import Path

import torch
import tyro

import crossimage
from crossimage.interop import import_model

SHIPPED = Path(__file__).resolve().parents[1] / "tests" / "goldens" / "yunjey_stargan"


def main(
    files: tuple[Path, ...] = (SHIPPED / "200000-G.ckpt", SHIPPED / "200000-D.ckpt"),
    out: Path = Path("example") / "imported.safetensors",
) -> None:
    """Import the files, and translate a random image to every domain.

    Args:
        files: The checkpoint's files; the format is recognised.
        out: The model file to write.
    """
    out.parent.mkdir(parents=True, exist_ok=True)
    for note in import_model(files, out):
        print(note)
    model = crossimage.load(out)
    height, width = model.config.crop
    x = torch.rand(1, 3, height, width) * 2 - 1
    for domain in model.domains:
        print(domain, tuple(model.translate(x, to=domain).shape))


if __name__ == "__main__":
    tyro.cli(main)
