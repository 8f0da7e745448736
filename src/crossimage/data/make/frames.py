"""Frames of videos as numbered images."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from functools import partial
from pathlib import Path

from PIL import Image

from crossimage.data.left_out import LeftOut, describe
from crossimage.data.make.made import MadeDataset, command, summarise, training_command
from crossimage.data.make.parallel import threads
from crossimage.data.make.photo_pairs import distinct_names, shrunk
from crossimage.data.videos.decoding import frames
from crossimage.data.videos.opening import VideoError, probe_video, pyav
from crossimage.utils.files import new_folder
from crossimage.utils.numbers import whole
from crossimage.utils.progress import ProgressCallback, track
from crossimage.utils.reading import FailedReadError
from crossimage.utils.writing.folders import make_folder
from crossimage.utils.writing.pictures import save_png

_NO_VIDEO = ("not a video", "not videos")


def make_frames(
    out: Path,
    *,
    video: Path,
    every: int | None = None,
    fps: float | None = None,
    size: int | None = None,
    workers: int | None = None,
    progress: ProgressCallback | None = None,
) -> MadeDataset:
    """Write frames of a video, or of every video below a folder, as numbered PNGs.

    The images of ``day/street.mp4`` are ``day/street_000001.png`` and so on, so that sub-folders
    become domains. Videos that state a rotation are turned by it.

    Args:
        out: The folder to create; removed after an error.
        video: A video, or a folder of videos.
        every: Take every N-th frame.
        fps: Frames to take per second of the video. By default, if ``every`` is not given
            either, one.
        size: Shorter side in pixels to which larger frames are reduced; None: they keep theirs.
        workers: Videos read at the same time; None: as many as there are cores.
        progress: Receives the number of videos read.

    Returns:
        How many images were written, what was left out and why, and what to do with them.

    Raises:
        FileNotFoundError: The video or folder is missing.
        ValueError: PyAV is not installed, there is no video, both ``every`` and ``fps`` are given,
            a number is too small, or ``out`` exists and is not empty.
    """
    pyav("frames")
    if every is not None and fps is not None:
        raise ValueError("--every and --fps both choose frames; give one of them")
    if every is not None:
        whole(every, "every", 1)
    if fps is not None and not 0 < fps < float("inf"):
        raise ValueError(f"fps must be a number of frames per second above 0, found {fps:g}")
    if size is not None and size < 16:
        raise ValueError(f"size must be at least 16 pixels, found {size}")
    videos, left_out = _find(video)
    if not videos:
        raise ValueError(f"{video} holds no video; {describe(left_out) or 'it is empty'}")
    root = video if video.is_dir() else video.parent
    problems: list[str] = []
    written = 0
    with new_folder(out) as parent, threads(workers) as pool:
        below = [path.relative_to(root) for path in videos]
        names = distinct_names([path.with_suffix("") for path in below], below)
        jobs = [
            partial(_write, path, parent / name, every, fps if every or fps else 1.0, size)
            for path, name in zip(videos, names, strict=True)
        ]
        results = pool.map(lambda job: job(), jobs)
        for count, problem in track(results, "videos", len(jobs), progress):
            written += count
            problems += [problem] if problem else []
        if not written:
            raise ValueError(f"no frame of {video} can be read; {problems[0]}")
    several = f"{len(videos)} videos" if len(videos) > 1 else videos[0].name
    summary = summarise(f"{written} frames of {several}", describe(left_out), problems)
    return MadeDataset(summary, _following(out, names))


def _following(out: Path, names: Sequence[Path]) -> str:
    """Return the command for one folder of frames, for two domains, or for anything else."""
    folders = {name.parts[0] if len(name.parts) > 1 else "" for name in names}
    if len(folders) == 1:
        return training_command("srgan/x4_small", out)
    if len(folders) == 2 and "" not in folders:
        return training_command("cyclegan/photos_small", out)
    return command("data", "inspect", out)


def _find(video: Path) -> tuple[list[Path], list[LeftOut]]:
    """Return the videos at a path, sorted, and the other files there."""
    if video.is_file():
        probe_video(video)
        return [video], []
    if not video.is_dir():
        raise FileNotFoundError(f"{video} does not exist; expected a video or a folder of videos")
    videos, left_out = [], []
    for path in _files(video):
        try:
            probe_video(path)
        except FailedReadError:
            videos.append(path)  # whose problem is told when its frames are read
        except VideoError:
            left_out.append(LeftOut(_NO_VIDEO, path.suffix.lower() or "no suffix", str(path)))
        else:
            videos.append(path)
    return videos, left_out


def _files(folder: Path) -> Iterator[Path]:
    for parent, below, names in os.walk(folder):
        below[:] = sorted(name for name in below if not name.startswith("."))
        yield from (Path(parent) / name for name in sorted(names) if not name.startswith("."))


def _write(
    video: Path, base: Path, every: int | None, fps: float | None, size: int | None
) -> tuple[int, str | None]:
    """Write the chosen frames of a video; return their number, and what is wrong with the video."""
    make_folder(base.parent)
    count, due = 0, 0.0
    try:
        for number, (time, pixels) in enumerate(frames(video)):
            if every is not None:
                chosen = number % every == 0
            else:
                assert fps is not None
                chosen = time >= due - 1e-6
                while chosen and due <= time + 1e-6:
                    due += 1 / fps
            if chosen:
                count += 1
                image = Image.fromarray(shrunk(pixels, size))
                save_png(image, base.with_name(f"{base.name}_{count:06}.png"))
    except (VideoError, FailedReadError) as error:
        return count, str(error)
    return count, None
