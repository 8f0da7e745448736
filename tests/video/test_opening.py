"""Results of videos that would replace something else."""

import os
from pathlib import Path

import pytest

from crossimage.video.opening import check_out


def test_a_folder_of_frames_replaces_neither_a_file_nor_a_device(tmp_path: Path) -> None:
    (tmp_path / "frames").touch()
    for out in (tmp_path / "frames", Path(os.devnull)):
        with pytest.raises(ValueError, match="is a file, and a name without a suffix"):
            check_out(out)
