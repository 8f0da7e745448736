"""Concurrent voters over HTTP, a server that is killed under them, and how long votes take.

python -m tests.study.web.voters kill --kills 50
python -m tests.study.web.voters bench --voters 200 --seconds 20
"""

from __future__ import annotations

import argparse
import http.client
import random
import tempfile
import threading
import time
from dataclasses import dataclass, field
from pathlib import Path

from crossimage.study.questions import Option, Question
from crossimage.study.settings import FILE, make_settings, write_settings
from crossimage.study.store import Store
from tests.study.people import Server, Visitor, token_in

LOST = (OSError, http.client.HTTPException)


def make(folder: Path, questions: int, trials: int) -> Path:
    """Make a study without images, whose questions never get all their answers."""
    folder.mkdir(parents=True)
    changes = {"methods": {"a": "a", "b": "b"}, "trials": trials, "checks": 0}
    write_settings(folder / FILE, make_settings("preference", changes))
    options = Option("a", "x"), Option("b", "y")
    store = Store(folder / "study.sqlite", create=True)
    store.put("secret", "0" * 32)
    store.add_questions(
        Question("trial", f"item {n}", options, wanted=10**6, turn=n) for n in range(questions)
    )
    store.close()
    return folder


@dataclass
class Log:
    """What voters saw.

    Attributes:
        acknowledged: Tokens of votes that the server said are stored, with the answer.
        retries: Number of votes that were sent again.
        seconds: How long each vote took.
        failures: Replies that should not have come.
    """

    acknowledged: dict[str, int] = field(default_factory=dict)
    retries: int = 0
    seconds: list[float] = field(default_factory=list)
    failures: list[str] = field(default_factory=list)


def vote_until(stop: threading.Event, port: int, log: Log, seed: int, think: float) -> None:
    """Take part again and again, and send each vote until it is acknowledged."""
    chance = random.Random(seed)
    visitor = Visitor(port)

    def insist(act):  # type: ignore[no-untyped-def]
        while not stop.is_set():
            try:
                return act()
            except LOST:
                time.sleep(0.02)
        return None

    def begin() -> bool:
        visitor.begin()
        return True

    joined = insist(begin)
    while joined and not stop.is_set():
        page = insist(visitor.trial)
        if page is None:
            break
        if page.status == 303:
            visitor.cookie = ""
            joined = insist(begin)
            continue
        token, answer = token_in(page), chance.randrange(2)
        time.sleep(think * chance.uniform(0.5, 1.5))
        tries = 0
        start = time.perf_counter()

        def send(token: str = token, answer: int = answer) -> int:
            nonlocal tries
            tries += 1
            reply = visitor.vote(token, answer)
            if chance.random() < 0.1:  # an impatient double click
                reply = visitor.vote(token, answer)
                tries += 1
            return reply.status

        status = insist(send)
        if status is None:
            break
        log.seconds.append(time.perf_counter() - start)
        log.retries += tries - 1
        if status == 200:
            log.acknowledged[token] = answer
        else:
            log.failures.append(f"{status}")
    visitor.close()


def run(
    port: int, voters: int, think: float
) -> tuple[threading.Event, list[threading.Thread], list[Log]]:
    """Start voters."""
    stop, logs = threading.Event(), [Log() for _ in range(voters)]
    threads = [
        threading.Thread(target=vote_until, args=(stop, port, log, seed, think))
        for seed, log in enumerate(logs)
    ]
    for thread in threads:
        thread.start()
        time.sleep(think / voters)  # people do not come all at once
    return stop, threads, logs


def kill_under_load(
    folder: Path, kills: int, voters: int = 8, seed: int = 0
) -> tuple[int, int, int]:
    """Kill a server at random moments under voters, and compare what it said with what it stored.

    Returns:
        The numbers of acknowledged votes, of stored votes and of retries.

    Raises:
        AssertionError: An acknowledged vote is missing or another one, or a vote counts twice.
    """
    study, chance = make(folder / "study", 200, 40), random.Random(seed)
    server = Server(study)
    stop, threads, logs = run(server.port, voters, 0.0)
    try:
        for _ in range(kills):
            time.sleep(chance.uniform(0.05, 0.6))
            server.kill()
            server = Server(study, server.port)
        time.sleep(0.5)
    finally:
        stop.set()
        for thread in threads:
            thread.join()
        server.kill()
    store = Store(study / "study.sqlite")
    stored = {
        row["token"]: row["answer"]
        for row in store.rows(
            "SELECT token, answer FROM handout JOIN vote USING (person, question)"
        )
    }
    orders = {
        row["token"]: row["ordering"] for row in store.rows("SELECT token, ordering FROM handout")
    }
    assert store.rows("PRAGMA integrity_check")[0][0] == "ok"
    store.close()
    said = {token: answer for log in logs for token, answer in log.acknowledged.items()}
    assert not [failure for log in logs for failure in log.failures]
    lost = [token for token in said if token not in stored]
    assert not lost, f"{len(lost)} acknowledged votes are not stored"
    for token, answer in said.items():
        assert stored[token] == (answer if orders[token] == "[0, 1]" else 1 - answer)
    return len(said), len(stored), sum(log.retries for log in logs)


def measure(folder: Path, voters: int, seconds: float, think: float) -> list[float]:
    """Return how long each vote took, in seconds, until it was acknowledged."""
    study = make(folder / "study", 500, 50)
    server = Server(study)
    try:
        stop, threads, logs = run(server.port, voters, think)
        time.sleep(seconds)
        stop.set()
        for thread in threads:
            thread.join()
    finally:
        server.kill()
    assert not [failure for log in logs for failure in log.failures]
    return sorted(time for log in logs for time in log.seconds)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("what", choices=("kill", "bench"))
    parser.add_argument("--kills", type=int, default=50)
    parser.add_argument("--voters", type=int)
    parser.add_argument("--seconds", type=float, default=20)
    parser.add_argument("--think", type=float, default=2.0, help="seconds between votes")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        if given.what == "kill":
            said, stored, retries = kill_under_load(Path(folder), given.kills, given.voters or 8)
            print(
                f"{given.kills} kills: {said} votes acknowledged, all of them stored, "
                f"{stored} stored, {retries} retries"
            )
            return
        voters = given.voters or 200
        times = measure(Path(folder), voters, given.seconds, given.think)
        p50, p95 = (times[int(len(times) * part)] for part in (0.5, 0.95))
        print(
            f"{voters} voters, {given.think:g} s between votes: {len(times)} votes in "
            f"{given.seconds:g} s, median {1000 * p50:.0f} ms, p95 {1000 * p95:.0f} ms"
        )


if __name__ == "__main__":
    main()
