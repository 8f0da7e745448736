"""Maps that are kept come back as they were, from memory and from files."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
import torch

from crossimage.inference.strips.stash import FileStash, MemoryStash, Stash

CPU = torch.device("cpu")


@pytest.mark.parametrize("kind", [MemoryStash, FileStash])
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
@pytest.mark.parametrize("channels_last", [False, True])
@pytest.mark.parametrize("n", [1, 2])
def test_rows_come_back_in_their_values_and_their_memory_order(
    kind: type[Stash], dtype: torch.dtype, channels_last: bool, n: int, tmp_path: Path
) -> None:
    maps = torch.randn(n, 3, 10, 4).to(dtype)
    if channels_last:
        maps = maps.contiguous(memory_format=torch.channels_last)
    stash = FileStash(maps, CPU, tmp_path) if kind is FileStash else MemoryStash(maps, CPU)
    for top in range(0, 10, 4):
        stash.write(top, maps[:, :, top : top + 4])
    rows = stash.read(1, 9)
    assert torch.equal(rows, maps[:, :, 1:9])
    if n == 1:
        order = torch.channels_last if channels_last else torch.contiguous_format
        assert rows.is_contiguous(memory_format=order)
    rows.zero_()  # such as an activation in place
    assert torch.equal(stash.read(0, 10), maps)


@pytest.mark.skipif(os.name == "nt", reason="open files have names there")
def test_files_have_no_names_and_end_with_the_maps(tmp_path: Path) -> None:
    stash = FileStash(torch.zeros(1, 2, 3, 4), CPU, tmp_path)
    stash.write(0, torch.ones(1, 2, 3, 4))
    assert not list(tmp_path.iterdir())
    file = stash._file
    del stash
    assert file.closed
