"""Image files of all formats and depths, damaged at random, and a check that none does harm.

The same seed gives the same files. The tests try a few; for any number, run

    python -m tests.faults.image_mutants --count 20000 --seed 3
"""

from __future__ import annotations

import argparse
import json
import struct
import subprocess
import sys
import time
import zlib
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import cache, partial
from io import BytesIO
from itertools import islice
from pathlib import Path
from random import Random
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import tifffile
from numpy.typing import NDArray
from PIL import Image
from PIL.PngImagePlugin import PngInfo
from PIL.TiffImagePlugin import ImageFileDirectory_v2

from crossimage.data.images.checks.png import chunk
from crossimage.data.images.codecs import deep_png

Mutant = tuple[str, bytes]
"""The file's name, which says how it was made, and its bytes."""

SLOW = 10.0
"""Seconds within which a file must be read or refused."""
LARGE = 2**30
"""Bytes of memory that reading a file may take."""
PATIENCE = 120.0
"""Seconds by the clock after which a file that is still being read is given up; tests share the
processor, so that these are more than :data:`SLOW`."""
_BATCH = 4000
_EXTREME = (0, 1, 2, 0x7F, 0x80, 0xFF, 0x7FFF, 0x8000, 0xFFFF, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFF)
_MB = 2**20


@dataclass
class Outcome:
    """What became of files.

    Attributes:
        tried: Number of files.
        read: Number of those that were read.
        crashes: Names of files that ended the process, each with the exit status.
        slow: Names of files that took more than :data:`SLOW` seconds.
        errors: Names of files whose error is not a sentence that names the file, with the error.
        lines: Lines that a library printed.
        memory: Most memory taken, in bytes above the idle process.
        seconds: Longest time that a file took.
    """

    tried: int = 0
    read: int = 0
    crashes: list[str] = field(default_factory=list)
    slow: list[str] = field(default_factory=list)
    errors: list[str] = field(default_factory=list)
    lines: list[str] = field(default_factory=list)
    memory: int = 0
    seconds: float = 0.0

    @property
    def failed(self) -> int:
        """Number of files that did harm; the memory of a batch counts once."""
        harmed = {line.partition(": ")[0] for line in (*self.crashes, *self.slow, *self.errors)}
        return len(harmed) + (self.memory > LARGE) + bool(self.lines)

    def add(self, other: Outcome) -> None:
        """Add the outcome of other files."""
        self.tried, self.read = self.tried + other.tried, self.read + other.read
        self.crashes += other.crashes
        self.slow += other.slow
        self.errors += other.errors
        self.lines += other.lines
        self.memory = max(self.memory, other.memory)
        self.seconds = max(self.seconds, other.seconds)

    def row(self) -> str:
        """Return a line: tried, read, failed, worst memory and worst time."""
        return (
            f"{self.tried} tried, {self.read} read, {len(self.crashes)} crashes, "
            f"{len(self.slow)} slow, {len(self.errors)} unnamed errors, {len(self.lines)} printed "
            f"lines, {self.memory / _MB:.0f} MB, {self.seconds:.1f} s"
        )


def mutants(seed: int) -> Iterator[Mutant]:
    """Yield damaged image files without end.

    Args:
        seed: Determines the files.
    """
    random, whole = Random(seed), originals()
    names = list(whole)
    for number in range(sys.maxsize):
        name = names[number % len(names)] if number < len(names) else random.choice(names)
        data, how = whole[name], []
        for _ in range(random.choice((1, 1, 1, 2, 3))):
            kind = random.choice(_KINDS)
            how.append(kind.__name__.strip("_"))
            data = kind(random, data, whole)
        stem, _, suffix = name.rpartition(".")
        yield f"{number}-{stem}-{'-'.join(how)}.{suffix}", data


def check(batch: Sequence[Mutant], timeout: float = PATIENCE) -> Outcome:
    """Read files as the commands do, in another process, and return what became of them.

    Args:
        batch: The files.
        timeout: Seconds after which a file that is still being read is slow.
    """
    return read_apart("from tests.faults.image_mutants import _read; _read()", batch, timeout)


