"""The originals of digits: every form is read, and hostile ones are refused before they are."""

import bz2
import gzip
import io
import os
import sys
import zipfile

import numpy as np
import pytest

from crossimage.data.make import foreign_arrays
from crossimage.data.make.digits import MAKERS
from crossimage.data.make.originals import find_digits
from tests.data.make.test_digits import idx, pixels_of, random_digits, write_mnist, write_usps
from tests.golden import SHARED

REAL = SHARED / "data"


def test_missing_originals_are_named(tmp_path):
    write_mnist(tmp_path / "data")
    with pytest.raises(
        FileNotFoundError,
        match=r"data holds no usps; expected the files usps_16x16_uint8.npz, or usps.bz2 and "
        r"usps.t.bz2, or usps.h5 in it or below",
    ):
        MAKERS["mnist2usps"](tmp_path / "out", originals=tmp_path / "data")
    (tmp_path / "data" / "t10k-labels-idx1-ubyte.gz").unlink()
    with pytest.raises(FileNotFoundError, match=r"holds no mnist; .* t10k-labels-idx1-ubyte in it"):
        find_digits("mnist", tmp_path / "data")
    with pytest.raises(FileNotFoundError, match=r"no folder .*nowhere"):
        find_digits("mnist", tmp_path / "nowhere")
    with pytest.raises(FileNotFoundError, match=r"train_32x32.mat and test_32x32.mat"):
        find_digits("svhn", tmp_path / "data")
    assert not (tmp_path / "out").exists()


def test_other_data_sets_with_the_names_of_mnist(tmp_path):
    write_mnist(tmp_path / "FashionMNIST" / "raw", seed=7)
    found, _ = find_digits("mnist", tmp_path).values()
    assert len(found.images) == 40  # alone it is what is meant
    mine = write_mnist(tmp_path / "MNIST" / "raw", gz=False)
    assert np.array_equal(find_digits("mnist", tmp_path)["train"].images, mine[0][0])
    (tmp_path / "MNIST").rename(tmp_path / "x")
    with pytest.raises(ValueError, match=r"mnist may be .*FashionMNIST/raw or .*x/raw"):
        find_digits("mnist", tmp_path)


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"broken", "is not an IDX file"),
        (b"\0\0\x08\3" + b"\xff" * 12, r"states \(-1, -1, -1\) bytes"),
        (b"\0\0\x08\3" + b"\x7f" * 12 + bytes(9), "expected at most 268,435,456"),
        (b"", "is not an IDX file"),
        (idx(np.zeros((4, 28, 28), np.uint8))[:-5], r"states \(4, 28, 28\) bytes, and holds 3,131"),
        (idx(np.zeros((4, 28, 28), np.uint8)), r"images \(4, 28, 28\) and labels \(40,\)"),
    ],
)
def test_broken_originals_are_named(tmp_path, data, words):
    write_mnist(tmp_path, gz=False)
    (tmp_path / "train-images-idx3-ubyte").write_bytes(data)
    with pytest.raises(ValueError, match=words) as error:
        find_digits("mnist", tmp_path)
    assert "train-images-idx3-ubyte" in str(error.value)


def test_a_broken_archive_is_named(tmp_path):
    write_mnist(tmp_path)
    (tmp_path / "t10k-images-idx3-ubyte.gz").write_bytes(b"\x1f\x8bbroken")
    with pytest.raises(ValueError, match="can't be read as mnist"):
        find_digits("mnist", tmp_path)


def test_usps_as_torchvision_loads_it(tmp_path):
    images, labels = random_digits(0, 12, 16)
    for name in ("usps.bz2", "usps.t.bz2"):
        with bz2.open(tmp_path / name, "wt") as file:
            for pixels, label in zip(images, labels, strict=True):
                values = " ".join(f"{i}:{v}" for i, v in enumerate(pixels.ravel() / 127.5 - 1, 1))
                file.write(f"{label + 1} {values}\n")
    found = find_digits("usps", tmp_path)["test"]
    assert np.abs(found.images.astype(int) - images).max() <= 1
    assert np.array_equal(found.labels, labels)


def test_svhn(tmp_path):
    scipy_io = pytest.importorskip("scipy.io")
    X = np.random.default_rng(0).integers(0, 256, (32, 32, 3, 20), np.uint8)
    y = (1 + np.arange(20) % 10)[:, None].astype(np.uint8)
    for name in ("train_32x32.mat", "test_32x32.mat"):
        scipy_io.savemat(tmp_path / name, {"X": X, "y": y})
    found = find_digits("svhn", tmp_path)["train"]
    assert np.array_equal(found.images[3], X[..., 3])
    assert found.labels.tolist() == [1, 2, 3, 4, 5, 6, 7, 8, 9, 0] * 2  # 10 stands for 0
    write_mnist(tmp_path / "mnist")
    MAKERS["svhn2mnist"](tmp_path / "out", originals=tmp_path, count=5)
    path = next((tmp_path / "out" / "trainA").rglob("*.png"))
    assert np.array_equal(pixels_of(path), X[..., int(path.stem)])


