"""Commands that refuse or fail before their first result leave no folder behind, empty or not."""

import errno
import os
from pathlib import Path

import pytest

from crossimage.cli.app import main
from crossimage.utils import files
from crossimage.utils.writing.folders import make_folder, no_empty_folders, remove_empty_folders
from tests.conftest import slow
from tests.faults.commands.world import COMMANDS, World

FURTHER = {
    "train": lambda w, out: ["train", "munit", "--data", w.data, "--out", out / "run"],
    "train --init": lambda w, out: [
        "train", "munit", "--data", w.data, "--out", out / "run", "--init", w.model,
    ],
    "video (file)": lambda w, out: [
        "video", w.model, w.data / "trainA" / "00000.png", "--out", out / "video.mp4",
    ],
    "fit-segmenter": lambda w, out: [
        "evaluate", "fit-segmenter", "--data", w.data, "--palette", w.answers, "--out",
        out / "segmenter.safetensors",
    ],
    "invariance": lambda w, out: [
        "evaluate", "invariance", "--data", w.data, "--weights", "random", "--out", out / "report",
    ],
    "data make mnist": lambda w, out: ["data", "make", "mnist", "--from", w.data, "--out", out],
    "data make frames": lambda w, out: ["data", "make", "frames", "--video", w.data, "--out", out],
    "data make labels": lambda w, out: ["data", "make", "labels", "--photos", w.data, "--out", out],
    "data make grey": lambda w, out: ["data", "make", "grey", "--photos", w.images, "--out", out],
}  # fmt: skip
WORDS = {name: command.words for name, command in COMMANDS.items()} | FURTHER
WITHOUT_INPUTS = {f"data make {name}" for name in ("outlines", "object_kinds", "noise_sketches")}


class Absent(World):
    """Inputs that do not exist.

    Args:
        folder: Where they would be.
    """

    def _make(self) -> None:
        pass

    @property
    def runs(self) -> tuple[Path, Path]:
        return self.folder / "run-1", self.folder / "run-2"

    def study_at(self, place: Path) -> Path:
        return self.folder / "study"


class Damaged(Absent):
    """Inputs of random bytes."""

    def _make(self) -> None:
        self._in_folders(b"\x89PNG\r\n\x1a\n" + bytes(range(256)))
        for path in (self.model, self.gan, self.checkpoint, self.answers):
            path.write_bytes(bytes(range(256)))

    def _in_folders(self, content: bytes | None) -> None:
        splits = [self.data / name for name in ("trainA", "trainB", "testA", "testB")]
        kinds = [self.classes / "train" / name for name in ("cat", "dog")]
        for folder in [*splits, *kinds, self.frames, self.runtime, self.study, *self.runs]:
            folder.mkdir(parents=True)
            if content is not None:
                (folder / "00000.png").write_bytes(content)


class Empty(Damaged):
    """Empty folders and files."""

    def _make(self) -> None:
        self._in_folders(None)
        for path in (self.model, self.gan, self.checkpoint, self.answers):
            path.touch()


def left_by(name: str, world: World, place: Path) -> tuple[int, list[str]]:
    """Run a command; return its exit status, and what it leaves behind."""
    words = [str(word) for word in WORDS[name](world, place / "new" / "results")]
    place.mkdir(exist_ok=True)
    before = {*place.rglob("*")}
    status = main(words)
    return status, sorted(str(path) for path in {*place.rglob("*")} - before)


@pytest.mark.parametrize("kind", [Damaged, slow(Absent), slow(Empty)])
@pytest.mark.parametrize("name", sorted(WORDS.keys() - WITHOUT_INPUTS))
def test_a_refused_command_leaves_no_folder(
    name: str, kind: type[World], tmp_path: Path, monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    monkeypatch.chdir(tmp_path)
    (tmp_path / "world").mkdir()
    status, left = left_by(name, kind(tmp_path / "world"), tmp_path / "place")
    said = capsys.readouterr().err
    assert status in (1, 2, 3)
    if name == "data inspect":  # whose report says what is wrong with the images
        left = [] if any(path.endswith("report.html") for path in left) else left
    else:
        assert "crossimage: " in said
    assert not left and "Traceback" not in said


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> World:
    """Good inputs."""
    return World(tmp_path_factory.mktemp("world") / "world")


@pytest.mark.slow
@pytest.mark.parametrize(
    "name",
    ["import", "translate", "sample", "export", "video (frames)", "video (gif)", "data inspect",
     "data make outlines", "data make noise_sketches", "data make edges", "data make blur",
     "data make combine", "study make"],
)  # fmt: skip
def test_a_full_disk_at_the_first_result_leaves_no_folder(
    name: str, world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    def fail(path: Path) -> tuple[Path, int]:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(path))

    monkeypatch.setattr(files, "create_file", fail)
    monkeypatch.setattr(Path, "write_bytes", lambda path, _: fail(path))
    status, left = left_by(name, world, tmp_path / "place")
    assert status in (1, 2, 3) and not left
    assert "make room" in capsys.readouterr().err


@pytest.mark.slow
def test_a_translation_of_which_every_image_fails_leaves_no_folder(
    world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "world").mkdir()
    damaged = Damaged(tmp_path / "world")
    damaged.model = world.model
    status, left = left_by("translate", damaged, tmp_path / "place")
    assert status in (2, 3) and not left


def test_only_folders_of_the_command_that_are_empty_go(tmp_path: Path) -> None:
    (tmp_path / "mine").mkdir()
    with pytest.raises(ValueError), no_empty_folders():
        make_folder(tmp_path / "mine" / "new" / "deep")
        make_folder(tmp_path / "kept" / "below")
        (tmp_path / "kept" / "file").touch()
        raise ValueError
    assert sorted(path.name for path in tmp_path.rglob("*")) == ["file", "kept", "mine"]
    with no_empty_folders():
        make_folder(tmp_path / "result")
    assert (tmp_path / "result").is_dir()
    with no_empty_folders():
        make_folder(tmp_path / "refused")
        remove_empty_folders()
    assert not (tmp_path / "refused").exists()
    with pytest.raises(FileExistsError):
        make_folder(tmp_path / "mine", exist_ok=False)
