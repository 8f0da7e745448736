"""Images from the web: what is downloaded, and what is refused."""

import io
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from crossimage.inference import web
from crossimage.inference.incoming import Incoming
from crossimage.inference.input_files import find_inputs
from crossimage.inference.inputs import read_inputs
from crossimage.inference.web import download, is_address, without_secrets


def encoded(format: str) -> bytes:
    file = io.BytesIO()
    Image.new("RGB", (9, 6), "teal").save(file, format)
    return file.getvalue()


class Pages(BaseHTTPRequestHandler):
    """Images, and the mishaps of servers, by path."""

    def do_GET(self) -> None:
        path = self.path.partition("?")[0]
        if path.startswith("/to/"):
            self.send_response(302)
            self.send_header("Location", path.removeprefix("/to"))
        elif path.startswith("/elsewhere/"):
            self.send_response(302)
            self.send_header("Location", "ftp://127.0.0.1/x.png")
        elif path == "/loop":
            self.send_response(302)
            self.send_header("Location", f"/loop?{len(self.path)}{self.path[-20:]}")
        elif path == "/none.png":
            self.send_response(404)
        else:
            self.send_response(200)
        self.answer(path)

    def answer(self, path: str) -> None:
        body = {"/page.png": b"<html>" * 20, "/empty.png": b"", "/short": b"\x89PNG"}.get(path)
        if body is None:
            body = encoded("TIFF" if path.endswith("get.php") else "PNG")
        more = {"/cut.png": 7, "/huge.png": web.MAX_BYTES}.get(path, 0)
        if path != "/endless.png":
            self.send_header("Content-Length", str(len(body) + more))
        self.send_header("Content-Type", "text/html" if path == "/page.png" else "image/png")
        self.end_headers()
        self.wfile.write(body)
        if path == "/endless.png":
            self.wfile.write(b"\0" * 5000)

    def log_message(self, *_: Any) -> None:
        """Print nothing."""


@pytest.fixture(scope="module")
def site() -> Iterator[str]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), Pages)
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    yield f"http://127.0.0.1:{server.server_address[1]}"
    server.shutdown()
    thread.join()
    server.server_close()


def test_images_are_named_by_their_addresses(site: str, tmp_path: Path) -> None:
    names = [
        "a/x.png",
        "sch%C3%B6n.png",
        "schön gut.png?width=9",
        "get.php?id=3",
        "to/y.PNG#top",
        "",
    ]
    with Incoming() as incoming:
        found = find_inputs([f"{site}/{name}" for name in names], tmp_path, incoming)
        files = [source.path for source in found.files]
        assert [path.name for path in files] == [
            "x.png", "schön.png", "schön gut.png", "get.php.tif", "y.PNG", "127.0.0.1.png",
        ]  # fmt: skip
        assert not found.skipped
        shown = str(incoming.image(files[2]))
        assert shown == f"{site}/schön gut.png?..."
    assert not files[0].exists()  # the copies are gone


def test_what_can_not_be_downloaded_does_not_end_the_rest(site: str, tmp_path: Path) -> None:
    (tmp_path / "list.txt").write_text(f"{site}/none.png\n{site}/x.png\n{site}/x.png\n")
    seen: list[tuple[int, int]] = []
    with Incoming() as incoming:
        found = find_inputs(
            tmp_path / "list.txt", tmp_path, incoming, lambda _, *counts: seen.append(counts)
        )
        assert [source.path.name for source in found.files] == ["x.png"]
        with pytest.raises(ValueError, match=r"the input can't be read: .*404 Not Found"):
            find_inputs(f"{site}/none.png", tmp_path, incoming)
    (_, reason) = found.skipped[0]
    assert reason == f"{site}/none.png can't be downloaded: the server answers 404 Not Found"
    assert seen == [(0, 2), (1, 2), (2, 2)]
    assert [entry.name for entry in found.left_out] == [f"{site}/x.png"]


@pytest.mark.parametrize(
    ("path", "message"),
    [
        ("page.png", r"not an image of a known format \(the server calls it text/html\)"),
        ("empty.png", "not an image of a known format"),
        ("short", "not an image of a known format"),
        ("cut.png", "the connection ended before the image was complete"),
        ("huge.png", "is larger than 256 MiB; download it and give its path"),
        ("loop", "redirected more than 5 times"),
        ("elsewhere/x.png", "can't be downloaded: "),
    ],
)
def test_mishaps_are_one_sentence(site: str, path: str, message: str) -> None:
    with pytest.raises(ValueError, match=message) as caught:
        download(f"{site}/{path}", io.BytesIO())
    assert str(caught.value).startswith(f"{site}/{path}") and "\n" not in str(caught.value)


def test_a_stream_without_a_length_ends_at_the_limit(
    site: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(web, "MAX_BYTES", 1000)
    file = io.BytesIO()
    with pytest.raises(ValueError, match="is larger than"):
        download(f"{site}/endless.png", file)
    assert len(file.getvalue()) <= 1000
    monkeypatch.setattr(web, "_MAX_TIME", -1.0)
    with pytest.raises(ValueError, match=r"takes longer than .* minutes"):
        download(f"{site}/x.png", io.BytesIO())


def test_a_public_address_does_not_lead_into_the_own_network(
    site: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert web.is_local(site) and web.is_local("http://[::1]/") and web.is_local("http://10.0.0.1")
    assert not web.is_local("http://8.8.8.8/x.png")
    monkeypatch.setattr(web, "is_local", lambda address: "/to/" not in address)
    with pytest.raises(ValueError, match="redirected to an address of this computer"):
        download(f"{site}/to/x.png", io.BytesIO())


def test_servers_that_do_not_answer_are_named() -> None:
    with pytest.raises(ValueError, match=r"http://127\.0\.0\.1:1/x\.png can't be .*: Connection"):
        download("http://127.0.0.1:1/x.png", io.BytesIO())
    with pytest.raises(ValueError, match=r"^http://h/x\.png can't be .* passwords") as caught:
        download("http://me:secret@h/x.png", io.BytesIO())
    assert "secret" not in str(caught.value)
    for wrong in ("http://", "https:///x.png", "http://h:port/x.png", "http://[::1/x.png"):
        with pytest.raises(ValueError, match="can't be downloaded"):
            download(wrong, io.BytesIO())


def test_only_the_web_is_an_address() -> None:
    assert is_address("HTTPS://h/x.png") and not is_address("photos/x.png")
    assert not is_address(Path("http://h")) and not is_address("C:/x.png")
    with pytest.raises(ValueError, match=r"file:///tmp/x\.png .*: give the path itself, /tmp/x"):
        is_address("file:///tmp/x.png")
    with pytest.raises(ValueError, match=r"s3://b/x\.png.* is not an address of the web"):
        is_address("s3://b/x.png?key=secret")
    assert without_secrets(f"http://h/{'x' * 300}.png?key#y").endswith("xxx.png?...")


def test_images_in_memory_may_be_addresses_too(site: str) -> None:
    x = read_inputs([f"{site}/x.png", encoded("PNG")], 3)
    assert np.array_equal(x.batches[0].numpy(), x.batches[1].numpy())
