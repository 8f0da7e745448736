"""An error in the middle of a file names it and says what to do, whoever reads it."""

import errno
import re
import zipfile
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from crossimage.data.images.files import read_image, verify
from crossimage.data.images.metadata import read_metadata
from crossimage.data.make.originals import _read_idx
from crossimage.data.sources.tables.text import read_text as read_table
from crossimage.data.videos.decoding import frames
from crossimage.evaluation.galleries.moments import read_moments
from crossimage.utils import reading
from crossimage.utils.foreign_files import kind_of
from crossimage.utils.reading import (
    FailedReadError,
    failed_read,
    open_data,
    read_data,
    read_text,
    reads_noticed,
)
from crossimage.utils.tensor_files.safetensors_files import read_safetensors, write_safetensors
from crossimage.utils.tensor_files.torch_files import read_pickle
from crossimage.utils.texts.json_text import read_json
from crossimage.utils.texts.yaml_text import read_yaml_text
from tests.data.make.test_digits import idx
from tests.data.videos.videos import write_video

SOURCE = Path(reading.__file__).parents[1]
SENTENCE = (
    "{} can't be read: the disk fails (input/output error); check it and run the same command "
    "again, or choose another one"
)
FORMATS = ("x.png", "x.jpg", "x.tif", "lzw.tif", "deep.png", "x.bmp", "x.gif", "x.webp")


class Disk:
    """Lets one read of files fail.

    Attributes:
        first: The read that fails; -1: none.
        reads: How many there were.
    """

    def __init__(self) -> None:
        self.first, self.reads, self._read = -1, 0, reading.named

    def read(self, path: str, read: Callable[[], Any]) -> Any:
        self.reads += 1
        if self.reads - 1 != self.first:
            return self._read(path, read)

        def fail() -> None:
            raise OSError(errno.EIO, "Input/output error")

        return self._read(path, fail)

    def each(self, use: Callable[[], object]) -> Iterator[Exception | None]:
        """Call a function with each of its reads failing in turn; yield how it ended."""
        self.first, self.reads = -1, 0
        use()
        count = self.reads
        assert count
        for first in range(count):
            self.first, self.reads = first, 0
            try:
                use()
            except Exception as error:  # noqa: BLE001
                yield error
            else:
                yield None


@pytest.fixture
def disk(monkeypatch: pytest.MonkeyPatch) -> Disk:
    """A disk."""
    disk = Disk()
    monkeypatch.setattr(reading, "named", disk.read)
    return disk


def image(folder: Path, name: str) -> Path:
    """Make a file of a format."""
    pixels = np.random.default_rng(0).integers(0, 256, (40, 60, 3)).astype(np.uint8)
    path = folder / name
    if name.startswith("deep"):
        Image.fromarray(pixels[:, :, 0].astype(np.uint16) * 257).save(path)
    else:
        how = {"compression": "tiff_lzw"} if name.startswith("lzw") else {}
        Image.fromarray(pixels).save(path, **how)
    return path


def start_of(path: Path) -> bytes:
    with open_data(path) as file:
        return file.read(10)


@pytest.mark.skipif(not Path("/proc/self/mem").exists(), reason="needs a file that can't be read")
@pytest.mark.parametrize("read", [read_data, read_text, start_of])
def test_what_the_system_fails_to_read_is_named(read: Callable[[Path], object]) -> None:
    path = Path("/proc/self/mem")  # its first page
    with pytest.raises(FailedReadError) as caught:
        read(path)
    assert str(caught.value) == SENTENCE.format(path) and caught.value.errno == errno.EIO


@pytest.mark.parametrize("use", [read_image, verify, read_metadata])
@pytest.mark.parametrize("name", FORMATS)
def test_an_image_is_not_called_damaged_when_the_disk_fails(
    name: str, use: Callable[[Path], object], disk: Disk, tmp_path: Path
) -> None:
    path = image(tmp_path, name)
    ends = list(disk.each(lambda: use(path)))
    assert any(ends)
    for error in filter(None, ends):
        assert isinstance(error, ValueError) and str(error) == SENTENCE.format(path)


