"""Hostile requests get a status from 400 to 499, and the server stays small and alive."""

import socket
import time
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlencode

import pytest

from crossimage.server.guard import Refused, host_name, own_names
from crossimage.study.web.forms import FORMS, parse_form
from tests.study.people import Server, Visitor, make_small, serving, token_in


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    study = make_small(tmp_path_factory.mktemp("hostile"), "preference", answers=30).folder
    with serving(study, "--allow-host", "study.example.org") as one:
        yield one


@pytest.fixture
def visitor(server: Server) -> Iterator[Visitor]:
    one = Visitor(server.port)
    yield one
    one.close()


def memory(server: Server) -> int:
    """Return the memory of the server in KiB."""
    status = Path(f"/proc/{server.process.pid}/status")
    if not status.exists():
        pytest.skip("the memory of a process is read from /proc")
    lines = status.read_text().splitlines()
    return int(next(line.split()[1] for line in lines if line.startswith("VmRSS")))


SCRIPT = "<script>alert(1)</script>"


@pytest.mark.parametrize(
    "path",
    ["/images/../study.yaml", "/images/%2e%2e%2fstudy.sqlite", "/images/..%2f..%2fetc%2fpasswd",
     "/static/..%2fapp.py", "/static/%2fetc%2fpasswd", "/images/x.png", "/study.sqlite",
     "//etc/passwd", "/images/%00.png", "/admin?token=%ff", f"/?PROLIFIC_PID={SCRIPT}",
     "/?PROLIFIC_PID=" + "a" * 65, "/?workerId=a%00b",
     "/?" + "&".join(f"a{n}=1" for n in range(99)),
     "/feedback?trial=" + "a" * 22, "/feedback?trial=" + SCRIPT, "/?" + "a" * 5000],
)  # fmt: skip
def test_odd_addresses_are_refused(path: str, visitor: Visitor) -> None:
    reply = visitor.get(path)
    assert 400 <= reply.status < 500
    assert SCRIPT not in reply.text and "root:" not in reply.text


@pytest.mark.parametrize(
    "form",
    [{"trial": SCRIPT, "answer": 0}, {"trial": "a" * 22, "answer": SCRIPT}, {"answer": 0}, {},
     {"trial": "a" * 22}, {"trial": "a" * 22, "answer": -1}, {"trial": "a" * 22, "answer": "1e3"},
     {"trial": "a" * 22, "answer": "٣"}, {"trial": "a" * 22, "answer": 0, "milliseconds": SCRIPT},
     {"trial": "a" * 22, "answer": 0, "exposures": SCRIPT},
     {"trial": "a" * 22, "answer": 0, "exposures": "[NaN, Infinity]"},
     {"trial": "a" * 22, "answer": 0, "exposures": "[" * 5000},
     {"trial": "a" * 22, "answer": 0, "exposures": "[1, 2, 3]"},
     {"trial": "a" * 22, "answer": 10**30}, {f"field{n}": "x" for n in range(10_000)},
     {f"f{n}": "" for n in range(500)}],
)  # fmt: skip
def test_odd_forms_are_refused(form: dict[str, object], visitor: Visitor) -> None:
    visitor.begin()
    reply = visitor.send("POST", "/vote", form)
    assert 400 <= reply.status < 500
    assert SCRIPT not in reply.text


@pytest.mark.parametrize("answer", [2, 7, 999_999_999])
def test_answers_that_were_not_offered_are_refused(answer: int, visitor: Visitor) -> None:
    visitor.begin()
    token = token_in(visitor.trial())
    assert visitor.vote(token, answer).status == 400
    assert token_in(visitor.trial()) == token


def test_fields_that_occur_twice_are_refused(visitor: Visitor) -> None:
    visitor.begin()
    body = urlencode([("trial", token_in(visitor.trial())), ("answer", 0), ("answer", 1)])
    assert visitor.send("POST", "/vote", body.encode()).status == 400


def test_other_kinds_of_bodies_and_methods_are_refused(visitor: Visitor) -> None:
    kind = {"Content-Type": "multipart/form-data; boundary=x"}
    assert visitor.send("POST", "/vote", b"--x--", kind).status == 415
    visitor.close()
    kind = {"Content-Type": "application/json"}
    assert visitor.send("POST", "/vote", b"{}", kind).status == 415
    visitor.close()
    for method in ("PUT", "DELETE", "PATCH"):
        assert visitor.send(method, "/vote").status == 405
        visitor.close()
    assert visitor.send("POST", "/trial", {}).status == 405


@pytest.mark.parametrize(
    ("host", "status"),
    [("evil.example.com", 400), ("", 400), ("127.0.0.1.evil.com", 400), ("localhost", 200),
     ("study.example.org", 200), ("STUDY.example.org:443", 200)],
)  # fmt: skip
def test_hosts_that_are_not_the_servers_are_refused(
    host: str, status: int, visitor: Visitor
) -> None:
    assert visitor.get("/", Host=host).status == status


def raw(server: Server, *parts: bytes, pause: float = 0.0, patience: float = 20.0) -> bytes:
    """Send bytes, and return the answer."""
    with socket.create_connection(("127.0.0.1", server.port), timeout=patience) as one:
        for part in parts:
            try:
                one.sendall(part)
            except (BrokenPipeError, ConnectionResetError):
                break
            time.sleep(pause)
        try:
            return one.recv(65536)
        except ConnectionResetError:
            return b""


HEAD = (
    b"POST /vote HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/x-www-form-urlencoded\r\n"
)


def test_a_body_of_a_gigabyte_is_refused_before_it_is_read(server: Server) -> None:
    before = memory(server)
    answer = raw(server, HEAD + b"Content-Length: 1000000000\r\n\r\n" + b"x" * 1000)
    assert b" 413 " in answer
    chunk = b"10000\r\n" + b"x" * 65536 + b"\r\n"
    answer = raw(server, HEAD + b"Transfer-Encoding: chunked\r\n\r\n", *[chunk] * 400)
    assert b" 413 " in answer or answer == b""
    assert memory(server) - before < 20_000


def test_many_slow_bodies_are_refused_in_bounded_time_and_memory(
    server: Server, visitor: Visitor
) -> None:
    before = memory(server)
    waiting = []
    for _ in range(100):
        one = socket.create_connection(("127.0.0.1", server.port), timeout=40)
        one.sendall(HEAD + b"Content-Length: 5000\r\n\r\nx")
        waiting.append(one)
    assert visitor.get("/").status == 200  # others are served meanwhile
    for one in waiting:
        assert b" 408 " in one.recv(65536)
        one.close()
    assert memory(server) - before < 20_000


def test_headers_without_end_are_refused(server: Server, visitor: Visitor) -> None:
    answer = raw(server, b"GET / HTTP/1.1\r\nHost: localhost\r\nX: " + b"x" * 100_000)
    assert b" 400 " in answer or b" 431 " in answer or answer == b""
    assert visitor.get("/").status == 200


def test_a_form_has_few_fields_in_utf8() -> None:
    assert parse_form(b"a=1&b=%C3%A4") == {"a": "1", "b": "ä"}
    for body in (b"a=%ff", b"\xff", b"&".join(b"a%d=" % n for n in range(13)), b"a=1&a=2"):
        with pytest.raises(Refused):
            parse_form(body)


def test_names_of_hosts_are_read_without_the_port() -> None:
    assert host_name("[::1]:8000") == "::1"
    assert host_name("Example.org:80") == "example.org"
    assert "localhost" in own_names("127.0.0.1") and "localhost" not in own_names("10.0.0.7")
    assert FORMS.size < 2**20
