"""Hostile requests: any number of them, from a seed.

Each must get a status from 400 to 499 (or 200 if it happens to be one that can be answered, or a
closed connection if it is no HTTP), in bounded memory, and the server must answer afterwards.

To run it by hand, from the root of the repository::

    python -m tests.server.hostile --count 10000 --seed 1
"""

from __future__ import annotations

import argparse
import base64
import json
import socket
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from random import Random

from tests.faults.image_mutants import Mutant, mutants
from tests.server.helpers import blank, picture, tiny
from tests.server.processes import Server, serving

PATIENCE = 40.0  # seconds in which any answer must come


@dataclass(frozen=True)
class Hostile:
    """A request that should be refused.

    Attributes:
        name: What is wrong with it.
        parts: What is sent, one part after the other.
        pause: Seconds between the parts.
    """

    name: str
    parts: tuple[bytes, ...]
    pause: float = 0.0


@dataclass
class Outcome:
    """What became of hostile requests.

    Attributes:
        tried: Requests sent.
        statuses: How often each status came; 0 is a connection that was closed.
        errors: What should not have happened.
        memory: The most memory of the server, in MB.
        history: Its memory after each thousand requests, in MB.
        slowest: Seconds of the slowest answer.
    """

    tried: int = 0
    statuses: Counter[int] = field(default_factory=Counter)
    errors: list[str] = field(default_factory=list)
    memory: float = 0.0
    history: list[int] = field(default_factory=list)
    slowest: float = 0.0


def post(
    body: bytes, path: str = "/v1/translate", kind: str = "image/png", **headers: str
) -> bytes:
    """Return a request as bytes."""
    lines = {"Host": "127.0.0.1", "Content-Type": kind, "Content-Length": str(len(body))}
    lines |= {name.replace("_", "-"): value for name, value in headers.items()}
    head = "".join(f"{name}: {value}\r\n" for name, value in lines.items())
    return f"POST {path} HTTP/1.1\r\n{head}\r\n".encode("latin-1") + body


def requests(seed: int) -> Iterator[Hostile]:
    """Yield hostile requests, the same for each seed."""
    random = Random(seed)
    images = mutants(seed)
    while True:
        make = random.choices(MAKERS, WEIGHTS)[0]
        yield make(random, images)


def _image(random: Random, images: Iterator[Mutant]) -> Hostile:
    _, data = next(images)
    if random.random() < 0.5:
        return Hostile("a damaged image", (post(data),))
    fields = {"image": base64.b64encode(data).decode(), "to": random.choice(["b", "a", "x"])}
    return Hostile("a damaged image in JSON", (post(_json(fields), kind="application/json"),))


def _json(fields: object) -> bytes:
    return json.dumps(fields).encode()


def _fields(random: Random, _: Iterator[Mutant]) -> Hostile:
    good = {"image": base64.b64encode(picture()).decode(), "seed": 1}
    odd: list[object] = [
        None, [], {}, "", -1, 2**70, 1e400, float("nan"), True, "x" * 10_000, [[]] * 50, [None],
        {"a": {"b": {}}}, "\0", "../../etc/passwd", "${jndi:ldap://x}", "<script>", [1e39] * 3,
    ]  # fmt: skip
    names = ["image", "to", "seed", "style", "reference", "truncation", "size", "format", "name"]
    fields: dict[str, object] = good | {
        random.choice([*names, "model", "colour", "__proto__"]): random.choice(odd)
        for _ in range(random.randint(1, 3))
    }
    path = random.choice(["/v1/translate", "/v1/translate", "/v1/style"])
    return Hostile("odd fields", (post(_json(fields), path, kind="application/json"),))


def _text(random: Random, _: Iterator[Mutant]) -> Hostile:
    whole = _json({"image": base64.b64encode(picture()).decode(), "seed": 1})
    body = random.choice(
        [
            b"[" * random.randint(1, 200_000),
            b'{"a":' * random.randint(1, 50_000),
            whole[: random.randrange(len(whole))],
            whole.replace(b"1}", b"1" * random.randint(30, 100_000) + b"}"),
            whole.replace(b"{", b'{"seed": 3, ', 1),
            bytes(random.getrandbits(8) for _ in range(random.randint(1, 300))),
            b'"' + b"\\u0000" * random.randint(1, 1000) + b'"',
            b"{}",
            b"null",
        ]
    )
    return Hostile("not the JSON expected", (post(body, kind="application/json"),))


