"""Run the official code of four papers from the user's own checkout.

None of it is part of this project. What it expects but today's PyTorch, or a machine without a GPU,
lacks is substituted from outside: ``.cuda()`` does nothing without a GPU, and modules that are
imported for other purposes are empty.

    munit             https://github.com/NVlabs/MUNIT
    cyclegan, pix2pix https://github.com/junyanz/pytorch-CycleGAN-and-pix2pix
    stargan           https://github.com/yunjey/stargan
"""

from __future__ import annotations

import io
import sys
from collections.abc import Callable
from contextlib import chdir, redirect_stdout
from dataclasses import dataclass
from itertools import repeat
from pathlib import Path
from tempfile import mkdtemp
from types import ModuleType, SimpleNamespace
from typing import Any

import torch
import yaml
from torch import Tensor, nn


@dataclass
class Peer:
    """An official implementation, ready to train at its published settings.

    Attributes:
        step: One training step.
        optimizers: Its optimizers, by the player that they move.
        translate: Images of one domain to the other, where the method is benchmarked for it.
    """

    step: Callable[[], object]
    optimizers: dict[str, torch.optim.Optimizer]
    translate: Callable[[Tensor], Tensor] | None = None


def load_peer(method: str, folder: Path, size: int, batch: int) -> Peer:
    """Build the official implementation.

    Args:
        method: One of ``munit``, ``cyclegan``, ``pix2pix`` and ``stargan``.
        folder: The checkout.
        size: Height and width of the images.
        batch: Images of one move.
    """
    builders = {"munit": _munit, "cyclegan": _junyanz, "pix2pix": _junyanz, "stargan": _stargan}
    if method not in builders:
        raise SystemExit(f"no official code is known for '{method}'; known: {', '.join(builders)}")
    if not folder.is_dir():
        raise SystemExit(f"{folder}: no such folder; --peer takes a checkout of the official code")
    sys.path.insert(0, str(folder))
    if not torch.cuda.is_available():
        for kind in (Tensor, nn.Module):
            kind.cuda = lambda self, *_, **__: self
    with redirect_stdout(io.StringIO()):  # they print their networks
        return builders[method](method, folder, size, batch)


def _images(batch: int, size: int) -> Tensor:
    return (torch.rand(batch, 3, size, size) * 2 - 1).cuda()


def _munit(_: str, folder: Path, size: int, batch: int) -> Peer:
    missing: Any = ModuleType("torch.utils.serialization")
    missing.load_lua = None
    sys.modules[missing.__name__] = missing
    from trainer import MUNIT_Trainer

    settings = yaml.safe_load((folder / "configs/edges2shoes_folder.yaml").read_text())
    trainer = MUNIT_Trainer(settings).cuda()
    x_a, x_b = _images(batch, size), _images(batch, size)

    def step() -> None:
        trainer.dis_update(x_a, x_b, settings)
        trainer.gen_update(x_a, x_b, settings)
        trainer.update_learning_rate()

    def translate(x: Tensor) -> Tensor:
        with torch.no_grad():
            content, _ = trainer.gen_a.encode(x)
            style = torch.randn(len(x), settings["gen"]["style_dim"], 1, 1).cuda()
            y: Tensor = trainer.gen_b.decode(content, style)
            return y

    optimizers = {"discriminators": trainer.dis_opt, "generators": trainer.gen_opt}
    return Peer(step, optimizers, translate)


def _junyanz(method: str, folder: Path, size: int, batch: int) -> Peer:
    arguments, sys.argv = sys.argv, [
        "train.py", "--dataroot", ".", "--checkpoints_dir", mkdtemp(),
        "--model", "cycle_gan" if method == "cyclegan" else method,
        "--gpu_ids", "0" if torch.cuda.is_available() else "-1",
        "--crop_size", str(size), "--batch_size", str(batch),
    ]  # fmt: skip
    from models import create_model
    from options.train_options import TrainOptions

    model = create_model(TrainOptions().parse())
    sys.argv = arguments
    images = {"A": _images(batch, size), "B": _images(batch, size), "A_paths": [], "B_paths": []}

    def step() -> None:
        model.set_input(images)
        model.optimize_parameters()

    return Peer(step, {"discriminators": model.optimizer_D, "generators": model.optimizer_G})


def _stargan(_: str, folder: Path, size: int, batch: int) -> Peer:
    from solver import Solver

    never = 10**9
    moves = 5
    settings = SimpleNamespace(
        c_dim=5, c2_dim=8, image_size=size, g_conv_dim=64, d_conv_dim=64, g_repeat_num=6,
        d_repeat_num=6, lambda_cls=1, lambda_rec=10, lambda_gp=10, dataset="CelebA",
        batch_size=batch, num_iters=moves, num_iters_decay=0, g_lr=1e-4, d_lr=1e-4, n_critic=moves,
        beta1=0.5, beta2=0.999, resume_iters=None, test_iters=0, use_tensorboard=False,
        selected_attrs=["Black_Hair", "Blond_Hair", "Brown_Hair", "Male", "Young"], log_dir="",
        sample_dir="", model_save_dir="", result_dir="", log_step=never, sample_step=never,
        model_save_step=never, lr_update_step=never,
    )  # fmt: skip
    samples = repeat((_images(batch, size), torch.randint(0, 2, (batch, 5)).float()))
    solver = Solver(samples, None, settings)

    def step() -> None:
        with redirect_stdout(io.StringIO()), chdir(mkdtemp()):
            solver.train()

    return Peer(step, {"discriminators": solver.d_optimizer, "generators": solver.g_optimizer})
