"""Plain models with several targets, whose outputs can be computed by hand, and their images."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
from PIL import Image
from torch import Tensor, nn

from crossimage.config import Channels, NonNegativeInt, Size, build, settings
from crossimage.inference.translator import Translator
from crossimage.labels import Labels, ReferencesConfig
from crossimage.methods.base import Batch, Method, Noise, Update, repeat_per_style
from crossimage.utils.contact_sheet import Panel

SIDE = 32


@settings
class PlainConfig(ReferencesConfig):
    """Images of a small fixed size."""

    unseen_classes: ClassVar[bool] = True

    channels: Channels = (3,)
    resize: NonNegativeInt = SIDE
    crop: Size = (SIDE, SIDE)

    @property
    def names(self) -> tuple[str, ...]:
        return self.domains


class Repainted(Method):
    """Translates an image to half of itself plus half of a style, which is a mean colour."""

    Config = PlainConfig
    config: PlainConfig
    letters = ("x",)
    layout = "classes"
    targets = ("x",)
    few_shot = True
    labels: Labels

    def __init__(self, config: PlainConfig, *, training: bool = True) -> None:
        super().__init__(config)
        self.labels, self.style_dim = config.labels, 3
        self.generators = nn.Identity()

    def training_step(self, batch: Batch) -> Iterator[Update]:
        raise NotImplementedError

    def preview(self, fixed: Batch, fresh: Noise) -> list[Panel]:
        raise NotImplementedError

    def encode_style(self, x: Tensor, domain: Any) -> Tensor:
        return x.mean((2, 3))

    def translate(self, x: Tensor, to: Any, style: Tensor | None = None) -> Tensor:
        assert style is not None
        return (repeat_per_style(x, style) + style[:, :, None, None]) / 2


class Tinted(Repainted):
    """The same with random styles of a domain: a code around the brightness of its number."""

    few_shot = False

    @property
    def latent_dim(self) -> int:
        return 3

    def style_from(self, z: Tensor, to: Any) -> Tensor:
        return (to.argmax(1)[:, None] - 1 + z / 4).clamp(-1, 1)


def model(kind: type[Method], *names: str) -> Translator:
    data = {"domains": names, "label_sets": (len(names),), "categorical": (True,)}
    return Translator(kind(build(kind.Config, data), training=False), "cpu")


def class_images(root: Path, train: dict[str, int], test: dict[str, int]) -> Path:
    """Noise in ``train/<class>`` and ``test/<class>``, each class of a brightness of its own."""
    levels = {name: 40 * i for i, name in enumerate(sorted({*train, *test}))}
    for split, counts in (("train", train), ("test", test)):
        for name, count in counts.items():
            (root / split / name).mkdir(parents=True, exist_ok=True)
            for i in range(count):
                draw = np.random.default_rng([i, levels[name], len(split)])
                pixels = draw.integers(levels[name], levels[name] + 90, (SIDE, SIDE, 3), np.uint8)
                Image.fromarray(pixels).save(root / split / name / f"{split}_{name}_{i}.png")
    return root
