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


def test_other_files_in_the_place_of_parts_are_kept(tmp_path: Path) -> None:
    for out in (tmp_path / "clip.mp4", tmp_path / "frames"):
        parts = out.with_name(f"{out.name}.parts")
        parts.mkdir()
        check_out(out)
        (parts / "part-000000").write_text("mine")
        with pytest.raises(ValueError, match=r"\.parts, where the parts of .* holds other files"):
            check_out(out)
        (parts / "made-from.json").touch()
        check_out(out)


def test_the_working_folder_is_no_result(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ValueError, match="the folder in which the command runs"):
        check_out(Path("."))
