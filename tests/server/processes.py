"""`crossimage serve` in a process of its own."""

import http.client
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from crossimage.inference.translator import Translator


class Server:
    """A server of one model."""

    def __init__(self, model: Path, *arguments: str) -> None:
        command = [sys.executable, "-m", "crossimage", "serve", str(model), "--port", "0"]
        self.process = subprocess.Popen([*command, *arguments], stdout=subprocess.PIPE, text=True)
        assert self.process.stdout
        line = self.process.stdout.readline()
        assert line.startswith("serving at http://127.0.0.1:"), line
        self.port = int(line.split(";")[0].rsplit(":", 1)[1].strip("/"))

    @property
    def memory(self) -> float:
        """The memory of the process in MB."""
        status = Path(f"/proc/{self.process.pid}/status").read_text().splitlines()
        return int(next(line.split()[1] for line in status if line.startswith("VmRSS"))) / 1e3

    @property
    def peak(self) -> float:
        """The most memory that the process had, in MB."""
        status = Path(f"/proc/{self.process.pid}/status").read_text().splitlines()
        return int(next(line.split()[1] for line in status if line.startswith("VmHWM"))) / 1e3

    def ask(
        self, method: str, path: str, body: bytes = b"", **headers: str
    ) -> tuple[int, dict[str, str], bytes]:
        """Return the status, headers and body of the answer to a request."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        connection.request(method, path, body, named)
        answer = connection.getresponse()
        found = answer.status, dict(answer.getheaders()), answer.read()
        connection.close()
        return found


@contextmanager
def serving(model: Translator, folder: Path, *arguments: str) -> Iterator[Server]:
    """A server of a model, saved in a folder, that is killed in the end."""
    model.save(folder / "model.safetensors")
    server = Server(folder / "model.safetensors", *arguments)
    try:
        yield server
    finally:
        server.process.kill()
        server.process.wait()
        if server.process.stdout:
            server.process.stdout.close()