def files(folder: Path) -> Iterator[tuple[Path, Callable[[Path], object]]]:
    """Make a file of each kind that is read, with what reads it."""
    tensors = {"a": torch.zeros(300, 100), "b": torch.ones(3)}
    with (folder / "model.safetensors").open("wb") as file:
        write_safetensors(file, tensors, {"key": "value"})
    yield folder / "model.safetensors", lambda path: read_safetensors(path, "a model file")
    torch.save(tensors, folder / "archive.pt")
    yield folder / "archive.pt", read_pickle
    torch.save(tensors, folder / "old.pt", _use_new_zipfile_serialization=False)
    yield folder / "old.pt", read_pickle
    np.savez(folder / "moments.npz", mu=np.zeros(30), sigma=np.eye(30))
    yield folder / "moments.npz", read_moments
    (folder / "table.csv").write_text("name,red\na.png,1\n" * 10_000)
    yield folder / "table.csv", read_table
    (folder / "recipe.yaml").write_text("method: munit\n")
    yield folder / "recipe.yaml", read_yaml_text
    (folder / "facts.json").write_text("{}")
    yield folder / "facts.json", read_json
    (folder / "train-labels-idx1-ubyte").write_bytes(idx(np.arange(10, dtype=np.uint8)))
    yield folder / "train-labels-idx1-ubyte", _read_idx
    write_video(folder / "video.mp4", 5)
    yield folder / "video.mp4", lambda path: sum(1 for _ in frames(path))
    with zipfile.ZipFile(folder / "images.zip", "w") as archive:
        archive.writestr("a.png", b"")
    yield folder / "images.zip", kind_of


def test_a_file_is_not_called_damaged_when_the_disk_fails(disk: Disk, tmp_path: Path) -> None:
    for path, read in files(tmp_path):
        ends = list(disk.each(lambda path=path, read=read: read(path)))  # type: ignore[misc]
        assert any(ends), path.name
        for error in filter(None, ends):
            assert str(error) == SENTENCE.format(path), path.name


def test_the_failed_read_behind_a_reworded_error_is_found(disk: Disk, tmp_path: Path) -> None:
    (tmp_path / "x").write_bytes(bytes(10))
    disk.first = 0
    try:
        try:
            read_data(tmp_path / "x")
        except OSError:
            raise ValueError("it is damaged") from None
    except ValueError as error:
        found = failed_read(error)
    assert str(found) == SENTENCE.format(tmp_path / "x")
    assert failed_read(ValueError()) is None


def test_a_failed_read_that_a_reader_ignores_is_noticed(disk: Disk, tmp_path: Path) -> None:
    (tmp_path / "x").write_bytes(bytes(10))
    with reads_noticed():
        read_data(tmp_path / "x")
    disk.first, disk.reads = 0, 0
    with pytest.raises(FailedReadError), reads_noticed(), suppress(OSError):
        read_data(tmp_path / "x")
    with reads_noticed():
        read_data(tmp_path / "x")


OPENED_OTHERWISE = {
    "utils/reading.py",
    "data/images/encoded.py",  # files in memory
    "data/shards/member.py",
    "data/make/palettes/__init__.py",  # parts of this package
    "recipes/__init__.py",
    "recipes/sources.py",
    "utils/machine/cores.py",  # facts of the system
    "utils/machine/groups.py",
    "utils/memory.py",
    "cli/pipes.py",  # results that were just written
    "data/stores/objects.py",  # of stores, whose errors are told there
    "inference/stores/results.py",
    "inference/stores/shards.py",
    "server/demo/results.py",
    "server/serve.py",
}


def test_all_files_are_opened_so_that_their_errors_name_them() -> None:
    reads = re.compile(
        r"""\.open\("rb"\)|(?<![\w.])open\([^)]*"rb"|\.read_bytes\(\)|\w\.read_text\("""
        r"""|np\.load\((path|file)\)|ZipFile\(path\)|tarfile\.open\(path|File\(path\)"""
    )
    found = {
        path.relative_to(SOURCE).as_posix()
        for path in SOURCE.rglob("*.py")
        if reads.search(path.read_text())
    }
    assert found <= OPENED_OTHERWISE
