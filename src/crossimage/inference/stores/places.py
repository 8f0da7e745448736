"""Where results go: a folder or a store."""

from __future__ import annotations

from pathlib import Path

from crossimage.inference.files.results import FolderResults, Results
from crossimage.inference.outputs import check_folder
from crossimage.inference.stores.addresses import local_path, store_address
from crossimage.inference.stores.results import StoreResults


def open_results(out: Path) -> Results:
    """Return the place that a path names.

    Args:
        out: A folder, or the address of a store such as ``s3://bucket/folder``.

    Raises:
        ValueError: It is a file, or the package for such addresses is missing.
        OSError: The store can't be used.
    """
    if address := store_address(out):
        return StoreResults(address)
    folder = local_path(out)
    check_folder(folder)
    return FolderResults(folder)
