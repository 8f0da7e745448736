"""Output that nobody reads any more."""

import io
import os
import sys

from crossimage.utils.streams import LastingStream, print_error, silence


def test_a_stream_that_works_gets_everything(tmp_path):
    file = io.StringIO()
    stream = LastingStream(file, lambda error: None)
    assert stream.write("one") == 3
    stream.flush()
    assert file.getvalue() == "one" and not stream.isatty()


def test_a_closed_pipe_is_told_once_and_then_dropped():
    read, write = os.pipe()
    file = os.fdopen(write, "w")
    seen = []
    stream = LastingStream(file, seen.append)
    stream.write("one")
    os.close(read)
    for _ in range(3):
        stream.write("more")
        stream.flush()
    (error,) = seen
    assert isinstance(error, BrokenPipeError)
    file.close()  # what was waiting to be written is no error any more


def test_a_message_for_a_closed_stderr_is_dropped(monkeypatch):
    read, write = os.pipe()
    os.close(read)
    with os.fdopen(write, "w") as file:
        monkeypatch.setattr(sys, "stderr", file)
        print_error("nobody hears this")
        print_error("nor this")
    monkeypatch.setattr(sys, "stderr", None)
    print_error("nor that")


def test_streams_that_are_no_files_stay_as_they_are():
    silence(io.StringIO())
