"""A request as the networks see it: read, translated in a batch, encoded."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from io import BytesIO
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from crossimage.data.images.checks.limit import max_pixels
from crossimage.data.images.encoded import EncodedImage
from crossimage.data.images.files import LoadedImage, load_image, probe
from crossimage.data.images.label_maps import read_label_map
from crossimage.inference.halves import HalfRule
from crossimage.inference.inputs import fit_codes
from crossimage.inference.output_types import suffix_of
from crossimage.inference.outputs import Original, fill_output, read_original
from crossimage.inference.predictor import Predictor
from crossimage.inference.references import reference_styles
from crossimage.inference.styles import Draw
from crossimage.inference.targets import Target
from crossimage.labels import To, parse_target
from crossimage.server.requests import StyleRequest, TranslateRequest
from crossimage.utils.seeds import fresh_seed, seed_of

_LARGE = 2**20  # pixels


@dataclass(frozen=True)
class Task:
    """A translation that is ready for the networks.

    Attributes:
        x: The image (C, H, W) in [-1, 1] on the CPU.
        target: The target.
        draw: The style of the result, and the seed of noise.
        seed: The seed of the request; None if nothing is random.
        original: What the result keeps of the input.
    """

    x: Tensor
    target: Target
    draw: Draw
    seed: int | None
    original: Original

    @property
    def key(self) -> tuple[object, ...] | None:
        """What tasks that are translated together have in common; None: this one is alone."""
        if self.x.shape[1] * self.x.shape[2] > _LARGE:  # together they only take more memory
            return None
        return tuple(self.x.shape), to if isinstance(to := self.target.to, str) else None


class EncodedResult(NamedTuple):
    """A translation.

    Attributes:
        image: The encoded image.
        width: Its width in pixels.
        height: Its height in pixels.
    """

    image: bytes
    width: int
    height: int


class ChosenTarget(NamedTuple):
    """What an image is translated to.

    Attributes:
        target: The target.
        draw: The style of the result, and the seed of noise.
        seed: The seed of the request; None if nothing is random.
    """

    target: Target
    draw: Draw
    seed: int | None


def check_pixels(model: Predictor, request: TranslateRequest | StyleRequest) -> int:
    """Return how many pixels a request takes, from the headers of its images.

    Of each image that is the larger of its pixels as it is decoded, as it enters the networks, and
    of its result.

    Raises:
        ValueError: An image is unreadable, or resized beyond the pixels that are decoded at once.
    """
    if isinstance(request, StyleRequest):
        return _pixels(model, request.image, "the reference", None, 1)
    networks = model.networks
    rule = HalfRule(networks, _target_of(model, request.to).source)
    scale = networks.upscales
    total = _pixels(model, request.image, request.name, request.size, scale, rule)
    size = _reference_size(model, request.size)
    for reference in request.reference or ():
        total += _pixels(model, reference, "the reference", size, 1)
    return total


def _pixels(
    model: Predictor, data: bytes, name: str, size: int | None, scale: int,
    rule: HalfRule | None = None,
) -> int:  # fmt: skip
    """Return the most pixels that an image has at a time; ``scale`` is that of its result."""
    info = probe(EncodedImage(data, name), model.config.data_rules)
    height, width = info.height, info.width
    counts = [height * width]
    if rule and rule.part(height, width).half != "whole":
        width = max(1, width // 2)
    if size is not None:
        ratio = size / min(height, width)
        height, width = max(1, round(height * ratio)), max(1, round(width * ratio))
    if (fixed := model.networks.fixed_size) is not None:
        ratio = max(fixed[0] / height, fixed[1] / width)
        counts.append(round(height * ratio * width * ratio))
        height, width = fixed
    counts.append(height * width * scale**2)
    if max(counts) > max_pixels():
        how = f"size={size} makes" if size is not None else "the model makes"
        raise ValueError(
            f"{how} an image of {max(counts):,} pixels of {name}, and at most {max_pixels():,} are "
            "held at once; give a smaller image" + ("" if size is None else ", or a smaller size")
        )
    return max(counts)


def choose(model: Predictor, request: TranslateRequest) -> ChosenTarget:
    """Return what the image of a request is translated to.

    Raises:
        ValueError: Something does not fit the model, or a reference can't be used.
    """
    networks = model.networks
    target = _target_of(model, request.to)
    if not isinstance(target.to, str):  # checked label vectors
        target = replace(target, to=target.encode(1))
    given = request.reference is not None or request.style is not None
    model.random_styles.check_truncation(request.truncation, given=given)
    if networks.few_shot and not given:
        raise ValueError(
            f"this {model.method} translates to the class of reference images, and there are "
            "none: give some"
        )
    seed = fresh_seed() if request.seed is None else request.seed
    random = networks.stochastic or (model.random_styles.exist and not given)
    if not given:
        draw = model.draw(seed, request.name, 0, target.encode(1), request.truncation)
        return ChosenTarget(target, draw, seed if random else None)
    if request.reference is not None:
        size = _reference_size(model, request.size)
        style = style_of(model, request.reference, request.to, size)
    elif not networks.style_dim:
        raise ValueError(f"{model.method} has no styles: leave out style")
    else:
        assert request.style is not None
        style = fit_codes([request.style], 1, networks.style_dim, "style")
    return ChosenTarget(
        target, Draw(style, seed_of(seed, request.name, 0)), seed if random else None
    )


def _reference_size(model: Predictor, size: int | None) -> int | None:
    """Return the shortest side that references are resized to."""
    return size if model.networks.few_shot else None


def read_task(model: Predictor, request: TranslateRequest, choice: ChosenTarget | None) -> Task:
    """Read the image of a request.

    Args:
        model: The model.
        request: The request.
        choice: What it is translated to; None: it is chosen here.

    Raises:
        ValueError: The image can't be used, or something does not fit the model.
    """
    choice = choice or choose(model, request)
    networks, config = model.networks, model.config
    letter = choice.target.source
    file = EncodedImage(request.image, request.name)
    if networks.classes:
        if request.size is not None:
            raise ValueError(
                "label maps are not resized, as their classes would mix: leave out size"
            )
        values = read_label_map(file, model.channels(letter), networks.classes)
        loaded = LoadedImage(values, None, None, 0)
    else:
        loaded = load_image(
            file, model.channels(letter), config.range_of(letter), config.data_rules
        )
    rule = HalfRule(networks, letter, choosable=False)
    original = read_original(file, loaded, model, rule, request.size)
    x = original.loaded.values
    # without the values, which the networks take
    original = original._replace(loaded=original.loaded._replace(values=x[:0]))
    return Task(x, *choice, original)


def translate_tasks(model: Predictor, tasks: Sequence[Task]) -> list[Tensor]:
    """Translate images of one size to images (C, H, W) on the CPU.

    Args:
        model: The model.
        tasks: Tasks of equal keys.
    """
    x = torch.stack([task.x for task in tasks]).to(model.device)
    parts = [task.target.encode(1) for task in tasks]
    tensors = [part for part in parts if isinstance(part, Tensor)]
    target = torch.cat(tensors) if tensors else parts[0]
    y = model.predict(x, target, [[task.draw] for task in tasks])
    return [image[0] for image in y.cpu()]


def encode_result(
    model: Predictor, task: Task, image: Tensor, request: TranslateRequest
) -> EncodedResult:
    """Encode a translation (C, H, W) as `crossimage translate` writes it.

    ``npy`` is a float32 array (H, W, C) in [-1, 1].

    Raises:
        ValueError: The format can't hold images of so many channels or that depth, or the image has
            values that are not numbers.
    """
    if not image.isfinite().all():
        raise ValueError("the result is not an image, since the numbers of style are too large")
    height, width = image.shape[1:]
    buffer = BytesIO()
    if request.format == "npy":
        np.save(buffer, image.clamp(-1, 1).permute(1, 2, 0).contiguous().numpy())
        return EncodedResult(buffer.getvalue(), width, height)
    values = model.config.range_of(task.target.letter)
    name = f"the result{suffix_of(request.format)}"
    fill_output(buffer, name, image, values, task.original, request.depth)
    return EncodedResult(buffer.getvalue(), width, height)


def style_of(
    model: Predictor, images: Sequence[bytes], to: To | None, size: int | None = None
) -> Tensor:
    """Return the style code (1, style_dim) of references.

    Args:
        model: The model.
        images: The references: one, or for few-shot models the images of one class.
        to: Their target.
        size: Shortest side that they are resized to first, in pixels.

    Raises:
        ValueError: An image can't be used, or the model has no styles.
    """
    if not model.networks.style_dim:
        raise ValueError(f"{model.method} has no styles: leave out reference")
    if len(images) > 1 and not model.networks.few_shot:
        raise ValueError(f"{model.method} takes the style of one reference, found {len(images)}")
    references = [EncodedImage(data, "the reference") for data in images]
    return reference_styles(model, [[*references]], _target_of(model, to), size=size).cpu()


def _target_of(model: Predictor, to: To | None) -> Target:
    """Return the target of a request, in which labels may have values: ``Male=1,Young=0``."""
    labels = model.networks.labels
    if labels and isinstance(to, str):
        to = parse_target(to, labels.names)
    return model.target(to)
