"""``crossimage data``."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Annotated, Any, NoReturn, get_type_hints

import tyro
from tyro.conf import Positional

from crossimage.cli.arguments import (
    Data,
    MaxPixels,
    Name,
    Out,
    Settings,
    limit_pixels,
)
from crossimage.cli.commands import Commands, parse
from crossimage.cli.early import check_counts, check_data, check_paths
from crossimage.cli.train import configured, settings_of
from crossimage.data.sources.domains.data_set import read_data_set
from crossimage.utils.names import did_you_mean
from crossimage.utils.paths import as_path
from crossimage.utils.reading import failed_read
from crossimage.utils.streams import print_error, print_line
from crossimage.utils.writing.folders import check_folder

if TYPE_CHECKING:
    from crossimage.data.make.made import MadeDataset

MAKERS = (
    "edges", "grey", "holes", "sketches", "blur", "noise", "small", "labels", "combine", "split",
    "frames", "outlines", "outline_pairs", "object_kinds", "object_styles", "noise_sketches",
    "mnist2usps", "usps2mnist", "svhn2mnist", "mnist2mnistm", "mnistm2mnist", "mnist", "fashion",
    "fashion_classes",
)  # fmt: skip
"""The data sets that can be made, in the order of the help; importing what makes them is slow."""

data_app = Commands("Inspect a data set, or make one.")


@data_app.named("inspect")
def data_inspect(
    data: Positional[Data],
    settings: Positional[Settings] = (),
    out: Annotated[str | None, tyro.conf.arg(metavar="DIR")] = None,
    no_estimate: bool = False,
    max_pixels: MaxPixels = None,
) -> None:
    """Read every image of a data set; say what is wrong and what training would do.

    The exit status is 1 if training would stop.

    Args:
        data: The data set, as `crossimage train --data` takes it.
        settings: The recipe or method to train with, and keys of its configuration.
        out: Folder for report.html, with previews, and report.json; earlier ones are replaced.
        no_estimate: Do not measure the time and memory of a few training steps, which is done if a
            recipe or method is named.
        max_pixels: Most pixels an image may have, by default 268,435,456; larger
            images are refused.
    """
    from crossimage.cli.overrides import parse_overrides

    limit_pixels(max_pixels)
    recipe, method, config = None, None, None
    overrides: dict[str, Any] = {}
    words: tuple[str, ...] = ()
    if settings:
        named = "=" not in settings[0]
        words = tuple(settings[named:])
        overrides = parse_overrides(words)
        recipe = settings[0] if named else None
        if recipe is not None:
            settings_of(recipe, overrides)  # its mistakes are told before those of the data

    if out is not None:
        check_folder(as_path(out, "--out"), "report.json and report.html")
    read_data_set(data)  # what is no data set at all is a mistake in the arguments
    try:
        check_data(data, "")
    except (ValueError, OSError) as error:
        _refuse(error)
    if settings:
        method, config = configured(recipe, overrides)
    known = method.data_needs(config, overrides) if method else {}
    try:
        from crossimage.data.data_report import print_report
        from crossimage.doctor.examination import examine
        from crossimage.doctor.report import sentences, write_report
        from crossimage.utils.progress import StderrProgress

        with StderrProgress(skip_short=True) as progress:
            examination = examine(
                data, recipe, method, config, overrides, known=known, words=words,
                estimate=not no_estimate, progress=progress,
            )  # fmt: skip
    except (ValueError, OSError) as error:  # not what the method trains on
        _refuse(error)
    diagnosis = examination.diagnosis
    diagnosis.report.problems[:] = diagnosis.problems
    print_report(diagnosis.report)
    for sentence in sentences(examination):
        print_line(sentence)
    if out is not None:
        write_report(examination, as_path(out, "--out"))
        print_line(f"report: {as_path(out, '--out') / 'report.html'}")
    if diagnosis.problems:
        raise SystemExit(1)


def _refuse(error: Exception) -> NoReturn:
    """Report data that can't be inspected, and exit."""
    print_error(f"crossimage: {failed_read(error) or error}")
    print_line("Training would stop: 1 problem.")
    raise SystemExit(1) from error


