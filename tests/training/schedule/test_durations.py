"""Durations of users and for users."""

import pytest

from crossimage.training.schedule.durations import duration, option, parse_duration, roughly


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("90s", 90), ("20m", 1200), ("1.5h", 5400), ("2d", 172800), ("1h30m", 5400), (" 2 H ", 7200)],
)
def test_durations_have_units(text: str, seconds: float) -> None:
    assert parse_duration(text, "--budget") == seconds


@pytest.mark.parametrize("text", ["5x", "20", "m", "", "-5m", "1e3s", "0", "20m!", "nan"])
def test_what_is_not_a_duration_is_refused_with_examples(text: str) -> None:
    with pytest.raises(ValueError, match=r"--budget '.*' is not a duration: .* 20m") as caught:
        parse_duration(text, "--budget")
    assert repr(text) in str(caught.value)


@pytest.mark.parametrize("text", ["0s", "0.0m", "99999d"])
def test_nothing_and_ages_are_refused(text: str) -> None:
    with pytest.raises(ValueError, match="more than 0 and at most 10,000 days"):
        parse_duration(text, "--finish")


@pytest.mark.parametrize(
    ("seconds", "told"),
    [
        (0.2, "1 second"), (50, "50 seconds"), (130, "2 minutes"), (5400, "90 minutes"),
        (8000, "2 hours"), (4.3e6, "50 days"), (1e8, "1,157 days"),
    ],
)  # fmt: skip
def test_durations_are_told_in_one_unit(seconds: float, told: str) -> None:
    assert roughly(seconds) == told


@pytest.mark.parametrize("text", ["90s", "20m", "90m", "2h", "3d"])
def test_options_are_written_as_they_are_read(text: str) -> None:
    assert option(parse_duration(text, "--budget")) == text


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0.4, "0 s"), (59.6, "1 min 00 s"), (3725, "1 h 02 min"), (200_000, "2 d 7 h")],
)
def test_times_have_two_units(seconds: float, text: str) -> None:
    assert duration(seconds) == text
