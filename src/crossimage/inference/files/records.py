"""Records of how a result was made, for the list of results in its folder."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import uuid4

import numpy as np
from PIL import Image
from torch import Tensor

from crossimage.checkpoints.model_file import model_hash
from crossimage.config import to_dict
from crossimage.data.images.encoded import EncodedImage
from crossimage.inference.predictor import Predictor
from crossimage.labels import To
from crossimage.utils.manifest import JOB, Entry
from crossimage.utils.reading import read_data, sha256_of


class Records:
    """Describes results.

    Args:
        predictor: The trained model.
        seed: Seed of random styles and noise.
        settings: The options that determine the pixels, as plain data.
    """

    def __init__(self, predictor: Predictor, seed: int | None, settings: Mapping[str, Any]) -> None:
        config = json.dumps(to_dict(predictor.config), sort_keys=True).encode()
        known = {"precision": predictor.precision, "config": hashlib.sha256(config).hexdigest()}
        self._common = Entry(
            output="",
            seed=seed,
            settings={**known, **settings},
            model=model_hash(predictor.networks),
            run=datetime.now(UTC).isoformat(timespec="microseconds"),
        )

    def difference(self, earlier: Entry) -> str | None:
        """Return what an earlier result was made with that is different now; None if nothing."""
        mine = self._common
        settings = {k: v for k, v in earlier.settings.items() if k != "half"}
        if earlier.model != mine.model:
            return "another model"
        if earlier.seed not in (None, mine.seed):
            return "another seed"
        return "other settings" if settings != mine.settings else None

    def job(self, results: int, shards: int | None = None) -> Entry:
        """Describe a run that makes a number of results, those that are there already included.

        Args:
            results: Number of results of all shards.
            shards: Number of shards; None without any.
        """
        known = {"results": results} | ({} if shards is None else {"shards": shards})
        return replace(self._common, kind=JOB, settings=known)

    def entry(
        self,
        output: str,
        *,
        input: str | None = None,
        target: To | None = None,
        style: Mapping[str, Any] | None = None,
        half: str = "whole",
        random: bool = True,
    ) -> Entry:
        """Describe a result that is yet to be written; see :class:`Entry`.

        A half of the input is one of the settings.
        Without ``random``, neither seed nor style determine it.
        """
        return replace(
            self._common,
            output=output,
            input=input,
            target=target.tolist() if isinstance(target, Tensor) else target,
            seed=self._common.seed if random else None,
            settings=self._common.settings
            if half == "whole"
            else {**self._common.settings, "half": half},
            style=style if style and random else {},
        )


def styles_of(
    samples: int,
    same_style: bool,
    references: Sequence[Sequence[object]],
    code: Sequence[float] | None = None,
) -> list[dict[str, Any]]:
    """Return what determines the style of each of an input's outputs.

    Args:
        samples: Outputs per input and target.
        same_style: Whether all inputs share the same random styles.
        references: The images of each output's style; none for random styles.
        code: The style code of all outputs.
    """
    if code is not None:
        return [{"code": [float(number) for number in code]}]
    if references:
        return [
            {
                "reference": [str(i) if isinstance(i, str | Path) else None for i in images],
                "reference_sha256": [_hash(image) for image in images],
            }
            for images in references
        ]
    return [{"sample": k + 1} | ({"same": True} if same_style else {}) for k in range(samples)]


def style_for(drawn: str, style: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return what determines the style of an output, for an input of its own.

    Args:
        drawn: The name that random styles depend on.
        style: As :func:`styles_of` returns it.
    """
    return {**style, "by": "path"} if "/" in drawn and style.keys() == {"sample"} else style


def _hash(image: object) -> str:
    """Return the SHA-256 of an image; one that no other image has if it can be read only once."""
    if isinstance(image, str | Path):
        return sha256_of(Path(image))
    if isinstance(image, EncodedImage):
        return hashlib.sha256(read_data(image)).hexdigest()
    if isinstance(image, bytes | bytearray):
        return hashlib.sha256(image).hexdigest()
    if isinstance(image, np.ndarray):
        return hashlib.sha256(f"{image.shape}".encode() + image.tobytes()).hexdigest()
    if isinstance(image, Image.Image):
        state = f"{image.mode} {image.size}".encode()
        return hashlib.sha256(state + image.tobytes()).hexdigest()
    return uuid4().hex
