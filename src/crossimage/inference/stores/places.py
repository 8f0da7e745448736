"""Where results go: a folder or a store."""

from __future__ import annotations

from pathlib import Path

from crossimage.data.stores.addresses import local_path, store_address
from crossimage.inference.files.results import FolderResults, Results
from crossimage.inference.output_types import check_results_folder
from crossimage.inference.stores.results import StoreResults
from crossimage.inference.stores.shards import PATTERN, ShardResults


def open_results(out: Path) -> Results:
    """Return the place that a path names.

    Args:
        out: A folder, the address of a store such as ``s3://bucket/folder``, or ``DIR/%06d.tar``
            for tar shards in a folder.

    Raises:
        ValueError: It is a file, or the package for such addresses is missing.
        OSError: The store can't be used.
    """
    if address := store_address(out):
        if out.name == PATTERN:
            raise ValueError(
                f"{address}: tar files can't be written to a store; write them to a folder, and "
                "copy them"
            )
        return StoreResults(address)
    if out.name == PATTERN:
        check_results_folder(out.parent)
        return ShardResults(out.parent)
    folder = local_path(out)
    check_results_folder(folder)
    return FolderResults(folder)
