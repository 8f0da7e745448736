"""Files that users mistake for models: recognised by their bytes, with advice."""

from __future__ import annotations

import io
import os
import re
import tarfile
import zipfile
from contextlib import suppress
from itertools import islice
from pathlib import Path
from typing import NamedTuple

from crossimage.utils.paths import check_not_special
from crossimage.utils.reading import DataFile, open_data
from crossimage.utils.tensor_files.archives import open_archive

_HEAD, _TEXT = 512, 4096
_MEMBERS = 1_000  # of a tar archive that are looked at
_MOST = 1 << 20  # bytes of a name in one


class Kind(NamedTuple):
    """What a file looks like.

    Attributes:
        what: Its kind, with an article.
        advice: What to do, as a command.
    """

    what: str
    advice: str

    def __str__(self) -> str:
        """Return both as the end of a sentence."""
        return f"this looks like {self.what}; {self.advice}"

    @property
    def is_model(self) -> bool:
        """Whether it is a model of another framework."""
        return self.advice in (_CONVERT, _EXPORTED)


_CONVERT = (
    "crossimage imports PyTorch checkpoints only: get the PyTorch version of the model, whose "
    "files end in .pth, .pt, .ckpt or .safetensors"
)
_EXPORTED = (
    "crossimage imports PyTorch checkpoints only: get the checkpoint from which the file was "
    "exported, which ends in .pth, .pt, .ckpt or .safetensors"
)
_TENSORFLOW = Kind("a file of a TensorFlow model", _CONVERT)
_ONNX = Kind("an ONNX model", _EXPORTED)
_IMAGE = Kind("an image", "give the file of a model in its place")
_OLDEST = Kind(
    "a PyTorch checkpoint of the oldest kind, a tar archive",
    "if you trust it, save it again in Python with torch.save(torch.load(path, "
    "weights_only=False), 'weights.pth'), and give that file",
)
_UNPACK = "unpack it, and give the checkpoint inside"

_STARTS = (
    (b"\x89HDF\r\n\x1a\n", Kind("an HDF5 file, as Keras writes them (.h5)", _CONVERT)),
    (b"\x93NUMPY", Kind("a NumPy array", _CONVERT)),
    (b"MATLAB ", Kind("a MATLAB file", _CONVERT)),
    (b"GGUF", Kind("a GGUF file, a language model", _CONVERT)),
    (b"ftrt", Kind("a TensorRT engine", _EXPORTED)),
    (b"\x89PNG", _IMAGE),
    (b"\xff\xd8\xff", _IMAGE),
    (b"GIF8", _IMAGE),
    (b"II*\0", _IMAGE),
    (b"MM\0*", _IMAGE),
    (b"%PDF", Kind("a PDF document", "give the file of a model in its place")),
    (b"7z\xbc\xaf\x27\x1c", Kind("a 7z archive", _UNPACK)),
    (b"Rar!\x1a\x07", Kind("a RAR archive", _UNPACK)),
    (b"\x1f\x8b", Kind("a gzip archive", _UNPACK)),
    (b"BZh", Kind("a bzip2 archive", _UNPACK)),
    (b"\xfd7zXZ\0", Kind("an xz archive", _UNPACK)),
    (b"\x28\xb5\x2f\xfd", Kind("a Zstandard archive", _UNPACK)),
    (b"model_checkpoint_path:", _TENSORFLOW),
)
_SUFFIXES = {
    ".pb": _TENSORFLOW,
    ".meta": _TENSORFLOW,
    ".tflite": Kind("a TensorFlow Lite model", _EXPORTED),
    ".onnx": _ONNX,
    ".caffemodel": Kind("a Caffe model", _CONVERT),
    ".mlmodel": Kind("a Core ML model", _EXPORTED),
    ".pdparams": Kind("a PaddlePaddle model", _CONVERT),
    ".msgpack": Kind("a Flax model", _CONVERT),
}
_TABLE_END = bytes.fromhex("57fb808b247547db")  # of the tables of TensorFlow's checkpoints
_ONNX_FIELDS = (0x12, 0x1A, 0x22, 0x2A, 0x32, 0x3A, 0x42)
_WEIGHTS = (".pth", ".pt", ".ckpt", ".safetensors", ".bin", ".tar")


def kind_of(path: Path) -> Kind | None:
    """Return what a file, or what stands for one, looks like by its content.

    Args:
        path: A file or folder, which need not exist.

    Returns:
        None for PyTorch checkpoints, safetensors, empty or damaged files, and all that is unknown.

    Raises:
        OSError: The file cannot be opened.
        ValueError: It is a pipe, a device or a link to itself.
    """
    check_not_special(path)
    if path.is_dir():
        return _TENSORFLOW if (path / "saved_model.pb").is_file() else None
    if not path.exists():
        beside = path.with_name(f"{path.name}.index")
        return _TENSORFLOW if path.name and beside.is_file() else None
    with open_data(path) as file:
        head = file.read(_TEXT)
        size = file.seek(0, 2)
        file.seek(max(0, size - 8))
        end = file.read()
    if head[8:9] == b"{":  # the header of a safetensors file
        return None
    return _by_start(path, head) or _by_text(head) or _by_end(path, head, end)