def _query(random: Random, _: Iterator[Mutant]) -> Hostile:
    query = random.choice(
        [
            "to=" + "x" * random.randint(1, 9000),
            "&".join(f"f{i}=1" for i in range(random.randint(1, 200))),
            "seed=1&seed=2", "style=" + ",".join(["nan"] * 3), "style=1e999,1,1", "size=-1",
            "size=99999999999999999999", "format=exe", "name=" + "%00" * 10, "model=../../etc",
            "to=%ff%fe", "truncation=nan", "seed=" + "9" * 5000, "style=" + "1," * 4000,
        ]
    )  # fmt: skip
    return Hostile("an odd query", (post(picture(), f"/v1/translate?{query}"),))


def _path(random: Random, _: Iterator[Mutant]) -> Hostile:
    path = random.choice(
        [
            "/../../etc/passwd", "/%2e%2e/%2e%2e/etc/passwd", "/v1/models/../../x", "//etc/passwd",
            "/static/..%2f..%2fapi.py", "/v1/" + "a" * random.randint(1, 5000), "/%00", "/\\..\\x",
        ]
    )  # fmt: skip
    method = random.choice(["GET", "POST", "PUT", "DELETE", "TRACE", "OPTIONS", "FOO"])
    line = f"{method} {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 0\r\n\r\n"
    return Hostile("an odd path or method", (line.encode(),))


def _headers(random: Random, _: Iterator[Mutant]) -> Hostile:
    choice = random.randrange(8)
    if choice == 0:
        return Hostile(
            "a huge header", (post(picture(), X_Long="a" * random.randint(20_000, 10**6)),)
        )
    if choice == 1:
        many = {f"X_{i}": "a" * 100 for i in range(random.randint(200, 3000))}
        return Hostile("many headers", (post(picture(), **many),))
    if choice == 2:
        return Hostile(
            "another host", (post(picture(), Host=random.choice(["evil.example", "", "[::"])),)
        )
    if choice == 3:
        length = random.choice(["-1", "1e3", "9" * 30, "12, 13", "abc", str(2**40)])
        return Hostile("a false length", (post(b"", Content_Length=length),))
    if choice == 4:
        kind = random.choice(["text/html", "multipart/form-data", "application/json", "", "\t"])
        return Hostile("a false type", (post(b"<html>", kind=kind),))
    if choice == 5:
        body = b"".join(b"%x\r\n%s\r\n" % (len(p), p) for p in (picture()[:50],)) + b"zz\r\n"
        head = (
            b"POST /v1/translate HTTP/1.1\r\nHost: 127.0.0.1\r\nTransfer-Encoding: chunked\r\n\r\n"
        )
        return Hostile("broken chunks", (head + body,))
    if choice == 6:
        head = (
            b"POST /v1/translate HTTP/1.1\r\nHost: 127.0.0.1\r\nTransfer-Encoding: chunked\r\n\r\n"
        )
        chunk = b"10000\r\n" + bytes(0x10000) + b"\r\n"
        return Hostile("an endless body", (head, *[chunk] * 700))
    return Hostile("no HTTP", (bytes(random.getrandbits(8) for _ in range(200)),))


