"""Pipes, devices and links in place of files end no command without a sentence."""

import sys

import pytest

from tests.faults import special_files


@pytest.mark.slow
@pytest.mark.skipif(sys.platform == "win32", reason="no pipes among files")
def test_every_command_names_what_is_not_a_file() -> None:
    outcome = special_files.check()
    assert (outcome.crashes, outcome.slow, outcome.errors) == ([], [], [])
    assert outcome.tried > 150
