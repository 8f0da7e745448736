"""A request as the networks see it: read, translated in a batch, encoded."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import NamedTuple

import torch
from torch import Tensor

from crossimage.data.images.encoded import EncodedImage
from crossimage.data.images.files import load_image
from crossimage.data.images.label_maps import read_label_map
from crossimage.data.images.resize import resize_shortest_side
from crossimage.data.images.writing import write_image
from crossimage.inference.halves import HalfRule
from crossimage.inference.inputs import fit_codes
from crossimage.inference.predictor import Draw, Predictor
from crossimage.inference.references import reference_styles
from crossimage.labels import To
from crossimage.server.requests import Format, TranslateRequest
from crossimage.utils.seeds import fresh_seed, seed_of


@dataclass(frozen=True)
class Task:
    """A translation that is ready for the networks.

    Attributes:
        x: The image (C, H, W) in [-1, 1] on the CPU.
        to: The target.
        draw: The style of the result, and the seed of noise.
        seed: The seed of the request; None if nothing is random.
    """

    x: Tensor
    to: To
    draw: Draw
    seed: int | None

    @property
    def key(self) -> tuple[object, ...]:
        """What tasks that are translated together have in common."""
        return tuple(self.x.shape), self.to if isinstance(self.to, str) else None


class Result(NamedTuple):
    """A translation.

    Attributes:
        image: The encoded image.
        width: Its width in pixels.
        height: Its height in pixels.
    """

    image: bytes
    width: int
    height: int


def read_task(model: Predictor, request: TranslateRequest, style: Tensor | None) -> Task:
    """Read the image of a request.

    Args:
        model: The model.
        request: The request.
        style: The style code (1, style_dim) of references.

    Raises:
        ValueError: The image can't be used, or something does not fit the model.
    """
    networks, config = model.networks, model.config
    to = model.resolve_target(request.to)
    if not isinstance(to, str):  # checked label vectors
        to = networks.labels.vectors(to, 1) if networks.labels else to
    given = style is not None or request.style is not None
    model.check_truncation(request.truncation)
    if given and request.truncation != 1:
        raise ValueError("truncation applies to random styles, so it excludes style and reference")
    if networks.few_shot and not given:
        raise ValueError(
            f"this {model.method} translates to the class of reference images, and there are "
            "none: give some"
        )
    seed = fresh_seed() if request.seed is None else request.seed
    if request.style is not None:
        if not networks.style_dim:
            raise ValueError(f"{model.method} has no styles: leave out style")
        style = fit_codes([request.style], 1, networks.style_dim, "style")
    if style is not None:
        draw = Draw(style.cpu(), seed_of(seed, request.name, 0))
    else:
        target = model.encode_target(to, 1)
        draw = model.draw(seed, request.name, 0, target, request.truncation)
    letter = model.source_letter(to)
    file = EncodedImage(request.image, request.name)
    if networks.classes:
        if request.size is not None:
            raise ValueError(
                "label maps are not resized, as their classes would mix: leave out size"
            )
        values = read_label_map(file, model.channels(letter), networks.classes)
    else:
        values = load_image(
            file, model.channels(letter), config.range_of(letter), config.data_rules
        ).values
    rule = HalfRule(networks, letter)
    half, _ = rule.part(values.shape[1], values.shape[2])
    x = rule.cut(values[None], half, file)
    if request.size is not None:
        x = resize_shortest_side(x, request.size)
    random = networks.stochastic or (model.has_prior and not given)
    return Task(model.fit_size(x)[0], to, draw, seed if random else None)


def translate_tasks(model: Predictor, tasks: Sequence[Task]) -> list[Tensor]:
    """Translate images of one size to images (C, H, W) on the CPU.

    Args:
        model: The model.
        tasks: Tasks of equal keys.
    """
    x = torch.stack([task.x for task in tasks]).to(model.device)
    parts = [model.encode_target(task.to, 1) for task in tasks]
    tensors = [part for part in parts if isinstance(part, Tensor)]
    target = torch.cat(tensors) if tensors else parts[0]
    y = model.predict(x, target, [[task.draw] for task in tasks])
    return [image[0] for image in y.cpu()]


def encode_result(model: Predictor, to: To, image: Tensor, format: Format) -> Result:
    """Encode a translation (C, H, W) as `crossimage translate` writes it.

    Raises:
        ValueError: The format can't hold images of so many channels.
    """
    letters = model.networks.letters
    letter = letters[0] if len(letters) == 1 else model.letter(to)
    with TemporaryDirectory(prefix="crossimage-") as folder:
        file = Path(folder, f"result.{format}")
        write_image(file, image, model.config.range_of(letter))
        return Result(file.read_bytes(), image.shape[2], image.shape[1])


def style_of(model: Predictor, images: Sequence[bytes], to: To | None) -> Tensor:
    """Return the style code (1, style_dim) of references.

    Args:
        model: The model.
        images: The references: one, or for few-shot models the images of one class.
        to: Their target.

    Raises:
        ValueError: An image can't be used, or the model has no styles.
    """
    if not model.networks.style_dim:
        raise ValueError(f"{model.method} has no styles: leave out reference")
    if len(images) > 1 and not model.networks.few_shot:
        raise ValueError(f"{model.method} takes the style of one reference, found {len(images)}")
    references = [EncodedImage(data, "the reference") for data in images]
    return reference_styles(model, [[*references]], model.resolve_target(to)).cpu()
