"""Inputs from stores and results in them: in memory, by file:// and on a local S3 server."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from crossimage.bulk.audit import audit, repair
from crossimage.cli.translate import ledger
from crossimage.data.stores import addresses
from crossimage.data.stores.addresses import StoreError, explaining, local_path, store_address
from crossimage.inference.stores.places import open_results
from crossimage.inference.translator import Translator
from crossimage.methods.munit import MUNIT, MUNITConfig
from crossimage.utils.reading import sha256_of
from tests.data.shards.helpers import images, png, write_tar
from tests.data.stores.servers import use_server, web_server
from tests.inference.files.test_translate import SHAPE

fsspec = pytest.importorskip("fsspec", reason="the extra scale is not installed")


@pytest.fixture(scope="module")
def model() -> Translator:
    return Translator(MUNIT(MUNITConfig(**SHAPE), training=False), "cpu")


@pytest.fixture(scope="module")
def server() -> Iterator[str]:
    """A local S3 server."""
    pytest.importorskip("s3fs", reason="the extra scale is not installed")
    moto = pytest.importorskip("moto.server", reason="moto[server] is not installed")
    running = moto.ThreadedMotoServer(port=0, verbose=False)
    running.start()
    host, port = running.get_host_and_port()
    yield f"http://{host}:{port}"
    running.stop()


@pytest.fixture(params=["memory", pytest.param("s3", marks=pytest.mark.slow)])
def store(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """The address of an empty place in a store."""
    if request.param == "memory":
        yield "memory://bucket/place"
    else:
        use_server(monkeypatch, request.getfixturevalue("server"))
        fsspec.filesystem("s3").mkdir("bucket")
        yield "s3://bucket/place"
    system = fsspec.filesystem(request.param)
    system.rm("/bucket" if request.param == "memory" else "bucket", recursive=True)


def put(address: str, files: dict[str, bytes]) -> None:
    system, root = fsspec.core.url_to_fs(address)
    for name, data in files.items():
        system.pipe_file(f"{root}/{name}", data)


def hashes(address: str) -> dict[str, str]:
    with open_results(Path(address)) as results:
        return {n: results.sha256(n) for n in results.names() if not n.endswith(".jsonl")}


def lines(address: str) -> list[dict[str, Any]]:
    with open_results(Path(address)) as results:
        texts = [results.list_file(name).read_text() for name in results.list_names()]
    return [json.loads(line) for text in texts for line in text.splitlines()]


FILES = images(3) | {"sub/x.png": png(99), "notes.txt": b"text", "__MACOSX/1.png": png(5)}


def translate(model: Translator, given: object, out: object, **options: Any):
    return model.translate_files(given, out, seed=1, skip_existing=True, **options)


def test_results_in_a_store_are_those_in_a_folder(
    model: Translator, store: str, tmp_path: Path
) -> None:
    for name, data in FILES.items():
        (tmp_path / "in" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "in" / name).write_bytes(data)
    put(f"{store}/in", FILES)
    done = translate(model, tmp_path / "in", tmp_path / "out")
    expected = {
        path.relative_to(tmp_path / "out").as_posix(): sha256_of(path) for path in done.written
    }
    found = translate(model, f"{store}/in", f"{store}/out")
    assert found.left_out == ("left out: 1 junk folder (__MACOSX), 1 not an image (.txt)")
    assert hashes(f"{store}/out") == expected
    listed = [line for line in lines(f"{store}/out") if line["kind"] == "result"]
    assert {line["output"]: line["output_sha256"] for line in listed} == expected
    assert {line["input"] for line in listed} == {
        f"{store}/in/{name}" for name in FILES if name.endswith("png") and "MAC" not in name
    }
    again = translate(model, f"{store}/in", f"{store}/out")
    assert (len(again.written), len(again.existing)) == (0, 4)
    put(f"{store}/in", {"001.png": png(200)})  # changed
    put(f"{store}/out", {"002.png": png(201)})  # altered
    again = translate(model, f"{store}/in", f"{store}/out")
    assert (len(again.written), len(again.existing)) == (2, 2)


def test_killed_work_in_a_store_is_done_again_and_the_ledger_tells(
    model: Translator, store: str, capsys: pytest.CaptureFixture[str]
) -> None:
    put(f"{store}/in", images(4))
    for part in (1, 2):
        translate(model, f"{store}/in", f"{store}/out", shard=(part, 2))
    expected = hashes(f"{store}/out")
    with open_results(Path(f"{store}/out")) as results:
        assert audit(results).is_complete
        results.remove("001.png")
        put(f"{store}/out", {"002.png": b"altered"})
        found = audit(results)
        assert (found.complete, found.missing, found.altered) == (2, ["001.png"], ["002.png"])
        repair(results, found)
    with pytest.raises(SystemExit):
        ledger(f"{store}/out")
    assert "2 complete" in capsys.readouterr().out
    translate(model, f"{store}/in", f"{store}/out", shard=(1, 1))
    assert hashes(f"{store}/out") == expected
    with pytest.raises(ValueError, match="holds results with another seed"):
        model.translate_files(
            f"{store}/in", f"{store}/out", seed=2, skip_existing=True, shard=(1, 1)
        )


def test_patterns_single_objects_and_shards_are_inputs(
    model: Translator, store: str, tmp_path: Path
) -> None:
    shard = write_tar(tmp_path / "a.tar", images(3)).read_bytes()
    put(store, {"x.png": png(1), "y.png": png(2), "a.tar": shard, "deep/z.png": png(3)})
    for given, count in (("x.png", 1), ("*.png", 2), ("**/*.png", 3), ("a.tar", 3), ("*.tar", 3)):
        out = tmp_path / f"{given.replace(chr(42), chr(95)).replace(chr(47), chr(95))}-out"
        assert len(translate(model, f"{store}/{given}", out).written) == count, given
    in_folder = translate(model, str(tmp_path / "a.tar"), tmp_path / "local").written
    in_store = translate(model, f"{store}/a.tar", tmp_path / "remote").written
    assert [sha256_of(p) for p in in_folder] == [sha256_of(p) for p in in_store]
    put(store, {"b-0.tar": shard})
    with web_server({"b-0.tar": shard}) as address:
        for place in (store, address):
            out = tmp_path / f"range-{place[:4]}"
            written = translate(model, f"{place}/b-{{0..0}}.tar", out).written
            assert [sha256_of(p) for p in in_folder] == [sha256_of(p) for p in written]


def test_inputs_in_a_store_are_not_overwritten(model: Translator, store: str) -> None:
    put(store, images(2))
    with pytest.raises(ValueError, match=r"000\.png would overwrite an input"):
        translate(model, store, store)


def test_missing_objects_and_buckets_are_told(
    model: Translator, store: str, tmp_path: Path
) -> None:
    put(store, images(1))
    with pytest.raises(FileNotFoundError, match="there is no object of that name"):
        translate(model, f"{store}/none", tmp_path / "out")
    if store.startswith("s3"):
        with pytest.raises(OSError, match="s3://no-such-bucket.*: "):
            translate(model, store, "s3://no-such-bucket/out")


def test_a_bucket_without_permission_ends_the_translation(
    model: Translator, monkeypatch: pytest.MonkeyPatch
) -> None:
    put("memory://bucket/in", images(3))
    system = type(fsspec.filesystem("memory"))

    def refused(*_: object, **__: object) -> None:
        raise PermissionError("Access Denied")

    monkeypatch.setattr(system, "pipe_file", refused)
    with pytest.raises(StoreError, match=r"memory://bucket/out.*access is denied .*need the right"):
        translate(model, "memory://bucket/in", "memory://bucket/out")


def test_a_missing_bucket_ends_the_translation(
    model: Translator, monkeypatch: pytest.MonkeyPatch
) -> None:
    put("memory://bucket/in", images(3))
    system = type(fsspec.filesystem("memory"))

    def missing(*_: object, **__: object) -> None:
        raise FileNotFoundError("The specified object does not exist")

    monkeypatch.setattr(system, "pipe_file", missing)
    with pytest.raises(StoreError, match=r"^memory://bucket/out.*: the bucket does not exist"):
        translate(model, "memory://bucket/in", "memory://bucket/out")


def test_no_network_and_no_credentials_are_told() -> None:
    exceptions = pytest.importorskip("botocore.exceptions")
    for error, reason in (
        (exceptions.NoCredentialsError(), "no credentials; set AWS_ACCESS_KEY_ID"),
        (exceptions.EndpointConnectionError(endpoint_url="http://x"), "can't be reached"),
        (TimeoutError("slow"), "can't be reached"),
        (exceptions.ClientError({"Error": {"Code": "500"}}, "PutObject"), "the store answers"),
    ):
        with pytest.raises(StoreError, match=rf"s3://b/x: .*{reason}"), explaining("s3://b/x"):
            raise error
    with pytest.raises(KeyError), explaining("s3://b/x"):
        raise KeyError("a fault of our own")


def test_a_missing_package_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "fsspec.core", None)
    with pytest.raises(ValueError, match=r"needs the package s3fs; run `pip install 'crossimage\["):
        addresses.connect("s3://bucket/x")
    with pytest.raises(ValueError, match=r"crossimage\[scale\]' gcsfs`"):
        addresses.connect("gs://bucket/x")


def test_addresses_of_files_are_paths(model: Translator, tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "1.png").write_bytes(png(3))
    done = translate(model, f"file://{tmp_path}/in", f"file://{tmp_path}/out")
    assert (tmp_path / "out" / "1.png").is_file()
    assert len(done.written) == 1
    assert local_path("file:///a/b%20c") == Path("/a/b c")
    assert store_address(Path("s3://bucket/x/")) == "s3://bucket/x"
    for other in ("C:/x", "photos/s3", "https://x.org/a.png", "x"):
        assert store_address(other) is None
