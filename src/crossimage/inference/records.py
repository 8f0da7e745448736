"""What a result was made from, for the list of results in its folder."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Executor
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
from crossimage.utils.manifest import RESULT, Entry, ManifestWriter, read_manifest, sha256_of


class Records:
    """Describes results, and tells which of them exist already.

    Args:
        predictor: The trained model.
        out: Folder of the results.
        seed: Seed of random styles and noise.
        settings: The options that determine the pixels, as plain data.
    """

    def __init__(
        self, predictor: Predictor, out: Path, seed: int | None, settings: Mapping[str, Any]
    ) -> None:
        config = json.dumps(to_dict(predictor.config), sort_keys=True).encode()
        known = {"precision": predictor.precision, "config": hashlib.sha256(config).hexdigest()}
        self.out = out
        self._common = Entry(
            output="",
            seed=seed,
            settings={**known, **settings},
            model=model_hash(predictor.networks),
            run=datetime.now(UTC).isoformat(timespec="microseconds"),
        )

    def check_same(self) -> None:
        """Refuse a folder with results of another model, seed or settings.

        Raises:
            ValueError: It lists some.
        """
        mine = self._common
        for earlier in read_manifest(self.out).values():
            if earlier.kind != RESULT:
                continue
            settings = {k: v for k, v in earlier.settings.items() if k != "half"}
            differs = {
                "model": earlier.model != mine.model,
                "seed": earlier.seed not in (None, mine.seed),
                "settings": settings != mine.settings,
            }
            if other := [name for name, different in differs.items() if different]:
                raise ValueError(
                    f"{self.out} holds results with another {other[0]} ({earlier.output}), "
                    "expected those of the same translation; choose another folder for the results"
                )

    def entry(
        self,
        output: Path,
        *,
        input: str | None = None,
        input_sha256: str | None = None,
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
            output=output.relative_to(self.out).as_posix(),
            input=input,
            input_sha256=input_sha256,
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


def done_inputs(
    indices: Sequence[int],
    wanted: Callable[[int], Sequence[Entry]],
    out: Path,
    any_seed: bool,
    pool: Executor,
) -> tuple[set[int], dict[str, int]]:
    """Find the inputs whose results exist, unchanged and made in the same way.

    Args:
        indices: The inputs.
        wanted: Returns the results of an input as they would be made now.
        out: Folder of the results.
        any_seed: Whether results of any seed count.
        pool: Threads that read files.

    Returns:
        The indices of these inputs, and how many inputs have earlier results that do not count,
        by reason.
    """
    known = read_manifest(out)

    def judge(i: int) -> str:
        reason = ""
        try:
            entries = wanted(i)
        except OSError:  # reported when it is read
            return "new"
        for entry in entries:
            earlier = known.get(entry.output)
            if earlier is None or earlier.kind != RESULT:
                return "new"
            if not entry.same_making(earlier, any_seed=any_seed):
                reason = "made from another image, or with another model or other settings"
            elif not reason:
                reason = _check_file(out / entry.output, earlier)
        return reason

    done: set[int] = set()
    reasons: dict[str, int] = {}
    for i, reason in zip(indices, pool.map(judge, indices), strict=True):
        if not reason:
            done.add(i)
        elif reason != "new":
            reasons[reason] = reasons.get(reason, 0) + 1
    return done, reasons


def record(manifest: ManifestWriter, entry: Entry, sha256: str) -> None:
    """List a result whose file has its name."""
    manifest.add(replace(entry, output_sha256=sha256))


def _check_file(path: Path, entry: Entry) -> str:
    """Return why a listed file does not count; the empty string if it does."""
    try:
        return "" if sha256_of(path) == entry.output_sha256 else "altered since"
    except OSError:
        return "missing"


def _hash(image: object) -> str:
    """Return the SHA-256 of an image; one that no other image has if it can be read only once."""
    if isinstance(image, str | Path):
        return sha256_of(Path(image))
    if isinstance(image, EncodedImage):
        return hashlib.sha256(image.read_bytes()).hexdigest()
    if isinstance(image, bytes | bytearray):
        return hashlib.sha256(image).hexdigest()
    if isinstance(image, np.ndarray):
        return hashlib.sha256(f"{image.shape}".encode() + image.tobytes()).hexdigest()
    if isinstance(image, Image.Image):
        state = f"{image.mode} {image.size}".encode()
        return hashlib.sha256(state + image.tobytes()).hexdigest()
    return uuid4().hex
