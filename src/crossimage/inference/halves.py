"""Which part of an input is translated: all of it, or one half of a side-by-side pair."""

from __future__ import annotations

from typing import Literal, NamedTuple, get_args

from torch import Tensor

from crossimage.data.images.encoded import ImageFile
from crossimage.data.images.files import probe
from crossimage.data.images.pixels import BombError, ImageError
from crossimage.data.sources.side_by_side import half_of, has_shape_of
from crossimage.methods.base import Method

Portion = Literal["left", "right", "whole"]
"""A half of an image, or all of it."""


class UsedHalf(NamedTuple):
    """The part of an image that is used.

    Attributes:
        half: Which one.
        note: What users should know about it; empty if nothing.
    """

    half: Portion
    note: str = ""


class HalfRule:
    """The rule for the part of each image that is used.

    If the model was trained on side-by-side pairs, as its config states, files of their shape are
    such pairs, and the half of the domain is used. All other images are used whole; if they do not
    have the shape of a half either, users are told.

    Args:
        networks: The trained method.
        letter: The domain of the images.
        given: The part of all inputs, whatever their shape; None: by the rule.
        reference: Whether the images are references, which are of the target domain: ``whole``
            applies to them too, and otherwise those of the shape of pairs are taken for such.
        choosable: Whether users can give the part, which notes and errors then advise.

    Attributes:
        notes: What users should know about images, and the names of these.

    Raises:
        ValueError: The given part does not exist.
    """

    def __init__(
        self,
        networks: Method,
        letter: str,
        given: Portion | None = None,
        *,
        reference: bool = False,
        choosable: bool = True,
    ) -> None:
        if given is not None and given not in get_args(Portion):
            raise ValueError(f"half must be left, right or whole, found {given!r}")
        config = networks.config
        self._given, self._aspect, self._rules = given, config.pair_aspect, config.data_rules
        self._half: Portion | None = None
        self._domain = letter
        if config.halves:
            index = networks.letters.index(letter)
            self._half = "left" if config.halves[index] == "left" else "right"
            self._domain = config.domains[index]
        elif reference and given in ("left", "right"):  # inputs are pairs, so references may be
            self._half, self._aspect = "right" if given == "left" else "left", 2.0
        if reference and given != "whole":
            self._given = None
        self._quiet, self._choosable = reference, choosable
        # Nothing else tells such files from wide images, so this is no more than a note.
        self._may_be_pairs = networks.layout == "paired" and config.crop[0] == config.crop[1]
        self.notes: dict[str, dict[str, None]] = {}

    def part(self, height: int, width: int) -> UsedHalf:
        """Return the part that is used of a file's image of a size."""
        if self._given is not None:
            return UsedHalf(self._given)
        if self._half is None:
            if self._may_be_pairs and not self._quiet and width == 2 * height:
                return UsedHalf(
                    "whole",
                    "twice as wide as high, like a side-by-side pair, but used whole"
                    + self._advice("--half left or --half right uses one half"),
                )
            return UsedHalf("whole")
        if has_shape_of(width, height, self._aspect):
            return UsedHalf(
                self._half,
                f"only the {self._half} half, {self._domain}, is used, as of side-by-side pairs"
                + self._advice("--half whole uses all of it"),
            )
        if self._quiet or has_shape_of(2 * width, height, self._aspect):  # a single image
            return UsedHalf("whole")
        return UsedHalf(
            "whole",
            "used whole, not having the shape of the side-by-side pairs that the model was trained "
            "on" + self._advice("--half left or --half right uses one half"),
        )

    def part_of(self, file: ImageFile) -> Portion:
        """Return the part that is used of a file; ``whole`` if its header is unreadable."""
        if self._given is not None or self._half is None:
            return self._given or "whole"
        try:
            info = probe(file, self._rules)
        except (ImageError, BombError, OSError):  # reported when it is read
            return "whole"
        return self.part(info.height, info.width).half

    def cut(self, image: Tensor, half: Portion, name: object) -> Tensor:
        """Return a part of an image (..., H, W).

        Raises:
            ImageError: Its width is odd.
        """
        if half == "whole":
            return image
        if image.shape[-1] % 2:
            raise ImageError(
                f"{name} is {image.shape[-1]} pixels wide, an odd number, so it has no two halves; "
                "expected a side-by-side pair" + self._advice("--half whole uses all of it")
            )
        return half_of(image, 0 if half == "left" else 1)

    def apply(self, image: Tensor, name: object, *, is_file: bool) -> Tensor:
        """Return the part of an image (..., H, W) that is used, and note what users should know.

        Args:
            image: The image.
            name: Name of the image.
            is_file: Whether it is from a file; images in memory are used whole unless a part is
                given.

        Raises:
            ImageError: A half is used, and the width is odd.
        """
        if not is_file and self._given is None:
            return image
        part = self.part(image.shape[-2], image.shape[-1])
        if part.note:
            self.notes.setdefault(part.note, {})[str(name)] = None
        return self.cut(image, part.half, name)

    def sentences(self, kind: str = "image") -> list[str]:
        """Return the notes, each with the number of images and the first of them."""
        return [
            f"{len(names)} {kind}{'' if len(names) == 1 else 's'}: {note} ({next(iter(names))})"
            for note, names in self.notes.items()
        ]

    def _advice(self, advice: str) -> str:
        return f"; {advice}" if self._choosable else ""
