"""Mistakes in arguments that are named at once, before PyTorch is loaded, which takes seconds.

Whoever uses the arguments later checks them, too. Here is only what can be seen without PyTorch.
"""

from __future__ import annotations

import os
from collections.abc import Sequence

from crossimage.checkpoints.addresses import check_model
from crossimage.cli.pipes import PIPE
from crossimage.data.sources.domains.data_set import read_data_set
from crossimage.data.stores.missing import is_missing, missing
from crossimage.utils.memory import read_size
from crossimage.utils.names import check_device_name
from crossimage.utils.numbers import whole
from crossimage.utils.paths import as_path

MOST_THREADS = 1024

_INPUTS = "expected an image, a folder, a quoted pattern, a list of files or an address"


def check_early(
    *models: str, device: str = "auto", threads: int | None = None, memory: str = "auto"
) -> None:
    """Refuse models that do not exist, and impossible devices, threads and amounts of memory.

    Raises:
        FileNotFoundError: A model does not exist.
        ValueError: There is no device of this name, ``--threads`` or ``--memory`` is no such
            number, or a path is empty.
    """
    check_device_name(device)
    if threads is not None and not 1 <= threads <= MOST_THREADS:
        raise ValueError(f"--threads must be from 1 to {MOST_THREADS}, found {threads}")
    read_size(memory)
    for model in models:
        check_model(model, "the model's path")


def check_counts(**counts: int | None) -> None:
    """Refuse numbers less than 1; they are named like the parameters of their options.

    Raises:
        ValueError: One is.
    """
    for name, count in counts.items():
        if count is not None:
            whole(count, f"--{name.replace('_', '-')}", 1)


def check_paths(**paths: str | None) -> None:
    """Refuse options that name a local file or folder where there is none.

    Args:
        paths: The paths, named like the parameters of their options.

    Raises:
        FileNotFoundError: There is none.
        ValueError: A path is empty, or an address.
    """
    for name, path in paths.items():
        flag = f"--{name.replace('_', '-')}"
        if path is not None and not os.path.lexists(as_path(path, flag)):
            raise missing(path, flag)


def check_inputs(inputs: Sequence[str], name: str, flag: str = "") -> None:
    """Refuse local inputs where there is nothing; patterns and addresses are looked up later.

    Args:
        inputs: Paths, patterns, lists as ``@list.txt``, addresses, or ``-`` for stdin.
        name: What one of them is called if it is empty.
        flag: The option that names them.

    Raises:
        FileNotFoundError: There is nothing at a path.
        ValueError: A path is empty.
    """
    for given in inputs:
        path = given[1:] if given.startswith("@") and not os.path.lexists(given) else given
        if path != PIPE and is_missing(path, name):
            raise missing(path, flag, _INPUTS)


def check_data(data: object, flag: str = "--data", *, moved: bool = False) -> None:
    """Refuse a data set that is not there; stores are asked only when the images are looked up.

    Args:
        data: The data set as the user gives it; None: none.
        flag: The option that names it; empty for others.
        moved: Whether it is that of an earlier command, so that the images may be elsewhere now.

    Raises:
        FileNotFoundError: There is nothing at a path.
        ValueError: It is no data set, or an address that only domains may have.
    """
    if data is None:
        return
    found, name = read_data_set(data), flag or "the path of the data set"
    if isinstance(found, str):
        paths = [found] if os.path.lexists(as_path(found, name)) else found.split(",")
    else:
        paths = [path for several in found.values() for path in several]
    for path in paths:
        if is_missing(path, name) and is_missing(path.strip() or ".", name):
            elsewhere = "if the images are elsewhere now, add --data DIR; " if moved else ""
            advice = f"{elsewhere}`crossimage train --help` says what --data takes"
            raise missing(path, flag, advice)
