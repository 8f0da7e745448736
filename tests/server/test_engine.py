"""The thread that uses the networks."""

import threading
from collections.abc import Iterator, Sequence

import pytest

from crossimage.server.engine import BusyError, ClosedError, Engine


@pytest.fixture
def engine() -> Iterator[Engine]:
    one = Engine(waiting=4, batch_size=3)
    yield one
    one.close()


class Gate:
    """Keeps an engine busy until it is opened."""

    def __init__(self, engine: Engine) -> None:
        self._open, begun = threading.Event(), threading.Event()

        def wait() -> None:
            begun.set()
            self._open.wait()

        self.future = engine.call(wait)
        begun.wait()

    def open(self) -> None:
        self._open.set()


def test_jobs_of_one_key_are_done_together(engine: Engine) -> None:
    seen: list[list[int]] = []

    def work(values: Sequence[int]) -> list[int]:
        seen.append(list(values))
        return [value * value for value in values]

    gate = Gate(engine)
    keys = ["a", "b", "a", "a"]
    futures = [engine.batch(key, i, work) for i, key in enumerate(keys)]
    gate.open()
    assert [future.result(60) for future in futures] == [0, 1, 4, 9]
    assert seen == [[0, 2, 3], [1]]
    assert (engine.batches, engine.images) == (3, 5)


def test_one_that_fails_does_not_spoil_the_others(engine: Engine) -> None:
    def work(values: Sequence[int]) -> list[int]:
        if 1 in values:
            raise ValueError("one is bad")
        return list(values)

    gate = Gate(engine)
    futures = [engine.batch("a", i, work) for i in range(3)]
    gate.open()
    assert futures[0].result(60) == 0 and futures[2].result(60) == 2
    with pytest.raises(ValueError, match="one is bad"):
        futures[1].result(60)


def test_a_full_queue_refuses_and_those_who_have_gone_make_room(engine: Engine) -> None:
    gate = Gate(engine)
    futures = [engine.batch("a", i, list) for i in range(4)]
    with pytest.raises(BusyError, match="4 requests are waiting"):
        engine.batch("a", 4, list)
    futures[1].cancel()
    last = engine.batch("a", 4, list)
    gate.open()
    assert last.result(60) == 4


def test_what_waits_is_finished_when_the_engine_is_closed() -> None:
    engine = Engine()
    gate = Gate(engine)
    waiting = engine.batch("a", 5, list)
    threading.Timer(0.05, gate.open).start()
    engine.close()
    assert waiting.result(0) == 5
    with pytest.raises(ClosedError):
        engine.call(print)
