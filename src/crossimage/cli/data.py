"""``crossimage data``."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Annotated, Any

import tyro
from tyro.conf import Positional

from crossimage.cli.arguments import (
    Data,
    Name,
    Out,
    Settings,
)
from crossimage.cli.train import configured
from crossimage.utils.files import as_path
from crossimage.utils.names import did_you_mean

data_app = tyro.extras.SubcommandApp()


@data_app.command(name="inspect")
def data_inspect(data: Positional[Data], settings: Positional[Settings] = ()) -> None:
    """Read every image of a data set; report its images and what training would do.

    Args:
        data: The data set, as `crossimage train --data` takes it.
        settings: The recipe or method to train with, and keys of its configuration.
    """
    from crossimage.cli.overrides import parse_overrides
    from crossimage.data.inspect import inspect as inspect_data
    from crossimage.data.inspect import print_report

    method, config = None, None
    if settings:
        named = "=" not in settings[0]
        overrides = parse_overrides(settings[named:])
        method, config = configured(settings[0] if named else None, overrides)
    known = {}
    if method:
        known = {
            "layout": method.layout,
            "class_letters": method.needs_labels(config),
            "companions": method.companions(config),
        }
    print_report(inspect_data(data, config, **known))


@data_app.command(name="make")
def data_make(
    name: Positional[Name],
    out: Out,
    originals: Annotated[str | None, tyro.conf.arg(name="from", metavar="DIR")] = None,
    photos: Annotated[str | None, tyro.conf.arg(metavar="DIR")] = None,
    seed: int = 0,
    count: int | None = None,
    test_count: int | None = None,
    size: int | None = None,
) -> None:
    """Make a data set.

    Args:
        name: One of outlines (outlines of shapes, and coloured shapes), outline_pairs (both of the
            same shapes), grey (photos without and with their colours), holes (photos with and
            without a missing rectangle), sketches (line drawings of photos, and the photos),
            noise_sketches (one folder of random strokes), mnist2usps, usps2mnist, svhn2mnist,
            mnist2mnistm and mnistm2mnist (digits of two data sets), mnist and fashion (one folder
            of images), and fashion_classes (the same clothes in class folders).
        out: Folder to make.
        originals: Folder with the original files of the digits or of Fashion-MNIST, at any depth.
        photos: Folder of photos: those to change, or those into which the digits of MNIST-M are
            blended.
        seed: Seed of the images, or of the choice of images.
        count: Training images per domain.
        test_count: Test images per domain of outlines (20); photos held out for testing if their
            folder has no test images (a tenth, at most 50).
        size: Height and width in pixels of outlines (64) and of noise sketches (256).
    """
    from crossimage.data.make.digits import MAKERS as DIGITS
    from crossimage.data.make.outlines import MAKERS
    from crossimage.data.make.photo_pairs import PHOTO_MAKERS
    from crossimage.data.make.sketches import make_noise_sketches
    from crossimage.utils.progress import StderrProgress

    makers: dict[str, Callable[..., str | None]] = {
        **MAKERS, **DIGITS, **PHOTO_MAKERS, "noise_sketches": make_noise_sketches
    }  # fmt: skip
    if name not in makers:
        hint = did_you_mean(name, makers)
        raise ValueError(f"unknown data set '{name}', expected one of {', '.join(makers)}{hint}")
    given: dict[str, Any] = {
        "originals": None if originals is None else as_path(originals, "--from"),
        "photos": None if photos is None else as_path(photos, "--photos"),
        "count": count,
        "test_count": test_count,
        "size": size,
    }
    taken = inspect.signature(makers[name]).parameters
    for key, value in given.items():
        flag = "--from" if key == "originals" else f"--{key.replace('_', '-')}"
        if value is not None and key not in taken:
            raise ValueError(f"{name} does not take {flag}")
        if value is None and key in taken and taken[key].default is inspect.Parameter.empty:
            raise ValueError(f"{name} needs {flag}; see `crossimage data make --help`")
    options = {key: value for key, value in given.items() if value is not None}
    with StderrProgress() as progress:
        if "progress" in taken:
            options["progress"] = progress
        summary = makers[name](as_path(out, "--out"), seed=seed, **options)
    print(f"{name} written to {out}" + (f": {summary}" if summary else ""))