def _by_start(path: Path, head: bytes) -> Kind | None:
    for start, kind in _STARTS:
        if head.startswith(start):
            return kind
    if head[:4] == b"RIFF" and head[8:12] == b"WEBP":
        return _IMAGE
    if head[4:8] == b"TFL3":
        return _SUFFIXES[".tflite"]
    if head.startswith(b"PK"):
        return _by_members(path)
    if head[257:262] == b"ustar":
        return _by_archive(path)
    return None


def _by_text(head: bytes) -> Kind | None:
    text = head.lstrip(b"\xef\xbb\xbf \t\r\n")
    start = text[:_HEAD].lower()
    if start.startswith((b"<!doctype html", b"<html", b"<head", b"<body")):
        return Kind(
            "a web page", "download the checkpoint that it links to, not the page that shows it"
        )
    if start.startswith(b"<?xml") or start.startswith(b"<error"):
        page = b"<html" in start
        what = "a web page" if page else "an XML text, such as the error message of a server"
        return Kind(what, "download the checkpoint again by its direct link")
    if start.startswith(b"version https://git-lfs"):
        size = re.search(rb"\nsize (\d+)", text)
        of = f" to a file of {int(size[1]):,} bytes" if size else ""
        return Kind(
            f"a Git LFS pointer{of}",
            "get the file itself with `git lfs pull`, or by the download link of its web page",
        )
    if b"/annex/objects/" in start or start.startswith(b"/annex/"):
        return Kind("a git-annex pointer", "get the file itself with `git annex get`")
    if start.startswith((b"{", b"[")) and text.isascii() and b"\0" not in text:
        return Kind("a JSON text, such as the error message of a server", "download it again")
    return None


def _by_end(path: Path, head: bytes, end: bytes) -> Kind | None:
    """Recognise formats without a clear start, by other marks or by the file's name."""
    if end == _TABLE_END or re.search(r"\.data-\d{5}-of-\d{5}$", path.name):
        return _TENSORFLOW
    if head[:1] == b"\x08" and len(head) > 3:  # the first field of a protocol buffer, a number
        if 3 <= head[1] <= 20 and head[2] in _ONNX_FIELDS:
            return _ONNX
        if head[1] == 1 and head[2] == 0x12:
            return _TENSORFLOW
    return _SUFFIXES.get(path.suffix.lower())


def _by_members(path: Path) -> Kind | None:
    """Recognise a zip archive, which PyTorch checkpoints are too."""
    try:
        with open_data(path) as file, open_archive(file) as archive:
            names = archive.namelist()
    except (zipfile.BadZipFile, ValueError):  # names that are not text, too
        return None
    tails = {name.rpartition("/")[2] for name in names}
    if "constants.pkl" in tails and any("/code/" in name for name in names):
        return Kind(
            "a TorchScript model",
            "save its weights in Python with torch.save(torch.jit.load(path).state_dict(), "
            "'weights.pth'), and give that file",
        )
    if "data.pkl" in tails:
        return None
    if "model.weights.h5" in tails:
        return Kind("a Keras model (.keras)", _CONVERT)
    if names and all(name.endswith(".npy") for name in names):
        return Kind("a NumPy archive (.npz)", _CONVERT)
    return _archive("zip", names)


def _by_archive(path: Path) -> Kind | None:
    """Recognise a tar archive, which the oldest PyTorch checkpoints are too."""
    names: list[str] = []
    with (
        suppress(tarfile.TarError, ValueError),  # those before the damage say what it is
        _Bounded(DataFile(os.fspath(path))) as file,
        tarfile.open(fileobj=file, mode="r:") as archive,
    ):
        names.extend(member.name for member in islice(archive, _MEMBERS))
    if not names:
        return None
    return _OLDEST if {"storages", "pickle"} <= {*names} else _archive("tar", names)


class _Bounded(io.BufferedReader):
    """A file read in small pieces only, since damaged headers state any length and position."""

    def read(self, size: int | None = -1, /) -> bytes:
        """Read bytes, or refuse to read many."""
        if size is None or not 0 <= size <= _MOST:
            raise tarfile.ReadError("a header is too long")
        return super().read(size)

    def seek(self, place: int, whence: int = 0, /) -> int:
        """Go to a place, or refuse one that no file has."""
        if not 0 <= place < 1 << 62:
            raise tarfile.ReadError("a header leads nowhere")
        return super().seek(place, whence)


def _archive(kind: str, names: list[str]) -> Kind:
    held = next((name for name in names if name.endswith(_WEIGHTS)), None)
    if held is None and any(name.endswith("saved_model.pb") for name in names):
        return Kind(f"a {kind} archive of a TensorFlow model", _CONVERT)
    if held is None:
        return Kind(f"a {kind} archive without a PyTorch checkpoint", "give the file of a model")
    return Kind(f"a {kind} archive", f"unpack it, and give the checkpoint inside, {held}")
