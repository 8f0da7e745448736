"""Find the references that a user gives, and encode their styles."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import torch
from torch import Tensor

from crossimage.data.images.encoded import EncodedImage
from crossimage.data.images.formats import EXPECTED
from crossimage.data.images.resize import resize_shortest_side
from crossimage.data.sources.find import find_files
from crossimage.inference.halves import HalfRule
from crossimage.inference.inputs import ImageLike, ReferencesLike, as_list, read_inputs
from crossimage.inference.predictor import Predictor
from crossimage.inference.targets import Target
from crossimage.utils.paths import as_path

Image = ImageLike | EncodedImage

Reference = list[Image]
"""The images whose mean style is used; a single one, except for few-shot methods."""


def images_of(given: ImageLike) -> list[Image]:
    """Return the images of a folder, or an image itself."""
    if (
        isinstance(given, str | Path)
        and (path := as_path(given, "a reference", stores=True)).is_dir()
    ):
        found = find_files(path).images
        if not found:
            raise ValueError(f"there is no image in the reference {path}; expected {EXPECTED}")
        return [*found]
    return [given]


def find_references(
    given: ReferencesLike,
    few_shot: bool,
    images_of: Callable[[ImageLike], list[Image]] = images_of,
) -> list[Reference]:
    """Return the references, each of which gives one style.

    For few-shot methods, a folder is one reference: the images of one class; and all images beside
    folders are another one. For other methods, each image is a reference.

    Args:
        given: Images, folders and whatever else ``images_of`` understands.
        few_shot: Whether the method is a few-shot method.
        images_of: Returns the images that one of them names.

    Raises:
        ValueError: There is no image, or a folder of a few-shot method holds several classes.
    """
    alone: Reference = []
    references: list[Reference] = []
    for item in as_list(given):
        images = images_of(item)
        if not few_shot:
            references += [[image] for image in images]
        elif isinstance(item, str | Path) and Path(item).is_dir():
            _check_one_class(Path(item), [Path(str(image)) for image in images])
            references.append(images)
        else:
            alone += images
    if alone:
        references.insert(0, alone)
    if not references:
        raise ValueError("reference is an empty list; expected at least one image")
    return references


def given_styles(
    predictor: Predictor, given: ReferencesLike, target: Target, half: HalfRule
) -> Tensor:
    """Return the style codes of references in any form that users give them.

    Args:
        predictor: The trained model.
        given: The references.
        target: Their target; with several label vectors (N, L), each reference has its own.
        half: Which part of them is used.

    Returns:
        Codes (references, style_dim); for few-shot methods (classes, style_dim), where images
        beside folders are of one class.

    Raises:
        FileNotFoundError: The path of an image does not exist.
        ValueError: An image is unreadable, or the target or the number of references does not fit.
    """
    few_shot = predictor.networks.few_shot
    if few_shot and (tensors := _tensors_of(given)):
        styles = torch.cat([_encode(predictor, images, target, half) for images in tensors])
        return styles.mean(0, keepdim=True)
    to = target.to
    many = isinstance(to, Tensor) and to.ndim == 2 and len(to) > 1
    if isinstance(given, Tensor):
        if many and len(given) == 1:
            given = given.expand(len(to), -1, -1, -1)
        return _encode(predictor, given, target, half)
    references = find_references(given, few_shot)
    if few_shot or not many:
        return reference_styles(predictor, references, target, half)
    if len(references) == 1:
        references *= len(to)
    if len(references) != len(to):
        raise ValueError(
            f"reference holds {len(references)} images, expected 1 or one for each of the "
            f"{len(to)} label vectors"
        )
    pairs = ((one, replace(target, to=row)) for one, row in zip(references, to, strict=True))
    return torch.cat([reference_styles(predictor, [one], own, half) for one, own in pairs])


def reference_styles(
    predictor: Predictor,
    references: Sequence[Reference],
    target: Target,
    half: HalfRule | None = None,
    size: int | None = None,
) -> Tensor:
    """Return the style codes (references, style_dim) of references.

    Args:
        predictor: The trained model.
        references: The references.
        target: Their target.
        half: Which part of them is used; None: by the model's training data.
        size: Shortest side that they are resized to first, in pixels.

    Raises:
        FileNotFoundError: The path of an image does not exist.
        ValueError: An image is unreadable, or the target does not fit the model.
    """
    styles = (_encode(predictor, images, target, half, size) for images in references)
    return torch.cat([style.mean(0, keepdim=True) for style in styles])


def _tensors_of(given: ReferencesLike) -> list[Tensor]:
    """Return references given as tensors (N, C, H, W) or (C, H, W); none if others are given."""
    if isinstance(given, Tensor):
        return [given]
    if not isinstance(given, list | tuple) or not all(isinstance(one, Tensor) for one in given):
        return []
    return [one[None] if one.ndim == 3 else one for one in given]


def _encode(
    predictor: Predictor,
    images: Tensor | Reference,
    target: Target,
    half: HalfRule | None,
    size: int | None = None,
) -> Tensor:
    """Return the style code of each image."""
    letter = target.letter
    half = half or HalfRule(predictor.networks, letter, reference=True)
    inputs = read_inputs(
        images, predictor.channels(letter), predictor.config.range_of(letter),
        predictor.config.data_rules, half=half,
    )  # fmt: skip
    resized = (b if size is None else resize_shortest_side(b, size) for b in inputs.batches)
    batches = [predictor.fit_size(batch.to(predictor.device)) for batch in resized]
    return torch.cat([predictor.reference_style(batch, target) for batch in batches])


def _check_one_class(folder: Path, images: Sequence[Path]) -> None:
    """Refuse a folder whose images are in several sub-folders, or in some and in none."""
    parts = {path.relative_to(folder).parts[:-1][:1] for path in images}
    if len(parts) > 1:
        names = sorted(name for part in parts for name in part)
        raise ValueError(
            f"the reference {folder} holds images of several classes, in {', '.join(names[:5])}"
            f"{', ...' if len(names) > 5 else ''}; give the folder of one class, such as "
            f"{folder / names[0]}, or several such folders for one result each"
        )
