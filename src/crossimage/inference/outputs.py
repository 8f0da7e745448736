"""What results keep of their inputs, and results as files."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import IO, NamedTuple

from torch import Tensor
from torch.nn.functional import interpolate

from crossimage.data.images.encoded import ImageFile
from crossimage.data.images.files import LoadedImage
from crossimage.data.images.formats import TIFF
from crossimage.data.images.metadata import PLACE_LOST, Metadata, read_metadata
from crossimage.data.images.resize import resize_shortest_side
from crossimage.data.images.writing import fill_image, holds_gaps, lost_metadata
from crossimage.inference.halves import HalfRule
from crossimage.inference.input_checks import class_number_note
from crossimage.inference.output_types import ResultDepth, depth_of
from crossimage.inference.predictor import Predictor


class Original(NamedTuple):
    """The properties of an input that its results keep.

    Attributes:
        size: Height and width of the input as it enters the networks.
        loaded: The input, resized and cropped with its opacity; its gaps are cropped.
        metadata: What its file holds besides pixels.
        notes: What users should know about the input, such as what the result can't keep.
    """

    size: tuple[int, int]
    loaded: LoadedImage
    metadata: Metadata
    notes: tuple[str, ...]

    def lost_in(
        self, suffix: str, asked: ResultDepth, value_range: tuple[float, float] | None
    ) -> list[str | None]:
        """Return what results of a type and depth can't hold of the input, besides its values."""
        lost = [lost_metadata(suffix, self.metadata)]
        if self.loaded.gaps is not None:
            depth = depth_of(asked, self.loaded.depth, suffix, 3, value_range)
            depth = depth or ("8" if value_range is None else "float")
            if not holds_gaps(suffix, depth, self.loaded.nodata):
                lost.append(
                    "pixels that hold no value get one in the result, which can't mark them"
                    + ("" if suffix in TIFF else "; use tif")
                )
        return lost


def read_original(
    file: ImageFile,
    loaded: LoadedImage,
    predictor: Predictor,
    rule: HalfRule,
    size: int | None = None,
    sample: Tensor | None = None,
) -> Original:
    """Read what the results of a file keep of it, and what users should know about it.

    Args:
        file: The input.
        loaded: Its image.
        predictor: The model, whose networks the image is to enter.
        rule: The part of the image that is used.
        size: Shortest side that it is resized to; None: it keeps its size.
        sample: Some rows of the image, if its values are not in memory, and enter the networks as
            they are.

    Returns:
        What results keep, with the image as it enters the networks.
    """
    rules = predictor.config.data_rules
    half, note = rule.part(*loaded.values.shape[1:])

    def fit(image: Tensor) -> Tensor:
        image = rule.cut(image, half, file)
        image = image if size is None else resize_shortest_side(image, size)
        return image if sample is not None else predictor.fit_size(image)

    metadata = read_metadata(file, rules)
    used = rule.cut(loaded.values if sample is None else sample, half, file)
    notes = [*metadata.lost, note, class_number_note(predictor.networks, used)]
    before, values = loaded.values.shape[1:], fit(loaded.values[None])[0]
    after = values.shape[1:]
    if loaded.ignored_profile and rules != 1:
        notes.append(
            f"the colour profile can't be used ({loaded.ignored_profile}), so colours are taken "
            "for sRGB"
        )
    cropped = abs(before[1] * after[0] / before[0] - after[1]) > 1
    if metadata.geo and cropped:
        notes.append(PLACE_LOST.format("cropped"))
        metadata = replace(metadata, geo=())
    metadata = metadata.resized((before[0], before[1]), (after[0], after[1]))
    gaps, opacity = loaded.gaps, loaded.opacity
    if gaps is not None and cropped:
        gaps = fit(gaps[None, None].float())[0, 0] > 0.5
    opacity = None if opacity is None else fit(opacity[None])[0]
    fitted = loaded._replace(values=values, gaps=gaps, opacity=opacity)
    return Original((after[0], after[1]), fitted, metadata, tuple(filter(None, notes)))


def fill_output(
    file: IO[bytes],
    name: str,
    image: Tensor,
    value_range: tuple[float, float] | None,
    original: Original,
    asked: ResultDepth = "auto",
) -> None:
    """Write a result with what it keeps of its input to an open file.

    Args:
        file: The file, which can be sought.
        name: Its name, which has the suffix and stands in messages.
        image: The result (C, H, W) in [-1, 1].
        value_range: The values of -1 and 1.
        original: What it keeps of its input.
        asked: How its values are stored; ``auto``: like those of the input.

    Raises:
        ValueError: The file's format can't hold the result.
    """
    loaded, size = original.loaded, (image.shape[1], image.shape[2])
    gaps, opacity = loaded.gaps, loaded.opacity
    if gaps is not None:
        gaps = interpolate(gaps[None, None].float(), size)[0, 0].bool()
    if opacity is not None and opacity.shape[1:] != size:
        opacity = interpolate(opacity[None], size, mode="bilinear", antialias=True)[0]
    depth = depth_of(asked, loaded.depth, Path(name).suffix.lower(), len(image), value_range)
    fill_image(
        file, name, image, value_range, gaps, loaded.nodata, depth=depth, alpha=opacity,
        metadata=original.metadata.resized(original.size, size),
    )  # fmt: skip
