"""Metadata of an exported model, kept in its graph."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import Field, TypeAdapter, ValidationError

from crossimage._version import __version__
from crossimage.utils.numbers import digits
from crossimage.utils.texts.json_text import parse_json
from crossimage.utils.texts.shown import cut

Part = Literal["translation", "style", "mapping"]
"""What a graph computes: a translation, the style of an image, or a style from random numbers."""

FORMAT, FORMAT_VERSION = "crossimage", 1


@dataclass(frozen=True)
class ExportMetadata:
    """The facts about a graph.

    Attributes:
        part: What it computes.
        method: Name of the method.
        config: The method's settings, from which everything else about it follows.
        to: Letter of the target domain; empty where labels or references describe the target.
        model_sha256: The SHA-256 of the weights that it was exported from, as model files state it.
        bytes_per_pixel: Memory that translating an image takes, per pixel; 0: unknown.
        psnr: Of int8 translations against those in fp32, in dB; None for fp32.
        calibrated: Images on which the ranges of int8 values were measured.
        compared: Images on which the PSNR was.
    """

    part: Part
    method: str
    config: dict[str, Any]
    to: str
    model_sha256: Annotated[str, Field(pattern="^[0-9a-f]{64}$")]
    bytes_per_pixel: Annotated[float, Field(ge=0, allow_inf_nan=False)] = 0.0
    psnr: Annotated[float, Field(allow_inf_nan=False)] | None = None
    calibrated: Annotated[int, Field(ge=0)] = 0
    compared: Annotated[int, Field(ge=0)] = 0

    @property
    def precision(self) -> str:
        """Arithmetic of the graph, ``fp32`` or ``int8``."""
        return "fp32" if self.psnr is None else "int8"

    def metadata(self, facts: dict[str, Any]) -> dict[str, str]:
        """Return the metadata of a file, all values as JSON but for texts.

        Args:
            facts: What follows from the config, for readers that do not know the method.
        """
        values = {"version": __version__, "precision": self.precision, **facts, **asdict(self)}
        return {
            "format": FORMAT,
            "format_version": str(FORMAT_VERSION),
            **{k: v if isinstance(v, str) else json.dumps(v) for k, v in values.items()},
        }

    @classmethod
    def read(cls, metadata: dict[str, str], path: Path) -> Self:
        """Return what a file's metadata say.

        Raises:
            ValueError: They are incomplete or not of a version that can be read.
        """
        if metadata.get("format") != FORMAT:
            raise ValueError(
                f"{path} is an ONNX file, but not one that `crossimage export` has written, so "
                "nothing says how its images are prepared; export a model of crossimage instead"
            )
        version = metadata.get("format_version", "")
        number = digits(version)
        if number is None or number > FORMAT_VERSION:
            raise ValueError(
                f"{path} has format version '{cut(version)}' (written by crossimage "
                f"{cut(metadata.get('version', 'unknown'))}), and this crossimage {__version__} "
                f"reads up to version {FORMAT_VERSION}; upgrade crossimage, or export it again"
            )
        texts = {"part", "method", "to", "model_sha256"}
        try:
            values = {
                f.name: metadata[f.name] if f.name in texts else parse_json(metadata[f.name])
                for f in fields(cls)
            }
            about: Self = TypeAdapter(cls).validate_python(values)
        except (KeyError, ValueError) as error:
            why = error.errors()[0]["msg"] if isinstance(error, ValidationError) else error
            raise ValueError(
                f"{path} has incomplete or wrong metadata ({cut(why)}); export the model again"
            ) from None
        return about


def check_name(path: Path) -> None:
    """Refuse a name that no exported model can have.

    Raises:
        ValueError: It does not end in ``.onnx``, or is that of a folder.
    """
    if path.suffix != ".onnx" or path.is_dir():
        raise ValueError(f"{path}: expected the name of a file that ends in .onnx")


def beside(path: Path, part: Part) -> Path:
    """Return the file of another part of the model exported to ``path``."""
    return path if part == "translation" else path.with_suffix(f".{part}.onnx")
