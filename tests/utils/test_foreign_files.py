"""Files that are taken for models and are not are recognised by their content."""

from __future__ import annotations

import io
import tarfile
import tracemalloc
import zipfile
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import numpy as np
import pytest
import safetensors.torch
import torch
from PIL import Image
from torch import nn

import crossimage
from crossimage.interop import import_model
from crossimage.utils.foreign_files import kind_of
from crossimage.utils.tensor_files.torch_files import read_pickle

STATE = {"model.0.weight": torch.ones(2, 2)}


def image(name: str) -> bytes:
    data = io.BytesIO()
    Image.new("RGB", (4, 4)).save(data, name)
    return data.getvalue()


def zipped(*names: str) -> bytes:
    data = io.BytesIO()
    with zipfile.ZipFile(data, "w") as archive:
        for name in names:
            archive.writestr(name, "content")
    return data.getvalue()


def tarred(name: str, mode: str) -> bytes:
    data = io.BytesIO()
    with tarfile.open(fileobj=data, mode=mode) as archive:
        archive.addfile(tarfile.TarInfo(name))
    return data.getvalue()


def saved(write: Callable[[io.BytesIO], object]) -> bytes:
    data = io.BytesIO()
    write(data)
    return data.getvalue()


LFS = b"version https://git-lfs.github.com/spec/v1\noid sha256:4d7a\nsize 45531213\n"
FOREIGN = {
    "web page": (b"\n <!DOCTYPE html>\n<html></html>", "a web page"),
    "web page without type": (b"<HTML><head></head>", "a web page"),
    "xhtml": (b'<?xml version="1.0"?><!DOCTYPE html><html></html>', "a web page"),
    "server error": (b'<?xml version="1.0"?><Error><Code>AccessDenied</Code></Error>', "an XML"),
    "json": (b'{"error": "not found"}', "a JSON text"),
    "lfs": (LFS, "a Git LFS pointer to a file of 45,531,213 bytes; .*`git lfs pull`"),
    "annex": (b"/annex/objects/SHA256E-s1--4d7a.pth\n", "a git-annex pointer; .*`git annex get`"),
    "keras": (b"\x89HDF\r\n\x1a\n" + bytes(90), "an HDF5 file, as Keras writes them"),
    "keras 3": (zipped("config.json", "model.weights.h5"), "a Keras model"),
    "frozen": (b"\x08\x01\x12\x80\x01" + bytes(90), "a file of a TensorFlow model"),
    "index": (bytes(40) + bytes.fromhex("57fb808b247547db"), "a file of a TensorFlow model"),
    "pointer": (b'model_checkpoint_path: "model-100"\n', "a file of a TensorFlow model"),
    "tflite": (b"\x1c\0\0\0TFL3" + bytes(40), "a TensorFlow Lite model"),
    "onnx": (b"\x08\x08\x12\x07pytorch" + bytes(90), "an ONNX model; .*it was exported|exported"),
    "numpy": (saved(lambda data: np.save(data, np.zeros(3))), "a NumPy array"),
    "npz": (saved(lambda data: np.savez(data, x=np.zeros(3))), "a NumPy archive"),
    "png": (image("PNG"), "an image"),
    "jpeg": (image("JPEG"), "an image"),
    "webp": (image("WEBP"), "an image"),
    "zip": (zipped("w/latest_net_G.pth"), "a zip archive; .*inside, w/latest_net_G.pth"),
    "zip of others": (zipped("a.txt"), "a zip archive without a PyTorch checkpoint"),
    "zip of tensorflow": (zipped("m/saved_model.pb"), "a zip archive of a TensorFlow model"),
    "tar": (tarred("gen.pt", "w"), "a tar archive; .*inside, gen.pt"),
    "gzip": (tarred("gen.pt", "w:gz"), "a gzip archive; unpack it"),
    "7z": (b"7z\xbc\xaf\x27\x1c" + bytes(50), "a 7z archive; unpack it"),
}


@pytest.mark.parametrize("name", FOREIGN)
@pytest.mark.parametrize("suffix", [".pth", ".safetensors", ""])
def test_each_kind_has_its_own_sentence_wherever_a_model_is_taken(
    tmp_path: Path, name: str, suffix: str
) -> None:
    content, sentence = FOREIGN[name]
    path = tmp_path / f"model{suffix}"
    path.write_bytes(content)
    for take in (lambda: import_model([path], tmp_path / "new"), lambda: crossimage.load(path)):
        with pytest.raises(ValueError, match=rf"model{suffix} .*this looks like {sentence}"):
            take()


@pytest.mark.parametrize(
    ("name", "sentence"),
    [
        ("model.onnx", "ONNX"),
        ("graph.pb", "TensorFlow"),
        ("model.ckpt.data-00000-of-00001", "TensorFlow"),
        ("net.caffemodel", "Caffe"),
    ],
)
def test_formats_without_marks_are_recognised_by_name(
    tmp_path: Path, name: str, sentence: str
) -> None:
    (tmp_path / name).write_bytes(b"\x0a\x99 nothing that is known")
    assert sentence in str(kind_of(tmp_path / name))


