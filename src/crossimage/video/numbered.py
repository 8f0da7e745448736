"""Videos as folders of numbered images, such as ``frame_00001.png``."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from fractions import Fraction
from pathlib import Path

from crossimage.data.images.arrays import to_array
from crossimage.data.images.files import probe, read_image
from crossimage.data.sources.find import why_left_out
from crossimage.data.videos.opening import VideoError
from crossimage.video.base import Frame, VideoInfo, VideoSource
from crossimage.video.parts_of_images import kept_as_images, lost, packed

RATE = 25
"""Frames per second of folders, which do not state any."""

_NUMBERED = re.compile(r"(.*?)(\d+)", re.DOTALL)


class FrameFolder:
    """A folder of numbered images of one size, as a source of frames.

    The images have one name and consecutive numbers, or numbers in equal steps. Images of other
    names and missing numbers are refused; other files are left out and counted.

    Args:
        folder: The folder.

    Attributes:
        info: What is known of the video.

    Raises:
        VideoError: The images are not consecutive frames of one size.
        ImageError: An image is not readable.
    """

    def __init__(self, folder: Path) -> None:
        files = sorted(path for path in folder.iterdir() if path.is_file())
        images = [path for path in files if why_left_out(path) is None]
        self._paths, step = _in_order(folder, images)
        size, deep = _size(self._paths[0])
        for path in self._paths[1:]:
            other, depth = _size(path)
            if other != size:
                raise VideoError(
                    f"{path} has {other[0]} x {other[1]} pixels, and {self._paths[0].name} has "
                    f"{size[0]} x {size[1]}; all frames of a video have one size, so resize it or "
                    "move it to another folder"
                )
            deep = deep or depth
        notes = [f"{folder} states no frame rate; {RATE} frames per second are assumed"]
        if step > 1:
            notes.append(f"the numbers of the frames in {folder} go up in steps of {step}")
        if deep:
            notes.append(f"frames in {folder} have more than 8 bits, of which 8 are used")
        if others := len(files) - len(images):
            notes.append(f"{folder} holds {others} files that are not images; they are left out")
        count = len(self._paths)
        times = [Fraction(index, RATE) for index in range(count)]
        self.info = VideoInfo(folder, size, times, Fraction(count, RATE), notes=notes)

    def frames(self, start: int = 0) -> Iterator[Frame]:
        """Yield the frames from the one with an index on.

        Raises:
            ImageError: An image is not readable.
        """
        for time, path in list(zip(self.info.times, self._paths, strict=True))[start:]:
            yield Frame(time, to_array(read_image(str(path))))


class FrameFolderSink:
    """Writes ``frame_00001.png`` and so on.

    Args:
        source: The video that is translated.

    Attributes:
        notes: What users should know about the result.
    """

    def __init__(self, source: VideoSource) -> None:
        self.notes: Sequence[str] = lost(source, "a folder of frames", times=True)

    def part(self, frames: Iterable[Frame]) -> bytes:
        """Encode frames as PNG images."""
        return packed(frames)

    def join(self, parts: Sequence[Path], out: Path) -> None:
        """Write the frames of all parts; see :meth:`crossimage.video.base.VideoSink.join`."""
        out.mkdir()
        for number, data in enumerate(kept_as_images(parts), 1):
            (out / f"frame_{number:05}.png").write_bytes(data)


def _in_order(folder: Path, images: Sequence[Path]) -> tuple[list[Path], int]:
    """Return the frames in the order of their numbers, and the step of these."""
    matches = {path: _NUMBERED.fullmatch(path.stem) for path in images}
    names = Counter(match[1] for match in matches.values() if match)
    if not names:
        raise VideoError(
            f"{folder} holds no numbered images; expected the frames of a video, such as "
            "frame_00001.png"
        )
    name = max(names, key=lambda one: (names[one], one))
    numbered: dict[int, Path] = {}
    for path, match in matches.items():
        if match is None or match[1] != name:
            raise VideoError(
                f"{path} does not belong to the other frames, which are called {name} and a "
                "number; move it to another folder, or rename it"
            )
        if (other := numbered.setdefault(int(match[2]), path)) != path:
            raise VideoError(f"{other} and {path.name} have the same number; remove one of them")
    numbers = sorted(numbered)
    gaps = [after - before for before, after in zip(numbers, numbers[1:], strict=False)]
    step = min(gaps, default=1)
    for before, gap in zip(numbers, gaps, strict=False):
        if gap != step:
            like = numbered[before]
            digits = len(like.stem) - len(name)
            missing = sum(-(-one // step) - 1 for one in gaps)
            raise VideoError(
                f"{folder / f'{name}{before + step:0{digits}}{like.suffix}'} is missing, and "
                f"{missing} of the frames from {numbers[0]} to {numbers[-1]} are; add them, or "
                "number the frames consecutively"
            )
    return [numbered[number] for number in numbers], step


def _size(path: Path) -> tuple[tuple[int, int], bool]:
    """Return the width and height of an image, and whether it has more than 8 bits."""
    info = probe(str(path))
    return (info.width, info.height), info.depth not in ("1-bit", "8-bit")
