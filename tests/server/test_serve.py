"""`crossimage serve`: a process that answers, drains and ends."""

import contextlib
import http.client
import os
import signal
import socket
import threading
from pathlib import Path

import numpy as np
import pytest

from crossimage.cli.app import main
from crossimage.server.serve import read_token
from tests.server.helpers import picture, pixels, tiny
from tests.server.processes import serving

IMAGE = {"content_type": "image/png"}


@pytest.mark.slow
def test_a_server_answers_and_finishes_its_answers_when_it_is_stopped(tmp_path: Path) -> None:
    with serving(tiny(domains="edges,shoes"), tmp_path) as server:
        status, headers, body = server.ask("POST", "/v1/translate?seed=1", picture(), **IMAGE)
        assert status == 200 and pixels(body).shape == (24, 32, 3)
        assert headers["crossimage-seed"] == "1"
        body = picture(200, 200)
        asked = [begin(server.port, f"/v1/translate?seed={n}", len(body)) for n in range(6)]
        for connection in asked:
            connection.send(body)
        server.process.send_signal(signal.SIGTERM)
        assert [connection.getresponse().status for connection in asked] == [200] * 6
        for connection in asked:
            connection.close()
        server.process.wait(60)
        assert server.process.returncode in (0, -signal.SIGTERM, 128 + signal.SIGTERM)


def begin(port: int, path: str, length: int) -> http.client.HTTPConnection:
    """Send the head of a request, and wait until the server asks for its body."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
    connection.putrequest("POST", path)
    facts = {"Content-Type": "image/png", "Content-Length": length, "Expect": "100-continue"}
    for name, value in facts.items():
        connection.putheader(name, str(value))
    connection.endheaders()
    assert connection.sock.recv(12, socket.MSG_PEEK) == b"HTTP/1.1 100"
    return connection


@pytest.mark.slow
def test_what_is_translated_in_a_batch_is_what_is_translated_alone(tmp_path: Path) -> None:
    """Up to rounding, which changes few pixels by one level."""
    with serving(tiny(domains="edges,shoes"), tmp_path) as server:

        def ask(number: int) -> np.ndarray:
            _, _, body = server.ask(
                "POST", f"/v1/translate?seed={number}", picture(64, 64, number), **IMAGE
            )
            return pixels(body).astype(int)

        alone = [ask(number) for number in range(8)]
        together: dict[int, np.ndarray] = {}
        askers = [
            threading.Thread(target=lambda n=n: together.setdefault(n, ask(n))) for n in range(8)
        ]
        for asker in askers:
            asker.start()
        for asker in askers:
            asker.join()
        for number, image in enumerate(alone):
            difference = np.abs(image - together[number])
            assert difference.max() <= 1 and (difference > 0).mean() < 1e-3


@pytest.mark.slow
def test_clients_that_never_finish_their_headers_are_left(tmp_path: Path) -> None:
    with serving(tiny(), tmp_path) as server:
        address = ("127.0.0.1", server.port)
        idle = [socket.create_connection(address, timeout=40) for _ in range(60)]
        for number, one in enumerate(idle):
            one.sendall(b"POST /v1/translate HTTP/1.1\r\nHost: 127" if number % 2 else b"")
        status, _, _ = server.ask("GET", "/health")
        assert status == 200
        for one in idle:
            with one, contextlib.suppress(ConnectionResetError):
                assert one.recv(1000) == b""


def test_a_port_in_use_and_missing_models_are_one_sentence(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        assert main(["serve", str(tmp_path), "--port", str(port)]) == 2
    assert f"port {port} of 127.0.0.1 is in use" in capsys.readouterr().err
    assert main(["serve", str(tmp_path / "none"), "--port", "0"]) == 2
    assert capsys.readouterr().err.count("\n") == 1
    assert main(["serve"]) == 2
    assert "name a model to serve" in capsys.readouterr().err


def test_a_model_that_makes_images_from_noise_is_not_served(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    tiny("gan").save(tmp_path / "gan.safetensors")
    assert main(["serve", str(tmp_path / "gan.safetensors"), "--port", "0"]) == 2
    assert "use `crossimage sample`" in capsys.readouterr().err


def test_tokens_come_from_a_file_or_the_environment(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert read_token(None) == ""
    monkeypatch.setenv("CROSSIMAGE_TOKEN", "of-the-environment")
    assert read_token(None) == "of-the-environment"
    (tmp_path / "token").write_text("of-the-file\n")
    assert read_token(tmp_path / "token") == "of-the-file"
    (tmp_path / "token").write_text("short")
    with pytest.raises(ValueError, match="at least 8 printable ASCII"):
        read_token(tmp_path / "token")


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ("of-the-file".encode("utf-16"), "not text in UTF-8"),
        ("of-the-file".encode("utf-16-le"), "printable ASCII"),
        (b"\x89PNG\r\n\x1a\n" * 20, "not text in UTF-8"),
        (b"x" * 5_000_000, "more than 4,096 bytes"),
        (b"", "printable ASCII"),
        (b"two lines\nof text", "printable ASCII"),
    ],
)
def test_files_that_hold_no_token_are_refused(tmp_path: Path, content: bytes, words: str) -> None:
    (tmp_path / "token").write_bytes(content)
    with pytest.raises(ValueError, match=words) as refusal:
        read_token(tmp_path / "token")
    assert str(tmp_path / "token") in str(refusal.value)


def test_a_token_file_as_windows_writes_it_is_read(tmp_path: Path) -> None:
    (tmp_path / "token").write_bytes("\ufeffof-the-file\r\n".encode())
    assert read_token(tmp_path / "token") == "of-the-file"


def test_what_is_no_token_file_ends_in_a_sentence(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    model, pipe = tmp_path / "munit.safetensors", tmp_path / "pipe"
    tiny("munit").save(model)
    os.mkfifo(pipe)
    for path in (tmp_path, pipe, tmp_path / "missing"):
        assert main(["serve", str(model), "--port", "0", "--token-file", str(path)]) == 2
        said = capsys.readouterr().err
        assert said.startswith("crossimage: ") and str(path) in said and "Traceback" not in said
