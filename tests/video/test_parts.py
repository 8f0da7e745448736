"""Parts that a kill leaves beside a result that is complete."""

from pathlib import Path

import portalocker
import pytest

from crossimage.video.opening import check_out


@pytest.mark.parametrize("used", [False, True])
def test_parts_beside_a_complete_folder_of_frames_are_removed_unless_in_use(
    used: bool, tmp_path: Path
) -> None:
    out, parts = tmp_path / "video", tmp_path / "video.parts"
    for folder, name in ((out, "frame_00001.png"), (parts, "part-000000"), (parts, "lock")):
        folder.mkdir(exist_ok=True)
        (folder / name).touch()
    with (parts / "lock").open("r+b") as lock:
        if used:
            portalocker.lock(lock, portalocker.LOCK_EX | portalocker.LOCK_NB)
        with pytest.raises(ValueError, match="exists and is not empty"):
            check_out(out)
    assert parts.exists() == used and (out / "frame_00001.png").exists()
