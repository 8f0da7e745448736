"""PyTorch's files of named tensors, read without running code and within the file's size."""

from __future__ import annotations

import errno
import os
import pickle
from collections.abc import Mapping
from pathlib import Path
from typing import IO, Any

import torch

from crossimage.utils.foreign_files import kind_of
from crossimage.utils.reading import FailedReadError, open_data, reads_noticed
from crossimage.utils.tensor_files.pickles import Other
from crossimage.utils.tensor_files.surveys import survey
from crossimage.utils.texts.shown import cut, first_line
from crossimage.utils.writing.failures import reason_of


class Unread:
    """Stands for a Python object of a checkpoint, which is not built.

    Attributes:
        name: The full name of its class or function.
    """

    name: str


def read_pickle(path: Path, *, objects: bool = False) -> Mapping[str, Any]:
    """Read a PyTorch file of named tensors, on the CPU, without running code from it.

    Args:
        path: The file.
        objects: Put an :class:`Unread` in the place of each Python object that is not plain data;
            by default they are refused.

    Raises:
        FileNotFoundError: The file does not exist.
        OSError: It cannot be opened.
        ValueError: It would have to run code, is damaged, or holds no dictionary.
    """
    if path.is_dir() and kind_of(path) is None:
        raise ValueError(f"{path} is a folder; expected a checkpoint file")
    if kind := kind_of(path):
        raise ValueError(f"{path} is not a PyTorch checkpoint: {kind}")
    if not path.exists():
        raise FileNotFoundError(f"{path} does not exist; expected a checkpoint file")
    with open_data(path) as file, reads_noticed():
        content = _read(path, file, objects)
    if isinstance(content, Unread):
        raise ValueError(
            f"{path} holds a {cut(content.name)} with its code, which is not opened; expected a "
            "checkpoint of named tensors: save the network's state_dict()"
        )
    if not isinstance(content, Mapping):
        raise ValueError(
            f"{path} holds a {type(content).__name__}; expected a checkpoint of named tensors "
            "(a state dict)"
        )
    return content


def _read(path: Path, file: IO[bytes], objects: bool) -> Any:
    if not os.fstat(file.fileno()).st_size:
        raise ValueError(f"{_damage(path)}: it is empty; copy or download it again")
    try:
        content = survey(file)
        if not isinstance(content, Mapping | Other):
            return content
        # an open file, because torch takes the suffix of a path for its format
        with torch.serialization.safe_globals(_stand_ins(file) if objects else []):
            return torch.load(file, map_location="cpu", weights_only=True)
    except (MemoryError, OSError):
        raise
    except ValueError as error:
        raise ValueError(
            f"{_damage(path)} ({first_line(error)}); copy or download it again"
        ) from None
    except Exception as error:  # damaged bytes lead to errors of all kinds
        if os.strerror(errno.EIO) in str(error):  # PyTorch itself reads the oldest checkpoints
            raise _failed(path) from None
        if isinstance(error, pickle.UnpicklingError) and "GLOBAL" in str(error):
            raise ValueError(
                f"{path} holds Python objects whose code would run when it is read, and is not "
                "opened; expected a checkpoint of tensors only (a state dict)"
            ) from None
        raise ValueError(f"{_damage(path)}; copy or download it again") from None


def _failed(path: Path) -> FailedReadError:
    error = OSError(errno.EIO, os.strerror(errno.EIO))
    return FailedReadError(errno.EIO, reason_of(error), str(path))


def _damage(path: Path) -> str:
    return f"{path} is truncated, damaged or not a PyTorch checkpoint"


def _stand_ins(file: IO[bytes]) -> list[Any]:
    """Return a class that builds an :class:`Unread` for each name that a file may not look up."""
    is_archive = file.read(2) == b"PK"
    file.seek(0)
    if not is_archive:
        return []
    names = torch.serialization.get_unsafe_globals_in_checkpoint(file)
    file.seek(0)
    return [(_stand_in(name), name) for name in names]


def _stand_in(name: str) -> type:
    """Return a class that takes whatever an object of the given name is built from."""

    def build(cls: type, *args: object, **kwargs: object) -> object:
        return object.__new__(cls)

    def forget(self: object, *args: object, **kwargs: object) -> None:
        pass

    members = {"name": name, "__new__": build, "__init__": forget, "__setstate__": forget}
    return type("Unread", (Unread,), members)
