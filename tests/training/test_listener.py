"""The text of a training's progress, and a listener that shows nothing."""

import pytest

from crossimage.training.listener import Listener, TrainingProgress

LOSSES = {"discriminators/adversarial": 0.25, "generators/cycle": 1.3}


def progress(step: int = 200, rate: float = 5.0) -> TrainingProgress:
    return TrainingProgress(step, 1000, 40.0, rate, 1e-4, LOSSES)


def test_the_text_is_one_line() -> None:
    assert str(progress()) == (
        "step 200/1000 · 5.00 it/s · 2 min 40 s left · d/adversarial 0.25 g/cycle 1.3"
    )


@pytest.mark.parametrize(
    ("rate", "speed", "time_left"),
    [
        (0.05, "20.0 s/it", "4 h 26 min"),
        (0.1, "0.10 it/s", "2 h 13 min"),
        (80, "80.00 it/s", "10 s"),
    ],
)
def test_slow_and_fast_steps_have_readable_units(rate: float, speed: str, time_left: str) -> None:
    assert (progress(rate=rate).speed, progress(rate=rate).time_left) == (speed, time_left)


def test_a_listener_keeps_warnings_and_goes_on_unless_its_callback_returns_false(
    capsys: pytest.CaptureFixture[str],
) -> None:
    listener = Listener()
    listener.say("hello")
    listener.warn("careful")
    with listener.watch(0, 10):
        listener.advance()
    assert listener.warnings == ["careful"] and listener.log(progress(), line=True)
    for value, goes_on in ((None, True), (True, True), (0, True), (False, False)):
        assert Listener(lambda _, value=value: value).log(progress(), line=True) is goes_on
    assert capsys.readouterr().out == ""
