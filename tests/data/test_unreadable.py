import pytest

from crossimage.data.unreadable import UnreadableFiles


def bad(*names, domain="a"):
    return [(domain, name, f"{name} can't be read: why") for name in names]


def test_up_to_five_percent_is_borne_and_one_more_is_not():
    tally = UnreadableFiles({"a": 100, "b": 100})
    tally.add(bad("1", "2", "3", "4", "5"))
    tally.add(bad("6", domain="b"))
    text = r"6 of 100 images of domain a .*: 6 can't be read: why; found before: 1, 2, 3, 4, 5$"
    with pytest.raises(ValueError, match=text):
        tally.add(bad("6"))


def test_a_file_counts_once():
    tally = UnreadableFiles({"a": 100})
    for _ in range(20):
        tally.add(bad("1"))
    assert tally.summary() == "1 unreadable image was skipped:\n1 can't be read: why"


def test_a_single_bad_file_is_more_than_five_percent_of_a_tiny_folder():
    UnreadableFiles({"a": 20}).add(bad("1"))
    with pytest.raises(ValueError, match="1 of 19 .* finds all") as caught:
        UnreadableFiles({"a": 19}).add(bad("x.png"))
    assert str(caught.value).count("x.png") == 1


def test_nothing_bad_gives_no_summary():
    assert UnreadableFiles({"a": 3}).summary() is None


def test_a_long_summary_is_cut_and_says_so():
    tally = UnreadableFiles({"a": 1000})
    tally.add(bad(*map(str, range(50))))
    lines = tally.summary().splitlines()
    assert lines[0] == "50 unreadable images were skipped:"
    assert lines[-1].startswith("... and 30 more")


def test_processes_that_have_too_many_together_are_stopped():
    tally, other = UnreadableFiles({"a": 40}), UnreadableFiles({"a": 40})
    tally.add(bad("1", "2"))
    other.add(bad("2", "3"))
    with pytest.raises(ValueError, match="3 of 40 images of domain a"):
        tally.merge(other.state())


def test_a_continued_run_remembers():
    tally = UnreadableFiles({"a": 40})
    tally.add(bad("1", "2"))
    again = UnreadableFiles({"a": 40})
    again.merge(tally.state())
    assert again.summary() == tally.summary()
    with pytest.raises(ValueError, match="3 of 40"):
        again.add(bad("3"))
