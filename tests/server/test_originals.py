"""What results keep of their inputs: the bytes of the command line's files."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import tifffile
from PIL import Image, ImageCms

from crossimage.inference.translator import Translator
from tests.data.images.helpers import png16
from tests.server.helpers import client, picture, tiny

RNG = np.random.default_rng(1)
PIXELS = RNG.integers(0, 256, (24, 32, 3), np.uint8)


def photo(path: Path) -> None:
    exif = Image.Exif()
    exif[270], exif[274] = "a boat", 6  # turned
    exif[34665] = {36867: "2026:11:28 15:26:00"}
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    Image.fromarray(PIXELS).save(
        path, exif=exif.tobytes(), icc_profile=profile, dpi=(300, 300), comment=b"from a boat"
    )


def deep(path: Path) -> None:
    png16(path, RNG.integers(0, 65536, (24, 32, 3)).astype(np.uint16))


def floating(path: Path) -> None:
    tifffile.imwrite(path, RNG.random((24, 32, 3), np.float32), photometric="rgb")


def placed(path: Path) -> None:
    scale = (33550, "d", 3, (2.0, 2.0, 0.0), True)
    tie = (33922, "d", 6, (0.0, 0.0, 0.0, 500.0, 600.0, 0.0), True)
    keys = (34735, "H", 4, (1, 1, 0, 0), True)
    values = RNG.integers(0, 65536, (24, 32, 3)).astype(np.uint16)
    tifffile.imwrite(path, values, photometric="rgb", extratags=[scale, tie, keys])


def transparent(path: Path) -> None:
    opacity = RNG.integers(0, 256, (24, 32, 1), np.uint8)
    Image.fromarray(np.concatenate([PIXELS, opacity], 2)).save(path)


@pytest.fixture(scope="module")
def munit() -> Translator:
    return tiny(domains="edges,shoes")


@pytest.fixture(scope="module")
def measuring() -> Translator:
    """A model of images whose values are physical."""
    return tiny(domains="edges,shoes", value_range=(0, 1))


@pytest.mark.parametrize(
    ("name", "make"),
    [
        ("photo.jpg", photo), ("deep.png", deep), ("floating.tif", floating),
        ("placed.tif", placed), ("transparent.webp", transparent),
    ],
)  # fmt: skip
@pytest.mark.parametrize("extra", ["", "&size=16", "&depth=8"])
def test_results_are_the_files_of_the_command_line(
    munit: Translator,
    measuring: Translator,
    tmp_path: Path,
    name: str,
    make: Callable[[Path], None],
    extra: str,
) -> None:
    make(tmp_path / name)
    model = measuring if make is floating else munit
    options = dict([extra[1:].split("=")]) if extra else {}
    size = int(options["size"]) if "size" in options else None
    with client(model) as server:
        for format in ("png", "jpg", "webp", "tif"):
            done = model.translate_files(
                tmp_path / name, tmp_path / format, "shoes", seed=7, format=format, size=size,
                depth=options.get("depth", "auto"),
            )  # fmt: skip
            answer = server.post(
                f"/v1/translate?to=shoes&seed=7&name={name}&format={format}{extra}",
                content=(tmp_path / name).read_bytes(),
                headers={"content-type": "application/octet-stream"},
            )
            assert answer.content == done.written[0].read_bytes(), format


def test_depths_that_a_format_does_not_hold_are_refused(munit: Translator) -> None:
    found = {"format=jpg&depth=16": "use .png", "depth=float": "use .tif", "depth=7": "depth"}
    with client(munit) as server:
        for query, word in found.items():
            answer = server.post(
                f"/v1/translate?{query}", content=picture(), headers={"content-type": "image/png"}
            )
            assert answer.status_code == 422 and word in answer.json()["error"]
