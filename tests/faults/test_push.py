"""A push that ends at any of its requests leaves nothing here, and the next one completes it."""

from __future__ import annotations

import os
import resource
import signal
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from crossimage.checkpoints.model_file import save_model
from tests.faults.harness import PATIENCE, start
from tests.faults.model_mutants import method_of
from tests.hub.mock import Hub, running

REPO = "me/model"
FILES = {".gitattributes", "README.md", "model.safetensors"}


class Pusher:
    """Pushes a model from processes of their own to a hub on this machine."""

    def __init__(self, folder: Path, hub: Hub, url: str) -> None:
        self.folder, self.hub = folder, hub
        self.model, self.said = folder / "model.safetensors", folder / "said.txt"
        for name in ("temporary", "cache"):
            (folder / name).mkdir()
        self.environment = {
            "HF_ENDPOINT": url, "HF_TOKEN": "hf_writer", "HF_HUB_DISABLE_XET": "1",
            "HF_HOME": str(folder / "cache"), "TMPDIR": str(folder / "temporary"),
        }  # fmt: skip
        save_model(self.model, method_of("munit"))

    def push(
        self, at: int = 0, number: int = 0, prepare: Callable[[], object] | None = None
    ) -> int | None:
        """Push, end the process by a signal at one of its requests, and return the exit code."""
        self.said.unlink(missing_ok=True)
        self.hub.requests.clear()
        words = ["push", str(self.model), REPO, "--license", "apache-2.0"]
        process = start(words, self.said, self.environment, prepare)

        def end() -> None:
            if len(self.hub.requests) == at and process.pid:
                os.kill(process.pid, number)

        self.hub.meanwhile = end
        process.join(PATIENCE)
        return process.exitcode

    def left(self) -> list[str]:
        """Return what lies in the folder of temporary files."""
        return os.listdir(self.folder / "temporary")

    def is_complete(self) -> bool:
        """Return whether the hub holds all files, and the model as it is."""
        repo = self.hub.repos[REPO]
        files = repo.commits[repo.revisions["main"]]
        return files.keys() == FILES and files["model.safetensors"] == self.model.read_bytes()


@pytest.fixture
def pusher(tmp_path: Path) -> Iterator[Pusher]:
    pytest.importorskip("huggingface_hub", reason="the extra `hub` is not installed")
    hub = Hub()
    with running(hub) as url:
        yield Pusher(tmp_path, hub, url)


@pytest.mark.slow
@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM, signal.SIGINT])
def test_a_push_that_was_ended_is_completed_by_the_next(
    pusher: Pusher, number: signal.Signals
) -> None:
    assert pusher.push() == 0, pusher.said.read_text()
    requests = len(pusher.hub.requests)
    assert pusher.is_complete() and not pusher.left() and requests >= 4
    for at in (1, requests - 1, requests):
        pusher.hub.repos.clear()
        code = pusher.push(at, number)
        said = pusher.said.read_text()
        if number == signal.SIGKILL:
            assert code == -number
        else:
            assert code == 128 + number and not pusher.left()
            assert said.count("crossimage: ") == 1 and "Traceback" not in said
        assert pusher.push() == 0, pusher.said.read_text()
        assert pusher.is_complete() and not pusher.left()


def small_files() -> None:
    resource.setrlimit(resource.RLIMIT_FSIZE, (10_000, 10_000))


@pytest.mark.slow
def test_a_push_without_room_for_its_temporary_files_is_one_sentence(pusher: Pusher) -> None:
    assert pusher.push(prepare=small_files) == 2
    said = pusher.said.read_text()
    assert said.startswith("crossimage: ") and said.count("\n") == 1
    assert "model.safetensors" in said and str(pusher.folder / "temporary") in said
    assert not pusher.left() and REPO not in pusher.hub.repos
    assert pusher.push() == 0 and pusher.is_complete()
