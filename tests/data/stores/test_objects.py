"""Training data in stores, which gives the samples of the same files on disk."""

from __future__ import annotations

import multiprocessing
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch

from crossimage.config import Config
from crossimage.data.build import build_dataset, find_source
from crossimage.data.loader import load_batches
from crossimage.data.samples.datasets import ImageDataset
from crossimage.data.shards.find import find_members
from crossimage.data.stores import objects
from crossimage.data.stores.addresses import LostStoreError, StoreError
from tests.data.helpers import same
from tests.data.shards.helpers import png, write_tar
from tests.data.stores.servers import s3_server, web_server

fsspec = pytest.importorskip("fsspec", reason="the extra scale is not installed")

PLAIN = Config(resize=0, crop=(8, 8), batch_size=2, workers=0)
SHARDS = {
    f"{name}-{number}.tar": {
        f"{n:03}.png": png(first + n) for n in range(number, 12, 2)
    }
    for name, first in (("a", 0), ("b", 100))
    for number in range(2)
}  # fmt: skip


@pytest.fixture(scope="module")
def local(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two domains, each in two tar files and in a folder."""
    root = tmp_path_factory.mktemp("local")
    for name, members in SHARDS.items():
        write_tar(root / name, members)
        for member, data in members.items():
            (root / name[0]).mkdir(exist_ok=True)
            (root / name[0] / member).write_bytes(data)
    return root


@pytest.fixture(
    params=["memory", "file", "http", pytest.param("s3", marks=pytest.mark.slow)]
)  # fmt: skip
def place(
    request: pytest.FixtureRequest, local: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[str]:
    """The address of a place with the same files."""
    files = {
        path.relative_to(local).as_posix(): path.read_bytes()
        for path in local.rglob("*.*")
        if path.is_file()
    }
    match request.param:
        case "file":
            yield f"file://{local}"
        case "http":
            with web_server(files) as address:
                yield address
        case "s3":
            with s3_server(monkeypatch):
                fsspec.filesystem("s3").mkdir("bucket")
                put("s3://bucket", files)
                yield "s3://bucket"
                fsspec.filesystem("s3").rm("bucket", recursive=True)
        case _:
            put("memory://bucket", files)
            yield "memory://bucket"
            fsspec.filesystem("memory").rm("/bucket", recursive=True)


def put(address: str, files: dict[str, bytes]) -> None:
    system, root = fsspec.core.url_to_fs(address)
    for name, data in files.items():
        system.pipe_file(f"{root}/{name}", data)


def samples(data: object, config: Config = PLAIN) -> ImageDataset:
    found = find_source(data, config, "unpaired")
    return build_dataset(found, config.complete(found.facts))


def assert_alike(one: ImageDataset, other: ImageDataset) -> None:
    assert one.fingerprint() == other.fingerprint()
    for number in range(20):
        assert all(torch.equal(one[number].images[k], other[number].images[k]) for k in "ab")
    for own, others in zip(one.domains, other.domains, strict=True):
        assert [path.name for path in own.test] == [path.name for path in others.test]
        assert len(own.test) == 1  # held out by content


def test_shards_in_a_store_train_like_local_ones(local: Path, place: str) -> None:
    assert_alike(
        samples(f"a={local}/a-{{0..1}}.tar,b={local}/b-*.tar"),
        samples(f"a={place}/a-{{0..1}}.tar,b={place}/b-{{0,1}}.tar"),
    )


def test_folders_in_a_store_train_like_local_ones(local: Path, place: str) -> None:
    if place.startswith("http"):
        with pytest.raises(ValueError, match="does not name tar files, and of web servers nothing"):
            samples(f"a={place}/a,b={place}/b")
        return
    assert_alike(samples({"a": str(local / "a"), "b": str(local / "b")}),
                 samples({"a": f"{place}/a", "b": f"{place}/b"}))  # fmt: skip


def test_worker_processes_read_from_a_store(local: Path, place: str) -> None:
    if place.startswith("memory") and multiprocessing.get_start_method() != "fork":
        pytest.skip("other processes do not see it")
    data = f"a={place}/a-{{0..1}}.tar,b={place}/b-{{0..1}}.tar"
    workers = Config(resize=0, crop=(8, 8), batch_size=2, workers=2)
    expected = [next(load_batches(samples(data), PLAIN, start=3))]
    assert same(expected, [next(load_batches(samples(data, workers), workers, start=3))])


def test_a_store_that_is_lost_ends_loading_with_a_sentence(
    local: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(objects, "_PAUSES", (0,))
    files = {name: (local / name).read_bytes() for name in SHARDS}
    with web_server(files) as address:
        dataset = samples(f"a={address}/a-{{0..1}}.tar,b={address}/b-{{0..1}}.tar")
        assert dataset[0].error is None
    objects._last_read.forget()
    lost = dataset[1]
    assert not lost.unreadable
    assert lost.error is not None
    assert "the store can't be reached" in lost.error
    with pytest.raises(LostStoreError, match=r"a-0\.tar: the store can't be reached"):
        find_members([f"{address}/a-0.tar"])


def test_a_read_that_fails_once_is_tried_again(
    local: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    put("memory://once", {"a.tar": (local / "a-0.tar").read_bytes()})
    monkeypatch.setattr(objects, "_PAUSES", (0,))
    found = find_members(["memory://once/a.tar"])
    system = type(fsspec.filesystem("memory"))
    real, failures = system.cat_file, [TimeoutError()]

    def cat_file(self: object, *args: object, **options: object) -> bytes:
        if failures:
            raise failures.pop()
        return real(self, *args, **options)

    monkeypatch.setattr(system, "cat_file", cat_file)
    assert found.images[0].read_bytes() == png(0)
    assert not failures


def test_servers_without_parts_of_files_are_refused(local: Path) -> None:
    files = {"a.tar": (local / "a-0.tar").read_bytes()}
    with (
        web_server(files, parts=False) as address,
        pytest.raises(StoreError, match="does not send parts of files"),
    ):
        find_members([f"{address}/a.tar"])


def test_missing_and_damaged_shards_of_a_store_are_named(local: Path) -> None:
    whole = (local / "a-0.tar").read_bytes()
    put("memory://bad", {"a-0.tar": whole, "cut.tar": whole[:2000], "x.tar": b"\x1f\x8bx"})
    for name, message in (
        ("a-{0..9}.tar", r"a-\{0\.\.9\}\.tar: 9 of its 10 files are missing \(a-1\.tar"),
        ("q*.tar", r"there is no tar file memory://bad/q\*\.tar"),
        ("cut.tar", r"memory://bad/cut\.tar can't be read: .*; copy it again"),
        ("x.tar", r"is compressed \(gzip\).*; download it, unpack it with gunzip, and upload"),
        ("none", r"memory://bad/none: there is no object of that name"),
    ):
        with pytest.raises((FileNotFoundError, ValueError), match=message):
            samples(f"a=memory://bad/{name},b=memory://bad/a-0.tar")
    with pytest.raises(ValueError, match=r"a=DIR,b=DIR\) use stores"):
        samples("memory://bad")