def _slow(random: Random, _: Iterator[Mutant]) -> Hostile:
    request = post(picture())
    pieces = random.randint(2, 8)
    step = -(-len(request) // pieces)
    parts = [request[i : i + step] for i in range(0, len(request), step)]
    kept = tuple(parts[: random.randint(1, len(parts) - 1)])
    return Hostile("a body that stops halfway", kept, random.random() / 4)


def _bomb(random: Random, _: Iterator[Mutant]) -> Hostile:
    import struct
    import zlib

    side = random.choice([5_000, 20_000, 60_000, 2**31 - 1])

    def chunk(kind: bytes, data: bytes) -> bytes:
        return (
            struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
        )

    head = struct.pack(">IIBBBBB", side, side, 8, 2, 0, 0, 0)
    data = zlib.compress(bytes(random.choice([10**3, 10**7])))
    png = b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", data) + chunk(b"IEND", b"")
    return Hostile("a decompression bomb", (post(png),))


def _enlarged(random: Random, _: Iterator[Mutant]) -> Hostile:
    """A small file that is large as it is decoded, or as it enters the networks."""
    size = random.choice([5_000, 16_384])
    wide = random.choice([(32, 24), (20_000, 1), (1, 20_000)])
    if random.random() < 0.5:
        return Hostile("an enlarged image", (post(blank(*wide), f"/v1/translate?size={size}"),))
    return Hostile("a blank image", (post(blank(*random.choice([(5000, 5000), (9000, 2000)]))),))


def _wide(random: Random, _: Iterator[Mutant]) -> Hostile:
    one, count = random.choice([b"[]", b"{}", b"1", b'""']), random.randint(200_000, 2_000_000)
    body = b'{"image": "aGk=", "style": [' + (one + b",") * count + b"1]}"
    return Hostile("JSON of many values", (post(body, kind="application/json"),))


MAKERS: Sequence[Callable[[Random, Iterator[Mutant]], Hostile]] = (
    _image, _fields, _text, _query, _path, _headers, _slow, _bomb, _enlarged, _wide,
)  # fmt: skip
WEIGHTS = (30, 20, 15, 12, 8, 8, 4, 3, 3, 2)


def send(port: int, hostile: Hostile) -> int:
    """Send a request; return the status of its answer, 0 if the connection is just closed."""
    with socket.create_connection(("127.0.0.1", port), PATIENCE) as one:
        try:
            for part in hostile.parts:
                one.sendall(part)
                if hostile.pause:
                    time.sleep(hostile.pause)
            if hostile.name in ("a body that stops halfway", "no HTTP"):
                one.shutdown(socket.SHUT_WR)
            line = one.makefile("rb").readline(200).split()
        except TimeoutError:
            return 504
        except ConnectionError:
            return 0
    return int(line[1]) if len(line) > 1 and line[1].isdigit() else 0


def attack(server: Server, seed: int, count: int, together: int = 8) -> Outcome:
    """Send hostile requests, several at a time."""
    outcome = Outcome()

    def one(hostile: Hostile) -> tuple[Hostile, int, float]:
        began = time.monotonic()
        status = send(server.port, hostile)
        return hostile, status, time.monotonic() - began

    with ThreadPoolExecutor(together) as pool:
        for hostile, status, seconds in pool.map(one, islice(requests(seed), count)):
            outcome.tried += 1
            if outcome.tried % 1000 == 0:
                outcome.history.append(round(server.memory))
            outcome.statuses[status] += 1
            outcome.slowest = max(outcome.slowest, seconds)
            if status not in (0, 200, 503) and not 400 <= status < 500:
                outcome.errors.append(f"{hostile.name}: {status}: {hostile.parts[0][:300]!r}")
    outcome.memory = server.peak
    status, _, _ = server.ask("POST", "/v1/translate?seed=1", picture(), content_type="image/png")
    if status != 200:
        outcome.errors.append(f"afterwards a good request gets {status}")
    return outcome


def main() -> int:
    """Attack a server, and print what became of it."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--count", type=int, default=1000)
    parser.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder, serving(tiny(), Path(folder)) as server:
        before = server.memory
        outcome = attack(server, arguments.seed, arguments.count)
    print(
        f"{outcome.tried} requests, {len(outcome.errors)} wrong answers; memory {before:.0f} MB "
        f"before, {outcome.memory:.0f} MB at most, {outcome.history} after each thousand; "
        f"slowest answer {outcome.slowest:.1f} s; "
        f"statuses {dict(sorted(outcome.statuses.items()))}"
    )
    for error in outcome.errors[:20]:
        print(error)
    return bool(outcome.errors)


if __name__ == "__main__":
    sys.exit(main())
