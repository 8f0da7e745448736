"""ONNX Runtime for browsers: files of one version, known by their hashes, never shipped here."""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import tarfile
from collections.abc import Mapping
from pathlib import Path

from crossimage.utils.files import atomic
from crossimage.utils.reading import open_data, read_data
from crossimage.utils.texts.shown import cut
from crossimage.utils.writing.scratch import scratch_folder

PACKAGE = "onnxruntime-web@1.30.0"
"""The npm package, under the MIT licence."""

FILES = {
    "ort.wasm.min.js": "faece07e84faa9001f5104bbe4e5c70861d06cb2376a0dea1fa0ad33a67adc81",
    "ort-wasm-simd-threaded.mjs": (
        "e13f7f94fc51b4ca72b12faeb1ee95f4ace6dfbc8939bc718aabdc0a27c4299b"
    ),
    "ort-wasm-simd-threaded.wasm": (
        "3398c10d07d229bd91b364548e130e0e51a8e5704b88c7c083ebbeb78842dee2"
    ),
}
"""The files that a page needs, and their SHA-256."""

_SECONDS = 600
_BY_HAND = (
    f"run `npm pack {PACKAGE}` where there is a network, unpack the archive, and give its folder "
    "with --runtime DIR"
)


def runtime_files(folder: Path | None) -> Mapping[str, bytes]:
    """Return the files of the runtime by name.

    Args:
        folder: The unpacked package; None: the user's cache folder, which is filled by ``npm`` the
            first time.

    Raises:
        FileNotFoundError: A file is missing, or there is no ``npm``.
        ConnectionError: ``npm`` cannot fetch the package.
        ValueError: A file is another than that of the pinned version.
        OSError: A file cannot be read or written.
    """
    if folder is not None:
        return _read(folder)
    cache = cache_folder()
    if all((cache / name).is_file() for name in FILES):
        try:
            return _read(cache)
        except ValueError:
            pass  # damaged, and fetched again
    files = _fetch()
    cache.mkdir(parents=True, exist_ok=True)
    for name, content in files.items():
        with atomic(cache / name) as file:
            file.write(content)
    return files


def cache_folder() -> Path:
    """Return where the runtime is kept: a folder of the user's cache folder."""
    cache = Path(os.environ.get("XDG_CACHE_HOME") or "~/.cache").expanduser()
    return cache / "crossimage" / PACKAGE


def _read(folder: Path) -> dict[str, bytes]:
    """Read the files of an unpacked package, and check them."""
    places = (folder, folder / "dist", folder / "package" / "dist")
    place = next((each for each in places if (each / "ort.wasm.min.js").is_file()), None)
    if place is None:
        raise FileNotFoundError(
            f"--runtime: {folder} does not hold ort.wasm.min.js of {PACKAGE}; {_BY_HAND}"
        )
    files = {}
    for name in FILES:
        if not (place / name).is_file():
            raise FileNotFoundError(f"--runtime: {place / name} is missing; {_BY_HAND}")
        files[name] = read_data(place / name)
    _check(files, place)
    return files


def _check(files: Mapping[str, bytes], origin: object) -> None:
    for name, content in files.items():
        if hashlib.sha256(content).hexdigest() != FILES[name]:
            raise ValueError(
                f"{name} of {origin} is not that of {PACKAGE}: its SHA-256 differs, so it is "
                f"another version, or was altered; {_BY_HAND}"
            )


def _fetch() -> dict[str, bytes]:
    """Let npm fetch the package, and return the files that are needed."""
    npm = shutil.which("npm")
    if npm is None:
        raise FileNotFoundError(
            f"--web needs {PACKAGE}, which npm fetches, and npm is not installed; install it "
            f"(Node.js), or {_BY_HAND}"
        )
    with scratch_folder() as folder:
        words = [npm, "pack", PACKAGE, "--silent", "--ignore-scripts"]
        try:
            subprocess.run(
                [*words, "--pack-destination", str(folder)], cwd=folder, check=True,
                capture_output=True, text=True, timeout=_SECONDS, stdin=subprocess.DEVNULL,
            )  # fmt: skip
            archives = list(folder.glob("*.tgz"))
            with open_data(archives[0]) as file, tarfile.open(fileobj=file) as archive:
                files = {name: _member(archive, f"package/dist/{name}") for name in FILES}
        except (subprocess.SubprocessError, IndexError, tarfile.TarError, KeyError) as error:
            said = getattr(error, "stderr", None) or str(error)
            line = next((each for each in said.splitlines() if each.strip()), "it gave no reason")
            raise ConnectionError(
                f"npm could not fetch {PACKAGE} ({cut(line.strip())}); {_BY_HAND}"
            ) from error
    _check(files, PACKAGE)
    return files


def _member(archive: tarfile.TarFile, name: str) -> bytes:
    file = archive.extractfile(name)
    if file is None:
        raise KeyError(f"{name} is not a file")
    return file.read()
