"""Servers of this machine: an S3 store, and one that sends files over HTTP."""

from __future__ import annotations

import http.server
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager

import pytest


@contextmanager
def s3_server(monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """A local S3 server that the environment names; yields its address."""
    pytest.importorskip("s3fs", reason="the extra scale is not installed")
    moto = pytest.importorskip("moto.server", reason="moto[server] is not installed")
    running = moto.ThreadedMotoServer(port=0, verbose=False)
    running.start()
    host, port = running.get_host_and_port()
    use_server(monkeypatch, f"http://{host}:{port}")
    yield f"http://{host}:{port}"
    running.stop()


def use_server(monkeypatch: pytest.MonkeyPatch, endpoint: str) -> None:
    """Let the environment name an S3 server."""
    import fsspec

    for name, value in (("AWS_ENDPOINT_URL", endpoint), ("AWS_ACCESS_KEY_ID", "x"),
                        ("AWS_SECRET_ACCESS_KEY", "x"), ("AWS_DEFAULT_REGION", "us-east-1"),
                        ("AWS_EC2_METADATA_DISABLED", "true")):  # fmt: skip
        monkeypatch.setenv(name, value)
    fsspec.filesystem("s3").clear_instance_cache()


@contextmanager
def web_server(files: Mapping[str, bytes], *, parts: bool = True) -> Iterator[str]:
    """A web server that sends files, or with ``parts`` ranges of them; yields its address."""

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_HEAD(self) -> None:
            self.do_GET()

        def do_GET(self) -> None:
            data = files.get(self.path.lstrip("/"))
            if data is None:
                self.send_error(404)
                return
            span = self.headers.get("Range") if parts else None
            if span:
                first, last = span.removeprefix("bytes=").split("-")
                part = data[int(first) : int(last) + 1]
                self.send_response(206)
                self.send_header(
                    "Content-Range", f"bytes {first}-{int(first) + len(part) - 1}/{len(data)}"
                )
            else:
                part = data
                self.send_response(200)
            if parts:
                self.send_header("Accept-Ranges", "bytes")
            self.send_header("Content-Length", str(len(part)))
            self.end_headers()
            if self.command == "GET":
                self.wfile.write(part)

        def log_message(self, *_: object) -> None:
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
