"""The runtime of pages, fetched by npm and known by its hashes."""

import hashlib
import os
import stat
import tarfile
from pathlib import Path

import pytest

from crossimage.export.web import runtime
from crossimage.export.web.runtime import FILES, cache_folder, runtime_files


@pytest.fixture
def package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An unpacked package whose files are known, and an empty cache folder."""
    dist = tmp_path / "package" / "dist"
    dist.mkdir(parents=True)
    for name in FILES:
        (dist / name).write_text(name)
    hashes = {name: hashlib.sha256(name.encode()).hexdigest() for name in FILES}
    monkeypatch.setattr(runtime, "FILES", hashes)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return tmp_path / "package"


def npm(folder: Path, script: str, monkeypatch: pytest.MonkeyPatch) -> None:
    folder.mkdir()
    (folder / "npm").write_text(f"#!/bin/sh\n{script}\n")
    (folder / "npm").chmod(stat.S_IRWXU)
    monkeypatch.setenv("PATH", f"{folder}{os.pathsep}{os.environ['PATH']}")


def test_an_unpacked_package_serves_at_any_level(package: Path) -> None:
    for folder in (package.parent, package, package / "dist"):
        assert set(runtime_files(folder)) == set(FILES)
    assert not cache_folder().exists()


def test_missing_and_altered_files_are_named(package: Path, tmp_path: Path) -> None:
    (package / "dist" / "ort-wasm-simd-threaded.wasm").write_text("altered")
    with pytest.raises(ValueError, match=r"ort-wasm-simd-threaded.wasm of .* is not that of onnx"):
        runtime_files(package)
    (package / "dist" / "ort-wasm-simd-threaded.wasm").unlink()
    with pytest.raises(FileNotFoundError, match=r"threaded.wasm is missing; run `npm pack onnx"):
        runtime_files(package)
    with pytest.raises(FileNotFoundError, match=r"does not hold ort.wasm.min.js"):
        runtime_files(tmp_path / "nothing")


def test_npm_fetches_it_once(
    package: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with tarfile.open(tmp_path / "package.tgz", "w:gz") as archive:
        archive.add(package, "package")
    npm(tmp_path / "bin", f'echo x >>{tmp_path}/calls; cp {tmp_path}/package.tgz "$6"', monkeypatch)
    assert runtime_files(None) == runtime_files(None) == runtime_files(package)
    assert (tmp_path / "calls").read_text() == "x\n"
    (cache_folder() / "ort.wasm.min.js").write_text("damaged")
    assert runtime_files(None) == runtime_files(package)
    assert (tmp_path / "calls").read_text() == "x\nx\n"


def test_another_package_than_the_pinned_one_is_refused(
    package: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (package / "dist" / "ort.wasm.min.js").write_text("altered")
    with tarfile.open(tmp_path / "package.tgz", "w:gz") as archive:
        archive.add(package, "package")
    npm(tmp_path / "bin", f'cp {tmp_path}/package.tgz "$6"', monkeypatch)
    with pytest.raises(ValueError, match="its SHA-256 differs"):
        runtime_files(None)
    assert not cache_folder().exists()


def test_no_network_and_no_npm_have_sentences(
    package: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    npm(tmp_path / "bin", "echo 'npm error network offline' >&2; exit 1", monkeypatch)
    with pytest.raises(ConnectionError, match=r"\(npm error network offline\); run `npm pack"):
        runtime_files(None)
    monkeypatch.setenv("PATH", str(tmp_path / "nothing"))
    with pytest.raises(FileNotFoundError, match="npm is not installed; install it"):
        runtime_files(None)
