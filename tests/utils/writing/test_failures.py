"""Why a file cannot be written, and what to do."""

import errno
import os

import pytest

from crossimage.utils.writing.failures import reason_of


@pytest.mark.parametrize(
    ("number", "words"),
    [
        (errno.ENOSPC, "make room"),
        (errno.EDQUOT, "quota"),
        (errno.EROFS, "read-only"),
        (errno.EACCES, "change the permissions"),
        (errno.EIO, "check it"),
        (errno.EMFILE, "ulimit -n"),
        (errno.EFBIG, "ulimit -f"),
        (errno.ENOTEMPTY, os.strerror(errno.ENOTEMPTY)),
    ],
)
def test_errors_of_the_system_say_what_to_do(number: int, words: str) -> None:
    assert words in reason_of(OSError(number, os.strerror(number), "file"))


def test_an_error_without_a_number_speaks_for_itself() -> None:
    assert reason_of(OSError("the encoder failed")) == "the encoder failed"