@data_app.named("make")
def data_make(
    name: Positional[Name],
    out: Out,
    originals: Annotated[str | None, tyro.conf.arg(name="from", metavar="DIR")] = None,
    photos: Annotated[str | None, tyro.conf.arg(metavar="DIR")] = None,
    a: Annotated[str | None, tyro.conf.arg(metavar="DIR")] = None,
    b: Annotated[str | None, tyro.conf.arg(metavar="DIR")] = None,
    video: Annotated[str | None, tyro.conf.arg(metavar="FILE|DIR")] = None,
    seed: int | None = None,
    count: int | None = None,
    test_count: int | None = None,
    size: int | None = None,
    hed: Annotated[str | None, tyro.conf.arg(metavar="FILE")] = None,
    blur_px: float | None = None,
    noise_levels: float | None = None,
    factor: float | None = None,
    palette: Annotated[str | None, tyro.conf.arg(metavar="NAME|FILE")] = None,
    every: int | None = None,
    fps: float | None = None,
    val_count: int | None = None,
    workers: int | None = None,
    max_pixels: MaxPixels = None,
) -> None:
    """Make a data set.

    Args:
        name: One of edges, grey, holes, sketches, blur, noise and small, which make pairs of your
            photos: edge maps, photos without colours, with a missing rectangle, line drawings,
            blurred, noisy and reduced photos, each with the photo itself; labels (label maps of
            class numbers in colours), combine (images of two folders side by side), split
            (training, validation and test images) and frames (images of videos); outlines (outlines
            of shapes, and coloured shapes) and outline_pairs (both of the same shapes);
            object_kinds and object_styles (coloured shapes in class folders, by their shape or by
            hue and texture);
            noise_sketches (one folder of random strokes); mnist2usps, usps2mnist, svhn2mnist,
            mnist2mnistm and mnistm2mnist (digits of two data sets), mnist and fashion (one folder
            of images), and fashion_classes (the same clothes in class folders).
        out: Folder to make.
        originals: Folder with the original files of the digits or of Fashion-MNIST, at any depth;
            the data set with label maps to colour; the images to split.
        photos: Folder of photos: those to change, or those into which the digits of MNIST-M are
            blended.
        a: Folder of the left halves that combine writes.
        b: Folder of the right halves that combine writes.
        video: A video, or a folder of videos, of which frames takes images.
        seed: Seed of the images, or of the choice of images (0).
        count: Training images per domain.
        test_count: Test images per domain of outlines (20); photos or pairs held out for testing
            if their folder has no test images (a tenth, at most 50); test images per domain of
            split (a tenth).
        size: Height and width in pixels of outlines (64) and of noise sketches (256); shorter side
            to which larger photos are reduced (256 for edges, blur, noise and small; grey, holes
            and sketches keep their sizes).
        hed: Weights of the network HED, which then finds the edges.
        blur_px: Standard deviation of the blur in pixels (2).
        noise_levels: Standard deviation of the noise, in levels of 0 to 255 (25).
        factor: How many times smaller photos become, before they are enlarged again (4).
        palette: Colours of the classes: camvid, cityscapes, cityscapes_train or a file of lines
            id,name,r,g,b (those of PASCAL VOC).
        every: Take every N-th frame.
        fps: Frames to take per second of video (1).
        val_count: Validation images per domain of split (a tenth).
        workers: Images processed at the same time (as many as there are cores).
        max_pixels: Most pixels an image may have, by default 268,435,456; larger
            images are refused.
    """
    from crossimage.utils.progress import StderrProgress

    limit_pixels(max_pixels)
    check_paths(**{"from": originals}, photos=photos, a=a, b=b, video=video, hed=hed)
    check_counts(size=size, workers=workers)
    folder = as_path(out, "--out")
    if name not in MAKERS:
        hint = did_you_mean(name, MAKERS)
        raise ValueError(f"unknown data set '{name}', expected one of {', '.join(MAKERS)}{hint}")
    makers = find_makers()
    given: dict[str, Any] = {
        "originals": None if originals is None else as_path(originals, "--from"),
        "photos": None if photos is None else as_path(photos, "--photos"),
        "a": None if a is None else as_path(a, "--a"),
        "b": None if b is None else as_path(b, "--b"),
        "video": None if video is None else as_path(video, "--video"),
        "seed": seed,
        "count": count,
        "test_count": test_count,
        "size": size,
        "hed": None if hed is None else as_path(hed, "--hed"),
        "blur_px": blur_px,
        "noise_levels": noise_levels,
        "factor": factor,
        "palette": palette,
        "every": every,
        "fps": fps,
        "val_count": val_count,
        "workers": workers,
    }
    taken = _parameters(makers[name])
    for key, value in given.items():
        flag = "--from" if key == "originals" else f"--{key.replace('_', '-')}"
        if value is not None and key not in taken:
            raise ValueError(f"{name} does not take {flag}")
        if value is None and key in taken and _is_needed(taken[key]):
            raise ValueError(f"{name} needs {flag}; see `crossimage data make {name} --help`")
    options = {key: value for key, value in given.items() if value is not None}
    with StderrProgress() as progress:
        if "progress" in taken:
            options["progress"] = progress
        made = makers[name](folder, **options)
    print_line(f"{name} written to {out}: {made.summary}")
    print_line(f"next: {made.following}")


