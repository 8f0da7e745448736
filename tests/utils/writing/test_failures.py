"""Why a file cannot be written, and what to do."""

import errno
import os

import pytest

from crossimage.utils.writing.failures import file_of, reason_of


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


def test_a_copy_without_room_is_about_the_file_that_is_written() -> None:
    full = OSError(errno.ENOSPC, "full", "model", None, "copy")
    unread = OSError(errno.EIO, "broken", "model", None, "copy")
    assert (file_of(full), file_of(unread)) == ("copy", "model")
    assert file_of(OSError(errno.ENOSPC, "full", "model")) == "model"