def read_apart(
    code: str, batch: Sequence[Mutant], timeout: float, *, quiet: bool = True
) -> Outcome:
    """Read files in other processes, a new one after each that a file ends.

    Args:
        code: What the process runs: it reads the files that stdin names, and logs each.
        batch: The files.
        timeout: Seconds after which a file that is still being read is slow.
        quiet: Whether the process should print nothing.
    """
    outcome = Outcome(len(batch))
    with TemporaryDirectory() as given:
        folder = Path(given)
        for name, data in batch:
            (folder / name).write_bytes(data)
        names = [name for name, _ in batch]
        while names:
            names = names[_run(code, folder, names, outcome, timeout, quiet) :]
    return outcome


def _run(
    code: str, folder: Path, names: Sequence[str], outcome: Outcome, timeout: float, quiet: bool
) -> int:
    """Read files in a process until one ends it; return how many are done."""
    log = folder / ".log"
    log.write_text("")
    with (folder / ".printed").open("wb") as printed:
        process = subprocess.Popen(
            [sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=printed, stderr=printed
        )
        assert process.stdin is not None
        with process.stdin as stdin:
            stdin.write(json.dumps([str(folder), names]).encode())
        status: int | str | None = None
        size, since = 0, time.monotonic()
        while status is None:
            try:
                status = process.wait(1)
            except subprocess.TimeoutExpired:
                if log.stat().st_size > size:
                    size, since = log.stat().st_size, time.monotonic()
                elif time.monotonic() - since > timeout:
                    process.kill()
                    process.wait()
                    status = "still reading"
    entries = [json.loads(line) for line in log.read_text().splitlines()]
    for entry in entries:
        outcome.read += entry["read"]
        outcome.memory = max(outcome.memory, entry["memory"])
        outcome.seconds = max(outcome.seconds, entry["seconds"])
        if entry["seconds"] > SLOW:
            outcome.slow.append(f"{entry['name']}: {entry['seconds']:.1f} s")
        if entry["error"]:
            outcome.errors.append(f"{entry['name']}: {entry['error']}")
    text = (folder / ".printed").read_text(errors="replace")
    outcome.lines += text.splitlines() if quiet else []
    if status == 0 or len(entries) == len(names):
        return len(names)
    (outcome.slow if isinstance(status, str) else outcome.crashes).append(
        f"{names[len(entries)]}: {status} {text[-300:]}".rstrip()
    )
    return len(entries) + 1


def peak() -> int:
    """Return the most memory that this process has had since the peak was reset, in bytes."""
    if sys.platform != "linux":
        import resource

        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(1024 * int(line.split()[1]) for line in lines if line.startswith("VmHWM"))


def reset_peak() -> int:
    """Forget the peak so far, that of the parent process included, and return the new one."""
    if sys.platform == "linux":
        Path("/proc/self/clear_refs").write_text("5")
    return peak()


def _read() -> None:
    """Read the files that stdin names, and log each."""
    from crossimage.data.images.files import decode, load_image, probe, verify
    from crossimage.data.images.metadata import read_metadata

    folder, names = json.loads(sys.stdin.read())

    def size(height: int, width: int) -> tuple[int, int]:
        return max(1, height // 4), max(1, width // 4)

    idle = reset_peak()
    with Path(folder, ".log").open("w") as log:
        for name in names:
            path, began = Path(folder, name), time.process_time()
            read, error = 0, ""
            ways = (
                partial(probe, path),
                partial(verify, path),
                partial(load_image, path, value_range=(0, 1), opacity="keep"),
                partial(decode, path, 1, (0, 1), size),
                partial(read_metadata, path),
            )
            for way in ways:
                try:
                    way()
                    read += 1
                except ValueError as refusal:
                    text = str(refusal)
                    if str(path) not in text or "\n" in text:
                        error = f"{type(refusal).__name__}: {text}"
                except Exception as unexpected:
                    error = f"{type(unexpected).__name__}: {unexpected}"
            entry = {
                "name": name, "read": read == len(ways), "error": error, "memory": peak() - idle,
                "seconds": time.process_time() - began,
            }  # fmt: skip
            log.write(json.dumps(entry) + "\n")
            log.flush()


# --- Damage ---------------------------------------------------------------------------------------


def _flip(random: Random, data: bytes, _: dict[str, bytes]) -> bytes:
    changed = bytearray(data)
    for _ in range(random.choice((1, 1, 2, 8)) if data else 0):
        changed[random.randrange(len(data))] ^= 1 << random.randrange(8)
    return bytes(changed)


def _truncate(random: Random, data: bytes, _: dict[str, bytes]) -> bytes:
    return data[: random.randrange(len(data) + 1)]


def _cut(random: Random, data: bytes, _: dict[str, bytes]) -> bytes:
    at = random.randrange(len(data) + 1)
    return data[:at] + data[at + random.choice((1, 4, 16, 100)) :]


def _repeat(random: Random, data: bytes, _: dict[str, bytes]) -> bytes:
    at, length = random.randrange(len(data) + 1), random.choice((1, 4, 16, 100))
    return data[: at + length] + data[at:]


def _splice(random: Random, data: bytes, whole: dict[str, bytes]) -> bytes:
    """Continue with a part of another file, half of the time one that begins alike."""
    alike = [other for other in whole.values() if other[:4] == data[:4]]
    other = random.choice(alike if alike and random.random() < 0.5 else list(whole.values()))
    return data[: random.randrange(len(data) + 1)] + other[random.randrange(len(other)) :]


def _field(random: Random, data: bytes, _: dict[str, bytes]) -> bytes:
    """Write an extreme number over a field, most often near the start or the end."""
    changed, width = bytearray(data), random.choice((1, 2, 4))
    near = random.choice((32, 256, len(data)))
    at = random.randrange(max(1, min(near, len(data))))
    at = len(data) - 1 - at if random.random() < 0.3 else at
    number = random.choice(_EXTREME) & (256**width - 1)
    changed[at : at + width] = number.to_bytes(width, random.choice(("big", "little")))
    return bytes(changed)


def _noise(random: Random, data: bytes, _: dict[str, bytes]) -> bytes:
    changed = bytearray(data)
    at = random.randrange(len(data) + 1)
    length = min(random.choice((4, 16, 64)), len(data) - at)
    changed[at : at + length] = random.randbytes(length)
    return bytes(changed)


def _consistent(random: Random, data: bytes, _: dict[str, bytes]) -> bytes:
    """Change a part of a PNG or TIFF so that its checks still pass; another file: flip bits."""
    if data.startswith(b"\x89PNG"):
        return _png_chunk(random, data)
    if data[:4] in (b"II*\0", b"MM\0*"):
        return _tiff_entry(random, data)
    return _flip(random, data, {})


def _png_chunk(random: Random, data: bytes) -> bytes:
    """Damage the content of a chunk and give it a right CRC, or damage the pixels it holds."""
    chunks, at = [], 8
    while at + 12 <= len(data):
        (length,) = struct.unpack_from(">I", data, at)
        chunks.append((data[at + 4 : at + 8], data[at + 8 : at + 8 + length]))
        at += 12 + length
    if not chunks:
        return data
    chosen = random.randrange(len(chunks))
    name, content = chunks[chosen]
    if name == b"IDAT" and random.random() < 0.5:
        try:
            content = zlib.compress(_flip(random, zlib.decompress(content), {}))
        except zlib.error:
            content = _flip(random, content, {})
    else:
        content = random.choice((_flip, _field, _truncate))(random, content, {})
    chunks[chosen] = name, content
    if random.random() < 0.1:
        chunks.insert(random.randrange(len(chunks)), random.choice(chunks))
    return data[:8] + b"".join(chunk(name, content) for name, content in chunks)


def _tiff_entry(random: Random, data: bytes) -> bytes:
    """Damage one field of a tag of the first page, or the place of the next page."""
    order = "<" if data[:2] == b"II" else ">"
    changed = bytearray(data)
    if len(data) < 14:
        return data
    (at,) = struct.unpack_from(f"{order}I", data, 4)
    if at + 2 > len(data):
        return data
    (count,) = struct.unpack_from(f"{order}H", data, at)
    entry = at + 2 + 12 * random.randrange(count + 1)
    field = random.choice(((0, "H"), (2, "H"), (4, "I"), (8, "I"), (8, "H")))
    number = random.choice((*_EXTREME, 3, 4, 7, 8, 12, 16, 24, 32, 64, at, len(data)))
    if entry + 12 <= len(data):
        most = 0xFFFF if field[1] == "H" else 0xFFFFFFFF
        struct.pack_into(f"{order}{field[1]}", changed, entry + field[0], number & most)
    return bytes(changed)


_KINDS = (
    _flip, _flip, _truncate, _cut, _repeat, _splice, _field, _field, _noise, _consistent,
    _consistent, _consistent,
)  # fmt: skip


# --- Whole files ----------------------------------------------------------------------------------


@cache
def originals() -> dict[str, bytes]:
    """Return intact files of all formats and depths by name."""
    return {**_jpegs(), **_pngs(), **_tiffs(), **_others()}


def _values(channels: int, most: int, dtype: Any = np.uint8) -> NDArray[Any]:
    """Return smooth values (24, 28, C) with some noise."""
    y, x = np.mgrid[:24, :28]
    planes = [(x * (c + 1) + y * 3) / (28 * (c + 1) + 72) for c in range(channels)]
    noise = np.random.default_rng(channels).random((24, 28, channels)) / 8
    return np.asarray((np.stack(planes, 2) * 0.8 + noise) * most).astype(dtype)


def _image(mode: str) -> Image.Image:
    channels = {"L": 1, "LA": 2, "RGB": 3, "RGBA": 4, "CMYK": 4}[mode]
    array = _values(channels, 255)
    return Image.fromarray(array[:, :, 0] if channels == 1 else array, mode)


def _saved(image: Image.Image, kind: str, **options: Any) -> bytes:
    buffer = BytesIO()
    image.save(buffer, kind, **options)
    return buffer.getvalue()


@cache
def _exif() -> bytes:
    exif = Image.Exif()
    exif[274], exif[270] = 6, "a scene"
    exif[0x8769] = {0xA002: 28, 0x927C: b"notes" * 8}
    return exif.tobytes()


@cache
def _profile() -> bytes:
    from PIL import ImageCms

    return ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()


def _jpegs() -> dict[str, bytes]:
    files = {f"{mode}.jpg": _saved(_image(mode), "JPEG") for mode in ("L", "RGB", "CMYK")}
    files["progressive.jpg"] = _saved(_image("RGB"), "JPEG", progressive=True)
    files["described.jpg"] = _saved(
        _image("RGB"), "JPEG", exif=_exif(), icc_profile=_profile(), comment=b"a comment"
    )
    files["restarts.jpg"] = _saved(_image("RGB"), "JPEG", restart_marker_blocks=1)
    return files


def _pngs() -> dict[str, bytes]:
    texts = PngInfo()
    texts.add_text("Title", "a title")
    texts.add_text("Comment", "long " * 200, zip=True)
    texts.add_itxt("Author", "someone", "en", "someone")
    files = {f"{mode}.png": _saved(_image(mode), "PNG") for mode in ("L", "LA", "RGB", "RGBA")}
    files["bits.png"] = _saved(_image("L").convert("1"), "PNG")
    for bits in (2, 4, 8):
        palette = _image("RGB").quantize(2**bits)
        files[f"palette{bits}.png"] = _saved(palette, "PNG", bits=bits, transparency=0)
    files["described.png"] = _saved(
        _image("RGB"), "PNG", pnginfo=texts, exif=_exif(), icc_profile=_profile()
    )
    frames = [_image("RGBA"), _image("RGBA").rotate(90)]
    files["animated.png"] = _saved(frames[0], "PNG", save_all=True, append_images=frames[1:])
    for channels in (1, 2, 3, 4):
        deep = _values(channels, 65535, np.uint16)
        files[f"deep{channels}.png"] = deep_png.encode(deep, texts, profile=_profile())
        files[f"interlaced{channels}.png"] = _interlaced(deep)
    return files


def _interlaced(array: NDArray[np.uint16]) -> bytes:
    """Encode a PNG of 16 bits in seven passes (Adam7)."""
    height, width, channels = array.shape
    passes = (
        (0, 0, 8, 8),
        (0, 4, 8, 8),
        (4, 0, 8, 4),
        (0, 2, 4, 4),
        (2, 0, 4, 2),
        (0, 1, 2, 2),
        (1, 0, 2, 1),
    )
    rows = b""
    for top, left, down, across in passes:
        for row in array[top::down, left::across]:
            rows += b"\0" + row.astype(">u2").tobytes()
    header = struct.pack(">IIBBBBB", width, height, 16, {1: 0, 2: 4, 3: 2, 4: 6}[channels], 0, 0, 1)
    parts = ((b"IHDR", header), (b"IDAT", zlib.compress(rows)), (b"IEND", b""))
    return b"\x89PNG\r\n\x1a\n" + b"".join(chunk(*part) for part in parts)


def _tiffs() -> dict[str, bytes]:
    files = {}
    types: dict[str, Any] = {"u8": np.uint8, "u16": np.uint16, "f32": np.float32, "u32": np.uint32}
    for name, dtype in types.items():
        most = 1 if name == "f32" else np.iinfo(dtype).max
        for channels in (1, 3, 4, 7):
            array = _values(channels, most, dtype)
            array = array[:, :, 0] if channels == 1 else array
            kind = "rgb" if channels in (3, 4) else "minisblack"
            files[f"{name}x{channels}.tif"] = _tiff(array, photometric=kind)
    colour, deep = _values(3, 255), _values(3, 65535, np.uint16)
    for code in ("deflate", "lzw", "packbits", "zstd", "lzma"):
        files[f"{code}.tif"] = _tiff(colour, photometric="rgb", compression=code)
        files[f"{code}16.tif"] = _tiff(
            np.moveaxis(deep, 2, 0), photometric="rgb", compression=code, planarconfig="separate"
        )
        files[f"{code}tiled.tif"] = _tiff(
            deep, photometric="rgb", compression=code, predictor=code not in ("packbits",),
            tile=(16, 16),
        )  # fmt: skip
    for code in ("jpeg", "webp", "jpeg2000", "jpegxl", "lerc", "png", "jpegxr"):
        files[f"{code}.tif"] = _tiff(colour, photometric="rgb", compression=code)
    for bits in (2, 4, 10, 12, 14):
        dtype = np.uint8 if bits <= 8 else np.uint16
        for channels in (1, 3):
            array = _values(channels, 2**bits - 1, dtype)
            files[f"packed{bits}x{channels}.tif"] = _tiff(
                array[:, :, 0] if channels == 1 else array, bitspersample=bits,
                photometric="minisblack" if channels == 1 else "rgb",
            )  # fmt: skip
    files["big.tif"] = _tiff(colour, photometric="rgb", bigtiff=True)
    files["bigendian.tif"] = _tiff(deep, photometric="rgb", byteorder=">")
    files["imagej.tif"] = _tiff(
        _values(3, 65535, np.uint16)[:, :, :1].repeat(2, 2).transpose(2, 0, 1), imagej=True
    )
    files["pages.tif"] = _tiff(np.stack([colour] * 3), photometric="rgb")
    small = Image.fromarray(colour[:6, :7])
    files["thumbnail.tif"] = _saved(small, "TIFF", save_all=True, append_images=[_image("RGB")])
    for code in ("tiff_lzw", "tiff_adobe_deflate", "jpeg", "packbits", "zstd"):
        files[f"pillow_{code}.tif"] = _saved(_image("RGB"), "TIFF", compression=code)
    for code in ("group3", "group4", "tiff_ccitt"):
        files[f"{code}.tif"] = _saved(_image("L").convert("1"), "TIFF", compression=code)
    files["palette.tif"] = _saved(_image("RGB").quantize(16), "TIFF")
    files["cmyk.tif"] = _saved(_image("CMYK"), "TIFF", compression="tiff_lzw")
    files["ycbcr.tif"] = _saved(_image("RGB").convert("YCbCr"), "TIFF", compression="jpeg")
    tags = ImageFileDirectory_v2()
    tags[274], tags[270] = 6, "a scene"
    files["described.tif"] = _saved(_image("RGB"), "TIFF", tiffinfo=tags, icc_profile=_profile())
    return files


def _tiff(array: NDArray[Any], **options: Any) -> bytes:
    buffer = BytesIO()
    tifffile.imwrite(buffer, array, **options)
    return buffer.getvalue()


def _others() -> dict[str, bytes]:
    frames = [_image("RGB"), _image("RGB").rotate(90)]
    rest: dict[str, Any] = {"save_all": True, "append_images": frames[1:]}
    files = {
        "lossy.webp": _saved(_image("RGB"), "WEBP", exif=_exif(), icc_profile=_profile()),
        "lossless.webp": _saved(_image("RGBA"), "WEBP", lossless=True),
        "animated.webp": _saved(frames[0], "WEBP", **rest),
        "still.gif": _saved(_image("RGB").quantize(32), "GIF"),
        "animated.gif": _saved(frames[0], "GIF", **rest),
        "bits.bmp": _saved(_image("L").convert("1"), "BMP"),
        "palette.bmp": _saved(_image("RGB").quantize(32), "BMP"),
        "RGB.bmp": _saved(_image("RGB"), "BMP"),
        "RGBA.bmp": _saved(_image("RGBA"), "BMP"),
        "RGB.dib": _saved(_image("RGB"), "DIB"),
        "RGB.jp2": _saved(_image("RGB"), "JPEG2000"),
        "L.jp2": _saved(Image.fromarray(_values(1, 65535, np.uint16)[:, :, 0]), "JPEG2000"),
        "RGB.avif": _saved(_image("RGB"), "AVIF"),
        "animated.avif": _saved(frames[0], "AVIF", **rest),
        "bits.pbm": _saved(_image("L").convert("1"), "PPM"),
        "L.pgm": _saved(_image("L"), "PPM"),
        "deep.pgm": _saved(Image.fromarray(_values(1, 65535, np.uint16)[:, :, 0]), "PPM"),
        "RGB.ppm": _saved(_image("RGB"), "PPM"),
        "F.pfm": _saved(Image.fromarray(_values(1, 1, np.float32)[:, :, 0]), "PPM"),
        "text.ppm": b"P3 4 2 255\n" + b" ".join(b"%d" % (9 * n) for n in range(24)) + b"\n",
    }
    try:
        import pillow_heif
    except ImportError:
        return files
    pillow_heif.register_heif_opener()
    files["RGB.heic"] = _saved(_image("RGB"), "HEIF", exif=_exif())
    files["RGBA.heic"] = _saved(_image("RGBA"), "HEIF")
    return files


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--count", type=int, default=2000)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--keep", type=Path, help="folder for the files that did harm")
    options = parser.parse_args()
    whole, made = Outcome(), mutants(options.seed)
    while batch := list(islice(made, min(_BATCH, options.count - whole.tried))):
        outcome = check(batch)
        whole.add(outcome)
        harmed = {
            line.partition(": ")[0] for line in (*outcome.crashes, *outcome.slow, *outcome.errors)
        }
        for name, data in batch if options.keep else ():
            if name in harmed:
                options.keep.mkdir(parents=True, exist_ok=True)
                (options.keep / name).write_bytes(data)
        print(whole.row(), flush=True)
    for line in (*whole.crashes, *whole.slow, *whole.errors):
        print(line)
    for text, count in Counter(whole.lines).most_common(20):
        print(f"printed {count} times: {text}")
    raise SystemExit(whole.failed > 0)


if __name__ == "__main__":
    main()
