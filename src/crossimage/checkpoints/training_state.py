"""The state of a run on disk: checkpoints to resume from.

A checkpoint is an ordinary ``torch.save`` archive followed by the SHA-256 of its bytes. It is read
with ``weights_only=True``, so that it cannot run code.
"""

from __future__ import annotations

import hashlib
import os
import pickle
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import IO, Any, cast

import torch

from crossimage.checkpoints.contents import problem_of
from crossimage.checkpoints.run_folder import (
    CHECKPOINTS,
    checkpoint_path,
    checkpoints_of,
    newest_checkpoint,
)
from crossimage.utils.files import atomic, flush_folder
from crossimage.utils.reading import open_data
from crossimage.utils.tensor_files.pickles import MAX_WORK
from crossimage.utils.tensor_files.surveys import survey
from crossimage.utils.texts.shown import first_line

_SEAL = b"\ncrossimage sha256 "
_SEAL_LENGTH = len(_SEAL) + 64
_MAX_WORK = 3 * MAX_WORK  # networks of 5,000 tensors, with an average and the state of Adam
_ATTEMPTS = 5  # to read the newest checkpoint of a run that goes on


class Checkpoints:
    """The training states of a run, in ``RUN/checkpoints/step-00010000.pt``.

    Args:
        run: The run's folder.
        keep: Number of newest states to keep.
    """

    def __init__(self, run: Path, keep: int) -> None:
        self.run, self.folder = run, run / CHECKPOINTS
        self.keep = keep

    def save(self, step: int, state: Mapping[str, Any]) -> Path:
        """Write the state after ``step`` steps durably, then remove the oldest ones.

        Args:
            step: Steps completed so far.
            state: Nested dicts and lists of tensors and plain values.

        Raises:
            ValueError: The file cannot be written; all older states are kept.
        """
        path = self.path_of(step)
        try:
            if not self.folder.is_dir():
                self.folder.mkdir(parents=True)
                flush_folder(self.folder.parent)
            with atomic(path, durable=True) as file:
                _write_sealed(file, state)
        except OSError as error:
            good = next((p for _, p in checkpoints_of(self.run) if _is_sound(p)), None)
            rest = (
                f"the newest good checkpoint is {good}, and the same command resumes from there"
                if good
                else "there is no earlier one, so the same command starts from the beginning"
            )
            raise ValueError(f"cannot write {path}: {_reason(error)}; {rest}") from error
        # States of later steps can only be damaged ones that were skipped.
        kept = [p for n, p in checkpoints_of(self.run) if n <= step][: self.keep]
        for _, old in checkpoints_of(self.run):
            if old not in kept:
                with suppress(OSError):
                    old.unlink()
        return path

    def load_newest(self, report: Callable[[str], None]) -> tuple[int, dict[str, Any]] | None:
        """Read the newest undamaged state, on the CPU.

        Args:
            report: Called with one sentence for each damaged state that is skipped.

        Returns:
            The number of completed steps and the state, or None if there are no checkpoints.

        Raises:
            ValueError: There are checkpoints, but all of them are damaged.
        """
        for _ in range(_ATTEMPTS - 1):
            with suppress(FileNotFoundError):  # removed by the run since it was listed
                return self._load_newest(report)
        return self._load_newest(report)

    def _load_newest(self, report: Callable[[str], None]) -> tuple[int, dict[str, Any]] | None:
        checkpoints, damaged = checkpoints_of(self.run), []
        for step, path in checkpoints:
            try:
                return step, _read(path, step)
            except _UnusableError as error:
                damaged.append(f"{path} {error}")
            if len(damaged) < len(checkpoints):
                report(f"{damaged[-1]}; using the checkpoint before it")
        if damaged:
            raise ValueError(
                f"no checkpoint is usable: {'; '.join(damaged)}; restore one of them, or remove "
                f"{self.folder} to start from the beginning"
            )
        return None

    @staticmethod
    def load(path: Path) -> dict[str, Any]:
        """Read a state from its file, on the CPU.

        Raises:
            ValueError: The file is damaged, or not a checkpoint of a run.
        """
        try:
            return _read(path)
        except _UnusableError as error:
            raise ValueError(
                f"{path} {error}; expected a checkpoint of a run, such as "
                "RUN/checkpoints/step-00010000.pt; checkpoints of other codebases are imported "
                "with `crossimage import`"
            ) from None

    def path_of(self, step: int) -> Path:
        """Return the path of the state after ``step`` steps."""
        return checkpoint_path(self.run, step)

    def newest_path(self) -> Path | None:
        """Return the checkpoint of the latest step, unchecked, or None if there is none."""
        return newest_checkpoint(self.run)


class _Hashing:
    """A file that hashes what is written to it and remembers a failed write."""

    def __init__(self, file: IO[bytes]) -> None:
        self.file, self.digest = file, hashlib.sha256()
        self.error: OSError | None = None

    def write(self, data: bytes) -> int:
        try:
            written = self.file.write(data)
        except OSError as error:
            self.error = error
            raise
        self.digest.update(data)
        return written

    def flush(self) -> None:
        self.file.flush()


def _write_sealed(file: IO[bytes], state: Mapping[str, Any]) -> None:
    hashing = _Hashing(file)
    try:
        torch.save(dict(state), cast(IO[bytes], hashing))
    except RuntimeError:
        # torch.save reports a full disk as an inconsistent archive.
        if hashing.error is not None:
            raise hashing.error from None
        raise
    file.write(_SEAL + hashing.digest.hexdigest().encode())


def is_sealed(path: Path) -> bool:
    """Return whether a file ends in a checksum, as checkpoints of runs do."""
    with open_data(path) as file:
        file.seek(max(0, os.fstat(file.fileno()).st_size - _SEAL_LENGTH))
        return file.read().startswith(_SEAL)


class _UnusableError(Exception):
    """Why a checkpoint cannot be used, as the end of a sentence."""


def _read(path: Path, step: int | None = None) -> dict[str, Any]:
    """Read a state with one handle, on the CPU.

    Raises:
        FileNotFoundError: The file does not exist.
        _UnusableError: It is damaged, or its content is not a state.
    """
    try:
        with open_data(path) as file:
            _check_seal(file)
            survey(file, verify=False, most=_MAX_WORK, behind=_SEAL_LENGTH)
            state = torch.load(file, "cpu", weights_only=True)
    except FileNotFoundError:
        raise
    except OSError as error:
        raise _UnusableError(f"cannot be read ({_reason(error)})") from None
    except (ValueError, RuntimeError, EOFError, pickle.UnpicklingError) as error:
        raise _UnusableError(f"cannot be read ({first_line(error)})") from None
    if problem := problem_of(state, step):
        raise _UnusableError(problem)
    return cast(dict[str, Any], state)


def _is_sound(path: Path) -> bool:
    """Return whether a checkpoint's bytes match their checksum."""
    try:
        with open_data(path) as file:
            _check_seal(file)
    except (OSError, _UnusableError):
        return False
    return True


def _check_seal(file: IO[bytes]) -> None:
    digest = hashlib.sha256()
    left = os.fstat(file.fileno()).st_size - _SEAL_LENGTH
    while left > 0 and (chunk := file.read(min(left, 1 << 20))):
        digest.update(chunk)
        left -= len(chunk)
    seal = file.read(_SEAL_LENGTH + 1)
    if not seal.startswith(_SEAL):
        raise _UnusableError("is incomplete or altered (its checksum is missing)")
    if seal != _SEAL + digest.hexdigest().encode():
        raise _UnusableError("is altered (its checksum does not match)")


def _reason(error: OSError) -> str:
    return error.strerror or str(error)