def test_what_stands_for_a_model_of_tensorflow_is_recognised(tmp_path: Path) -> None:
    (tmp_path / "model.ckpt-7.index").write_bytes(b"table")
    (tmp_path / "saved").mkdir()
    (tmp_path / "saved" / "saved_model.pb").write_bytes(b"\x08\x01\x12")
    for path in (tmp_path / "model.ckpt-7", tmp_path / "saved"):
        with pytest.raises(ValueError, match="looks like a file of a TensorFlow model"):
            import_model([path], tmp_path / "new.safetensors")
        with pytest.raises(ValueError, match="looks like a file of a TensorFlow model"):
            crossimage.load(path)
    assert kind_of(tmp_path) is None and kind_of(tmp_path / "missing") is None


def test_models_that_pytorch_writes_are_not_foreign(tmp_path: Path) -> None:
    path = tmp_path / "file"
    for zipped in (True, False):
        torch.save(STATE, path, _use_new_zipfile_serialization=zipped)
        assert kind_of(path) is None
        path.write_bytes(path.read_bytes()[:200])
        assert kind_of(path) is None
    # headers of all lengths, whose first bytes are like those of other formats
    for count in range(1, 60):
        tensors = {f"layer{i}.weight": torch.zeros(1) for i in range(count)}
        path.write_bytes(safetensors.torch.save(tensors))
        assert kind_of(path) is None


@pytest.mark.filterwarnings("ignore:.*torch.jit.*deprecated:FutureWarning")
@pytest.mark.filterwarnings("ignore:.*torch.jit.*deprecated:DeprecationWarning")
def test_the_advice_on_torchscript_works(tmp_path: Path) -> None:
    path = tmp_path / "net.pt"
    network = nn.Sequential(nn.Conv2d(3, 2, 3))
    torch.jit.trace(network, torch.zeros(1, 3, 8, 8)).save(str(path))
    with pytest.raises(ValueError, match=r"TorchScript model; .*torch\.jit\.load\(path\)"):
        import_model([path], tmp_path / "new.safetensors")
    torch.save(torch.jit.load(path).state_dict(), tmp_path / "weights.pth")
    assert torch.load(tmp_path / "weights.pth").keys() == network.state_dict().keys()


def test_archives_with_damaged_names_are_of_no_kind(tmp_path: Path) -> None:
    path = tmp_path / "a.pth"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("archive/d\u00e4ta.pkl", b"")
    content = path.read_bytes()
    path.write_bytes(content.replace("\u00e4".encode(), b"\xe8a"))
    assert kind_of(path) is None


@pytest.mark.parametrize("place", range(22))
def test_an_archive_whose_end_is_damaged_anywhere_is_refused_in_a_sentence(
    place: int, tmp_path: Path
) -> None:
    """The last 22 bytes say where the list of entries is, and in how many parts the archive is."""
    path = tmp_path / "a.pth"
    torch.save(STATE, path)
    content = bytearray(path.read_bytes())
    content[place - 22] ^= 0xFF
    path.write_bytes(content)
    with suppress(ValueError):
        read_pickle(path)
    content[place - 22] ^= 0xFE
    end = content.rfind(b"PK\6\7")  # and so does what large archives have before these bytes
    content[end + place % 20] ^= 0x81
    path.write_bytes(content)
    with suppress(ValueError):
        read_pickle(path)


def test_an_archive_of_many_entries_takes_little_memory(tmp_path: Path) -> None:
    path = tmp_path / "a.pth"
    with zipfile.ZipFile(path, "w") as archive:
        for i in range(40_000):
            archive.writestr(zipfile.ZipInfo(f"{i:0180}"), b"")
    tracemalloc.start()
    try:
        with pytest.raises(ValueError, match="a.pth .*its list of entries has more than 8 MiB"):
            read_pickle(path)
        assert tracemalloc.get_traced_memory()[1] < 2**20
    finally:
        tracemalloc.stop()


def of_many_members(path: Path) -> None:
    with tarfile.open(path, "w") as archive:
        for i in range(3000):
            archive.addfile(tarfile.TarInfo(str(i)))
        archive.addfile(tarfile.TarInfo("gen.pt"))


def of_a_long_name(path: Path) -> None:
    with tarfile.open(path, "w", format=tarfile.GNU_FORMAT) as archive:
        archive.addfile(tarfile.TarInfo("gen.pt"))
        archive.addfile(tarfile.TarInfo("x" * 3_000_000))


def of_an_impossible_size(path: Path) -> None:
    info = tarfile.TarInfo("gen.pt")
    info.size = 2**62
    path.write_bytes(info.tobuf(tarfile.GNU_FORMAT) + bytes(1024))


@pytest.mark.parametrize("write", [of_many_members, of_a_long_name, of_an_impossible_size])
def test_tar_archives_are_looked_at_within_bounds(
    write: Callable[[Path], None], tmp_path: Path
) -> None:
    file = tmp_path / "model.pth"
    write(file)
    tracemalloc.start()
    with pytest.raises(ValueError, match=r"model\.pth is "):
        read_pickle(file)
    most = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert most < 2_500_000


def test_checkpoints_of_the_oldest_kind_are_named(tmp_path: Path) -> None:
    file = tmp_path / "model.pth"
    with tarfile.open(file, "w") as archive:
        for name in ("sys_info", "storages", "tensors", "pickle"):
            archive.addfile(tarfile.TarInfo(name))
    with pytest.raises(ValueError, match="a PyTorch checkpoint of the oldest kind.*save it again"):
        read_pickle(file)