def test_usps_in_hdf5(tmp_path):
    h5py = pytest.importorskip("h5py")
    images, labels = random_digits(0, 12, 16)
    with h5py.File(tmp_path / "usps.h5", "w") as file:
        for split in ("train", "test"):
            file[f"{split}/data"] = (images.reshape(-1, 256) / 255).astype(np.float32)
            file[f"{split}/target"] = labels
    found = find_digits("usps", tmp_path)["test"]
    assert np.array_equal(found.images, images) and np.array_equal(found.labels, labels)
    whole = (tmp_path / "usps.h5").read_bytes()
    (tmp_path / "usps.h5").write_bytes(whole[: len(whole) // 2])
    with pytest.raises(ValueError, match=r"usps.h5 can't be read: .*copy or download it again"):
        find_digits("usps", tmp_path)


def test_a_file_on_which_its_reader_crashes_is_refused(tmp_path, monkeypatch):
    pytest.importorskip("scipy.io")
    for name in ("train_32x32.mat", "test_32x32.mat"):
        (tmp_path / name).touch()
    monkeypatch.setattr(foreign_arrays, "_PROGRAM", "import os; os.abort()")
    with pytest.raises(ValueError, match=r"train_32x32.mat is damaged: scipy crashed on it"):
        find_digits("svhn", tmp_path)


@pytest.mark.parametrize(
    ("name", "paths", "package"),
    [("usps", ["usps.h5"], "h5py"), ("svhn", ["train_32x32.mat", "test_32x32.mat"], "scipy")],
)
def test_a_missing_package_is_named(tmp_path, monkeypatch, name, paths, package):
    for module in (package, f"{package}.io"):
        monkeypatch.setitem(sys.modules, module, None)
    for path in paths:
        (tmp_path / path).touch()
    with pytest.raises(ValueError, match=f"{package} is not installed; pip install {package}"):
        find_digits(name, tmp_path)


def npy_of(shape):
    """An array's file whose header states a shape, and which holds 16 bytes."""
    stream = io.BytesIO()
    header = {"shape": shape, "fortran_order": False, "descr": "|u1"}
    np.lib.format.write_array_header_1_0(stream, header)
    return stream.getvalue() + bytes(16)


@pytest.mark.parametrize("what", ["size", "classes", "missing"])
def test_arrays_of_impossible_sizes_and_classes_are_refused(tmp_path, what):
    write_usps(tmp_path)
    path = tmp_path / "usps_16x16_uint8.npz"
    with np.load(path) as file:
        arrays = dict(file)
    if what == "classes":
        arrays["train_labels"] = np.full(30, np.nan)
    if what == "missing":
        del arrays["test_images"]
    np.savez(path, **arrays)
    if what == "size":
        with zipfile.ZipFile(path, "w") as archive:
            for name in arrays:
                archive.writestr(f"{name}.npy", npy_of((2**40, 16, 16)))
    words = {"size": "states 281,474,976,710,656 bytes", "classes": "float64 labels from nan",
             "missing": "no test_images"}  # fmt: skip
    with pytest.raises(ValueError, match=words[what]) as error:
        find_digits("usps", tmp_path)
    assert str(path) in str(error.value)


def test_an_archive_that_unpacks_to_gigabytes_is_refused(tmp_path, monkeypatch):
    monkeypatch.setattr("crossimage.data.make.originals._LARGEST", 2**20)
    write_mnist(tmp_path)
    large = idx(np.zeros((4000, 28, 28), np.uint8))
    (tmp_path / "train-images-idx3-ubyte.gz").write_bytes(gzip.compress(large))
    with pytest.raises(ValueError, match="states 3,136,000 bytes"):
        find_digits("mnist", tmp_path)


@pytest.mark.parametrize("content", [b"", b"MATLAB 5.0 MAT-file", b"\0" * 300, b"\x89HDF\r\n"])
def test_files_of_matlab_that_are_damaged_are_named(tmp_path, content):
    pytest.importorskip("scipy")
    for name in ("train_32x32.mat", "test_32x32.mat"):
        (tmp_path / name).write_bytes(content)
    with pytest.raises(ValueError, match=r"train_32x32.mat can't be read"):
        find_digits("svhn", tmp_path)


@pytest.mark.parametrize("line", [b"1 1:0 2:0\n", b"x" * 30_000, b"\n", b"1" + b" 1:x" * 256])
def test_lines_of_usps_that_are_no_images_are_refused(tmp_path, line):
    for name in ("usps.bz2", "usps.t.bz2"):
        (tmp_path / name).write_bytes(bz2.compress(line))
    with pytest.raises(ValueError, match=r"usps.bz2"):
        find_digits("usps", tmp_path)


@pytest.mark.skipif(os.name == "nt", reason="there are no named pipes")
def test_a_pipe_is_no_original(tmp_path):
    write_mnist(tmp_path, gz=False)
    path = tmp_path / "t10k-images-idx3-ubyte"
    path.unlink()
    os.mkfifo(path)
    with pytest.raises(ValueError, match="it is a pipe"):
        find_digits("mnist", tmp_path)


@pytest.mark.skipif(not REAL.is_dir(), reason=f"there are no real data sets at {REAL}")
def test_the_real_digits():
    mnist, usps = find_digits("mnist", REAL), find_digits("usps", REAL)
    assert [d.images.shape for d in mnist.values()] == [(60000, 28, 28), (10000, 28, 28)]
    assert [d.images.shape for d in usps.values()] == [(7291, 16, 16), (2007, 16, 16)]
    assert mnist["train"].labels[:10].tolist() == [5, 0, 4, 1, 9, 2, 1, 3, 1, 4]
    assert np.bincount(usps["test"].labels).tolist() == [
        359, 264, 198, 166, 200, 160, 170, 147, 166, 177,
    ]  # fmt: skip