def print_maker_help(name: str) -> None:
    """Print the help of ``crossimage data make NAME``: only the options that this maker takes."""
    taken = _parameters(find_makers()[name])

    def make(**options: Any) -> None:
        data_make(name, **options)

    own = inspect.signature(data_make)
    options = [
        parameter.replace(
            kind=inspect.Parameter.KEYWORD_ONLY,
            default=taken[key].default if key in taken and _is_needed(taken[key]) else None,
        )
        for key, parameter in own.parameters.items()
        if key in taken or key == "max_pixels"
    ]
    make.__signature__ = own.replace(parameters=options)  # type: ignore[attr-defined]
    hints = get_type_hints(data_make, include_extras=True)
    make.__annotations__ = {option.name: hints[option.name] for option in options}
    make.__doc__ = data_make.__doc__
    parse(make, f"crossimage data make {name}", ["--help"])


def find_makers() -> dict[str, Callable[..., MadeDataset]]:
    """Return the functions that make data sets, by the name of what they make."""
    from crossimage.data.make.combine import combine
    from crossimage.data.make.digits import MAKERS as DIGITS
    from crossimage.data.make.frames import make_frames
    from crossimage.data.make.labels import make_labels
    from crossimage.data.make.object_classes import MAKERS as OBJECTS
    from crossimage.data.make.outlines import MAKERS
    from crossimage.data.make.photo_pairs import PHOTO_MAKERS
    from crossimage.data.make.sketches import make_noise_sketches
    from crossimage.data.make.split import make_split

    return {
        **MAKERS, **OBJECTS, **DIGITS, **PHOTO_MAKERS, "noise_sketches": make_noise_sketches,
        "labels": make_labels, "combine": combine, "split": make_split, "frames": make_frames,
    }  # fmt: skip


def _is_needed(parameter: inspect.Parameter) -> bool:
    return parameter.default is inspect.Parameter.empty


def _parameters(maker: Callable[..., object]) -> Mapping[str, inspect.Parameter]:
    """Return the parameters of a maker, and those that it passes on to the maker of pairs."""
    from crossimage.data.make.photo_pairs import make_pairs

    own = inspect.signature(maker).parameters
    return {**inspect.signature(make_pairs).parameters, **own} if "options" in own else own
