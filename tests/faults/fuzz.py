"""Fuzzing guided by coverage of the readers of images, models and imports (extra ``fuzz``)."""

from __future__ import annotations

import re
import subprocess
import sys
import tempfile
from collections.abc import Callable
from contextlib import suppress
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tests.faults.image_mutants import Outcome

READERS = {
    "image": ("tests.faults.image_mutants", ".png"),
    "model": ("tests.faults.model_mutants", ".safetensors"),
    "import": ("tests.faults.import_mutants", ".pth"),
}
_SLOW = 60  # seconds of a busy machine


def check(seed: int, seconds: float) -> Outcome:
    """Fuzz every reader for a third of the time, each in a process of its own.

    Raises:
        ImportError: atheris is not installed.
    """
    if find_spec("atheris") is None:
        raise ImportError("atheris is not installed (pip install 'crossimage[fuzz]')")
    from tests.faults.image_mutants import Outcome

    outcome = Outcome()
    for reader in READERS:
        outcome.add(_fuzz(reader, seed, max(1, round(seconds / len(READERS)))))
    return outcome


def _fuzz(reader: str, seed: int, seconds: int) -> Outcome:
    from tests.faults.image_mutants import Outcome

    with tempfile.TemporaryDirectory() as folder:
        corpus = Path(folder, "corpus")
        corpus.mkdir()
        for name, data in import_module(READERS[reader][0]).originals().items():
            if len(data) < 100_000:
                (corpus / name.replace("/", "_")).write_bytes(data)
        command = [
            sys.executable, "-m", "tests.faults.fuzz", reader, str(corpus),
            f"-seed={seed + 1}", f"-max_total_time={seconds}", f"-timeout={_SLOW}",
            "-rss_limit_mb=3000", f"-artifact_prefix={folder}/", "-verbosity=1",
        ]  # fmt: skip
        done = subprocess.run(
            command, capture_output=True, text=True, check=False, errors="replace"
        )
        executed = runs_of(done.stderr)
        outcome = Outcome(tried=executed)
        if done.returncode or not executed:
            reason = done.stderr.strip().splitlines()[-12:]
            found = sorted(path.name for path in Path(folder).iterdir() if path.is_file())
            outcome.crashes.append(f"{reader} {found}: {' | '.join(reason)[:600]}")
        return outcome


def runs_of(said: str) -> int:
    """Return how many inputs libFuzzer says that it has tried.

    It names the number at new coverage and in powers of two, and at the end in words.
    """
    numbers = re.findall(r"^(?:#|Done )(\d+)\s", said, re.MULTILINE)
    return max(map(int, numbers), default=0)


def main() -> None:
    """Fuzz a reader; the arguments after its name are those of libFuzzer."""
    import atheris

    reader = sys.argv.pop(1)
    with atheris.instrument_imports(include=["crossimage"]):
        read = _reader(reader)
    suffix = READERS[reader][1]
    folder = tempfile.mkdtemp()
    path = Path(folder, f"input{suffix}")

    def one(data: bytes) -> None:
        path.write_bytes(data)
        with suppress(ValueError, OSError):  # one sentence each
            read(path)

    atheris.Setup(sys.argv, one)
    atheris.Fuzz()


def _reader(name: str) -> Callable[[Path], object]:
    """Return the function that reads a file of a kind."""
    if name != "image":
        read: Callable[[Path], object] = import_module(READERS[name][0]).read
        return read
    from crossimage.data.images.files import load_image, probe, verify
    from crossimage.data.images.metadata import read_metadata

    def read_all(path: Path) -> None:
        for way in (probe, verify, load_image, read_metadata):
            way(path)

    return read_all


if __name__ == "__main__":
    main()
