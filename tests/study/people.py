"""Small studies, a server of their pages in a process of its own, and people who answer."""

from __future__ import annotations

import http.client
import json
import re
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import numpy as np
from PIL import Image

from crossimage.study.make import MadeStudy, make_study


def folders(root: Path, *names: str, count: int = 12, size: int = 24) -> dict[str, str]:
    """Make folders of images of the same names, and return their paths by name."""
    chance = np.random.default_rng(len(names))
    for name in names:
        (root / name).mkdir(parents=True, exist_ok=True)
        for index in range(count):
            pixels = chance.integers(0, 255, (4, 4, 3), dtype=np.uint8)
            image = Image.fromarray(pixels).resize((size, size), Image.Resampling.BICUBIC)
            image.save(root / name / f"photo{index:02}.png")
    return {name: str(root / name) for name in names}


SMALL: dict[str, dict[str, Any]] = {
    "preference": {"questions": 12, "answers": 3, "trials": 6, "checks": 1},
    "real-or-fake": {"people": 4, "trials": 4, "practice": 2, "exposure": 0.1},
    "choice": {"people": 6, "trials": 5, "checks": 1},
    "opinion": {"people": 4, "trials": 6, "checks": 1, "calibration": 2},
}


def make_small(root: Path, protocol: str, size: int = 24, **changes: Any) -> MadeStudy:
    """Make a small study of a protocol in ``root / "study"``."""
    names = ("one", "two") if protocol != "choice" else ("one", "two", "three")
    methods = folders(root, *names, size=size)
    data = folders(root, "input", size=size)["input"]
    if protocol == "opinion":
        methods["original"] = data
    return make_study(
        root / "study", protocol, methods, data=data, changes={**SMALL[protocol], **changes}
    )


class Server:
    """``crossimage study serve`` in a process of its own."""

    def __init__(self, study: Path, port: int = 0, *arguments: str) -> None:
        command = [sys.executable, "-m", "crossimage", "study", "serve", str(study)]
        self.process = subprocess.Popen(
            [*command, "--port", str(port), *arguments], stdout=subprocess.PIPE, text=True
        )
        self.admin = ""
        assert self.process.stdout
        for line in self.process.stdout:
            if line.startswith("for you:"):
                self.admin = line.split()[-1]
                break
        assert self.admin, "the server ended before it printed its address"
        self.port = int(self.admin.split(":")[2].split("/")[0])

    def kill(self) -> None:
        self.process.kill()
        self.process.wait()
        assert self.process.stdout
        self.process.stdout.close()


@contextmanager
def serving(study: Path, *arguments: str) -> Iterator[Server]:
    server = Server(study, 0, *arguments)
    try:
        yield server
    finally:
        server.kill()


class Reply:
    def __init__(self, status: int, headers: Mapping[str, str], body: bytes) -> None:
        self.status, self.headers, self.body = status, headers, body
        self.text = body.decode(errors="replace")


class Visitor:
    """Someone with a browser that keeps cookies and follows no redirect by itself."""

    def __init__(self, port: int) -> None:
        self.port, self.cookie = port, ""
        self._connection: http.client.HTTPConnection | None = None

    def send(
        self, method: str, path: str, form: Mapping[str, Any] | bytes | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> Reply:  # fmt: skip
        sent = dict(headers or {})
        if self.cookie:
            sent.setdefault("Cookie", self.cookie)
        body = urlencode(form) if isinstance(form, Mapping) else form
        if body is not None:
            sent.setdefault("Content-Type", "application/x-www-form-urlencoded")
        if self._connection is None:
            self._connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)
        try:
            self._connection.request(method, path, body, sent)
            response = self._connection.getresponse()
            reply = Reply(response.status, response.headers, response.read())
        except (OSError, http.client.HTTPException):
            self.close()
            raise
        if cookie := reply.headers.get("set-cookie"):
            self.cookie = cookie.partition(";")[0]
        return reply

    def close(self) -> None:
        if self._connection:
            self._connection.close()
        self._connection = None

    def get(self, path: str, **headers: str) -> Reply:
        return self.send("GET", path, None, headers)

    def begin(self, **fields: str) -> None:
        reply = self.send("POST", "/begin", {"consent": "yes", **fields})
        assert reply.status == 303, reply.text

    def trial(self) -> Reply:
        return self.get("/trial")

    def vote(self, token: str, answer: int, **fields: Any) -> Reply:
        form = {"trial": token, "answer": answer, "milliseconds": 1500, **fields}
        return self.send("POST", "/vote", form, {"Accept": "application/json"})


def token_in(reply: Reply) -> str:
    match = re.search(r'name="trial" value="([\w-]+)"', reply.text)
    assert match, reply.text
    return match[1]


def answer_all(visitor: Visitor, answer: int = 1, exposures: tuple[float, ...] = ()) -> int:
    """Answer questions until there are no more, and return their number."""
    number = 0
    while (reply := visitor.trial()).status == 200:
        fields = {"exposures": json.dumps(exposures)} if exposures else {}
        stored = visitor.vote(token_in(reply), answer, **fields)
        assert stored.status == 200, stored.text
        number += 1
    assert reply.headers["location"] == "done"
    return number
