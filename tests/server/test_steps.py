"""Work in several steps, each in its own thread."""

import threading
from concurrent.futures import Future, ThreadPoolExecutor

import pytest

from crossimage.server.engine import ClosedError
from crossimage.server.steps import Steps, run_steps


def test_each_step_gets_the_result_of_the_one_before() -> None:
    with ThreadPoolExecutor(2) as pool:

        def steps() -> Steps[int]:
            first = yield pool.submit(lambda: 2)
            second = yield pool.submit(lambda: first + 3)
            return second * 10

        assert run_steps(steps()).result(20) == 50


def test_an_error_is_raised_where_the_step_was_awaited() -> None:
    def fail() -> None:
        raise ValueError("too dark")

    with ThreadPoolExecutor(1) as pool:

        def caught() -> Steps[str]:
            try:
                yield pool.submit(fail)
            except ValueError as error:
                return str(error)
            return ""

        def uncaught() -> Steps[None]:
            yield pool.submit(fail)

        assert run_steps(caught()).result(20) == "too dark"
        with pytest.raises(ValueError, match="too dark"):
            run_steps(uncaught()).result(20)


def test_work_that_nobody_wants_any_more_ends_after_its_step() -> None:
    started, gate, ended = threading.Event(), threading.Event(), threading.Event()
    waiting: Future[None] = Future()

    def slow() -> None:
        started.set()
        gate.wait(20)

    with ThreadPoolExecutor(1) as pool:

        def being_done() -> Steps[None]:
            try:
                yield pool.submit(slow)
                raise AssertionError("goes on")
            finally:
                ended.set()

        def queued() -> Steps[None]:
            yield waiting

        result = run_steps(being_done())
        assert started.wait(20) and result.cancel() and not ended.is_set()
        gate.set()
        assert ended.wait(20)
    assert run_steps(queued()).cancel() and waiting.cancelled()


def test_steps_that_a_closed_pool_drops_say_so() -> None:
    dropped: Future[None] = Future()

    def steps() -> Steps[None]:
        yield dropped

    result = run_steps(steps())
    dropped.cancel()
    with pytest.raises(ClosedError):
        result.result(20)
