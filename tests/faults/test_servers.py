"""Servers that end in the middle of answers leave nothing behind, and start again at their port."""

from __future__ import annotations

import http.client
import json
import os
import re
import resource
import signal
import time
from collections.abc import Callable
from pathlib import Path
from threading import Thread
from typing import Any

import pytest

from tests.faults.commands.trials import orphans
from tests.faults.harness import PATIENCE, start
from tests.server.helpers import picture, tiny


class Served:
    """A server in a process of its own.

    Args:
        word: ``serve`` or ``demo``.
        folder: Folder of its model, its temporary files and what it prints.
        port: Its port; 0 for any.
        prepare: What its process does first.
    """

    def __init__(
        self, word: str, folder: Path, port: int = 0, prepare: Callable[[], object] | None = None
    ) -> None:
        self.model, self.said = folder / "model.safetensors", folder / f"said-{port}.txt"
        self.temporary = folder / "temporary"
        self.temporary.mkdir(exist_ok=True)
        self.said.unlink(missing_ok=True)
        if not self.model.exists():
            tiny().save(self.model)
        words = [word, str(self.model), "--port", str(port), "--device", "cpu"]
        self.process = start(words, self.said, {"TMPDIR": str(self.temporary)}, prepare)
        self.port = port

    def await_start(self) -> Served:
        """Wait until it says that it serves."""
        end = time.monotonic() + PATIENCE
        while not (found := re.search(r"http://127\.0\.0\.1:(\d+)", self.text())):
            assert self.process.is_alive() and time.monotonic() < end, self.text()
            time.sleep(0.02)
        self.port = int(found[1])
        return self

    def text(self) -> str:
        """Return what it has printed."""
        return self.said.read_text(errors="replace") if self.said.exists() else ""

    def ask(self, path: str, body: bytes, kind: str = "image/png") -> tuple[int, bytes]:
        """Return the status and the body of an answer."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=PATIENCE)
        connection.request("POST", path, body, {"Content-Type": kind})
        answer = connection.getresponse()
        found = answer.status, answer.read()
        connection.close()
        return found

    def translate(self, word: str) -> tuple[int, bytes]:
        """Have an image translated, by the demo's own request if it is the demo."""
        if word == "serve":
            return self.ask("/v1/translate?seed=1", picture(100, 100))
        status, body = self.ask("/demo/images?name=x.png", picture(100, 100))
        if status != 200:
            return status, body
        wish = {"model": 0, "image": json.loads(body)["id"], "to": "b", "seed": 1}
        return self.ask("/demo/translate", json.dumps(wish).encode(), "application/json")

    def end(self, number: signal.Signals) -> int | None:
        """Send a signal, and return the exit code."""
        assert self.process.pid
        os.kill(self.process.pid, number)
        self.process.join(PATIENCE)
        return self.process.exitcode


SIGNALS = (signal.SIGKILL, signal.SIGTERM, signal.SIGINT)


@pytest.mark.slow
@pytest.mark.parametrize("word", ["serve", "demo"])
def test_a_server_that_is_ended_leaves_nothing_behind_and_starts_again(
    word: str, tmp_path: Path
) -> None:
    served = Served(word, tmp_path).await_start()
    for number in SIGNALS:
        answers: list[int] = []

        def ask(server: Served = served, answers: list[int] = answers) -> None:
            try:
                answers.append(server.translate(word)[0])
            except (OSError, http.client.HTTPException):
                answers.append(0)

        askers = [Thread(target=ask) for _ in range(4)]
        for asker in askers:
            asker.start()
        while served.process.is_alive() and not answers:
            time.sleep(0.005)  # the others are being answered
        code = served.end(number)
        for asker in askers:
            asker.join()
        assert code in ((-number,) if number == signal.SIGKILL else (0, -number, 128 + number))
        assert "Traceback" not in served.text()
        if number != signal.SIGKILL:
            assert set(answers) <= {200, 0, 503} and not os.listdir(served.temporary)
        assert not orphans(served.process.pid)
        served = Served(word, tmp_path, served.port).await_start()
        assert served.translate(word)[0] == 200
    served.end(signal.SIGTERM)
    assert not os.listdir(served.temporary)


@pytest.mark.slow
@pytest.mark.parametrize("word", ["serve", "demo"])
def test_a_server_that_is_ended_while_it_starts_leaves_nothing_behind(
    word: str, tmp_path: Path
) -> None:
    for number in SIGNALS:
        for delay in (0.0, 0.05, 0.3):
            served = Served(word, tmp_path)
            of_killed_ones = set(os.listdir(served.temporary))  # one that begins removes them
            while served.process.is_alive() and not served.said.exists():
                time.sleep(0.005)
            time.sleep(delay)
            code = served.end(number)
            assert code in (-number, 0, 128 + number)
            assert "Traceback" not in served.text()
            if number != signal.SIGKILL:
                assert set(os.listdir(served.temporary)) <= of_killed_ones
    served = Served(word, tmp_path).await_start()
    assert served.translate(word)[0] == 200
    assert served.end(signal.SIGTERM) in (0, -signal.SIGTERM, 128 + signal.SIGTERM)
    assert not os.listdir(served.temporary)


def small_files() -> None:
    resource.setrlimit(resource.RLIMIT_FSIZE, (12_000, 12_000))


@pytest.mark.slow
def test_a_demo_without_room_for_temporary_files_says_so_and_goes_on(tmp_path: Path) -> None:
    demo = Served("demo", tmp_path, 0, small_files).await_start()
    status, body = demo.translate("demo")
    answer: Any = json.loads(body)
    assert (status, answer["error"].startswith("the server has no room")) == (507, True), answer
    assert "Traceback" not in demo.text()
    small = picture(16, 16)
    status, body = demo.ask("/demo/images?name=x.png", small)
    assert status == 200
    assert demo.end(signal.SIGTERM) in (0, -signal.SIGTERM, 128 + signal.SIGTERM)
    assert not os.listdir(demo.temporary)
