"""``crossimage video``."""

from __future__ import annotations

from typing import Annotated, Literal

import tyro
from tyro.conf import Positional

from crossimage.cli.arguments import (
    Changes,
    MaxPixels,
    References,
    Run,
    Threads,
    limit_pixels,
    use_threads,
)
from crossimage.cli.early import check_counts, check_early, check_inputs
from crossimage.data.stores.missing import missing
from crossimage.utils.paths import as_path
from crossimage.utils.progress import StderrProgress
from crossimage.utils.streams import print_error, printable
from crossimage.utils.texts.counts import counted
from crossimage.video.suffixes import check_suffix

Video = Annotated[str, tyro.conf.arg(metavar="VIDEO")]


def video(
    run: Positional[Run],
    video: Positional[Video],
    *,
    out: Video,
    to: str | None = None,
    reference: References = (),
    seed: int | None = None,
    truncation: float = 1.0,
    statistics: Literal["pooled", "frame"] = "pooled",
    size: int | None = None,
    side_by_side: bool = False,
    batch_size: int = 4,
    device: str = "auto",
    precision: Literal["fp32", "bf16"] = "fp32",
    memory: str = "auto",
    threads: Threads = None,
    max_pixels: MaxPixels = None,
    set: Changes = (),
) -> None:
    """Translate a video with a trained model, all frames with one style.

    Time stamps, sound and subtitles are kept.

    If interrupted, the same command continues after the last part of 24 frames.

    Args:
        run: A run folder or a model file.
        video: A video file, a GIF, an animated WebP, or a folder of numbered frames.
        out: The video to write, by its suffix (mp4, m4v, mov, mkv, gif or webp); without a suffix,
            a folder of numbered frames.
        to: The target domain; by default the only possible one, or the second one. For models with
            labels: a label, or values such as Male=1,Young=0 (labels not named are 0; for stargan
            also values between).
        reference: An image of the target domain whose style the video gets; for few-shot models
            (FUNIT) images of one class, or their folder.
        seed: Makes the random style reproducible.
        truncation: How far the random style may be from the target's mean style, from 0 to 1: lower
            values are more typical (StarGAN v2).
        statistics: Statistics of the networks' norms: pooled over key frames of the video and then
            the same for all frames, or those of each frame, which flicker.
        size: Resize the shortest side of the frames to this many pixels first.
        side_by_side: Show input and output next to each other.
        batch_size: Frames that pass through the networks at a time; always one if the networks draw
            noise of their own (dropout).
        device: Where to compute: auto, cpu, cuda, cuda:1, ...
        precision: bf16 is about three times as fast on hardware that supports it, but not exact.
        memory: Memory to use, such as 2GB; auto: all that is free. Frames that do not fit
            are translated in strips of rows, with the same results.
        threads: CPU threads to use; by default one per core that nothing else uses.
        max_pixels: Most pixels a frame may have, by default 268,435,456; larger
            ones are refused.
        set: Settings that may be changed after training, such as test_mode=eval; also without
            --set.
    """
    from crossimage.cli.overrides import parse_overrides

    limit_pixels(max_pixels)
    check_early(run, device=device, threads=threads, memory=memory)
    check_counts(batch_size=batch_size, size=size)
    check_inputs(reference, "a reference", "--reference")
    source, result = as_path(video, "the path of the video"), as_path(out, "--out")
    check_suffix(result)
    if not source.exists():
        raise missing(video, advice="expected a video or a folder of numbered frames")
    from crossimage.inference.load import load
    from crossimage.labels import parse_target
    from crossimage.video.translate import TRANSLATING, translate_video

    use_threads(threads, device)
    speeds = {TRANSLATING: "frames"}
    with StderrProgress(skip_short=True, speeds=speeds) as progress:
        model = load(run, device, precision=precision, settings=parse_overrides(set), memory=memory)
        labels = model.networks.labels
        target = parse_target(to, labels.names) if to and labels else to
        try:
            done = translate_video(
                model, source, result, target, reference=reference or None, seed=seed,
                truncation=truncation, size=size, statistics=statistics,
                side_by_side=side_by_side, batch_size=batch_size, progress=progress,
            )  # fmt: skip
        except BaseException as error:
            for note in getattr(error, "__notes__", ()):
                print_error(note)
            raise
    for line in done.notes:
        print_error(line.replace("\n", "\\n"))
    kept = f"; {done.kept} of them were finished by an earlier run" if done.kept else ""
    print(f"{counted(done.frames, 'frame')} written to {printable(out)}{kept}")
