"""Signals that end a command are raised in it."""

import signal
import threading

import pytest

from crossimage.utils.signals import Stop, raising_stops


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_signal_is_raised_once_and_its_handler_is_put_back(number: signal.Signals) -> None:
    before = signal.getsignal(number)
    with pytest.raises(Stop) as caught, raising_stops():
        try:
            signal.raise_signal(number)
        finally:
            signal.raise_signal(number)  # a second one, while it tidies up
    assert caught.value.number == number
    assert signal.getsignal(number) == before


def test_a_signal_that_a_finaliser_drops_is_raised_after_it(
    capsys: pytest.CaptureFixture[str],
) -> None:
    class Resource:
        def __del__(self) -> None:
            signal.raise_signal(signal.SIGINT)

    with pytest.raises(Stop), raising_stops():
        del [Resource()][0]
        threading.Event().wait(30)
    assert not capsys.readouterr().err


def test_a_signal_that_is_ignored_stays_ignored() -> None:
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        with raising_stops():
            signal.raise_signal(signal.SIGHUP)
    finally:
        signal.signal(signal.SIGHUP, before)


def test_other_threads_change_no_handlers() -> None:
    before = signal.getsignal(signal.SIGTERM)
    found = []

    def look() -> None:
        with raising_stops():
            found.append(signal.getsignal(signal.SIGTERM))

    thread = threading.Thread(target=look)
    thread.start()
    thread.join()
    assert found == [before]
