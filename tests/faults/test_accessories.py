"""What a run shows may fail in any way: training and checkpoints go on, and it is told once."""

import errno
import io
import os
import pty
import shutil
import signal
import subprocess
import sys
import time
from contextlib import suppress
from functools import partial

import pytest

import crossimage
from crossimage.training import recorder
from crossimage.training.tensorboard import Board
from tests.conftest import slow, small
from tests.faults.harness import PATIENCE, await_saves, start, train_command, trained

SETTINGS = small("pix2pix", decay_steps=0, sample_every=2, page_every=2)


@pytest.fixture(scope="module")
def whole(pairs, tmp_path_factory):
    """A run that nothing has disturbed."""
    out = tmp_path_factory.mktemp("whole") / "run"
    crossimage.train("pix2pix", data=pairs, out=out, **SETTINGS)
    return trained(out)


WRITERS = [
    (recorder, "write_page", "the page index.html"),
    (recorder, "append_row", "metrics.csv"),
    (recorder, "drop_rows_after", "metrics.csv"),
    (recorder, "sheet", "a sample sheet"),
    (Board, "open", "the log for TensorBoard"),
    (Board, "scalars", "the log for TensorBoard"),
    (Board, "image", "the log for TensorBoard"),
    (Board, "flush", "the log for TensorBoard"),
]


@pytest.mark.parametrize(("owner", "writer", "name"), WRITERS)
@pytest.mark.parametrize(
    "number", [errno.ENOSPC, slow(errno.EIO), slow(errno.EROFS), slow(errno.ESTALE), None]
)
def test_a_failing_writer_is_told_once(
    owner, writer, name, number, pairs, tmp_path, whole, monkeypatch
):
    error = OSError(number, os.strerror(number)) if number else LookupError("never seen before")
    reason = os.strerror(number) if number else "LookupError: never seen before"

    def fail(*_, **__):
        raise error

    with monkeypatch.context() as patched:
        patched.setattr(owner, writer, fail)
        result = crossimage.train("pix2pix", data=pairs, out=tmp_path, **SETTINGS)
    (warning,) = result.warnings
    assert warning.startswith(f"{name} can't be written in {tmp_path} ({reason})")
    assert result.step == 6 and trained(tmp_path) == whole
    if writer != "write_page":
        assert reason in (tmp_path / "index.html").read_text()


def test_folders_that_are_deleted_meanwhile_are_made_anew(pairs, tmp_path, whole):
    def delete(progress):
        for name in ("samples", "logs"):
            shutil.rmtree(tmp_path / name)
        (tmp_path / "metrics.csv").unlink()
        (tmp_path / "index.html").unlink()

    settings = SETTINGS | {"sample_every": 1}
    result = crossimage.train("pix2pix", data=pairs, out=tmp_path, on_progress=delete, **settings)
    assert result.warnings == () and trained(tmp_path)["method"] == whole["method"]
    assert [sheet.name for sheet in result.sample_sheets] == ["step-00000006.jpg"]
    assert list((tmp_path / "logs").iterdir()) and result.page_path.is_file()


@pytest.mark.parametrize("name", ["index.html", "metrics.csv", "samples", "logs"])
def test_what_stands_where_a_file_belongs_stays(name, pairs, tmp_path, whole):
    foreign = tmp_path / name
    if "." in name:
        foreign.mkdir(parents=True)
        (foreign / "mine.txt").write_text("mine")
    else:
        foreign.write_text("mine")
    result = crossimage.train("pix2pix", data=pairs, out=tmp_path, **SETTINGS)
    assert len(result.warnings) == 1 and trained(tmp_path) == whole
    mine = foreign / "mine.txt" if "." in name else foreign
    assert mine.read_text() == "mine"


def excel(text):
    return "\ufeff" + text.replace(",", ";").replace(".", ",")


SPREADSHEETS = {
    "semicolons and decimal commas": (excel, True),
    "tabs": (lambda text: text.replace(",", "\t"), True),
    "another header": (lambda text: text.replace("seconds", "time"), True),
    "text in a cell": (lambda text: text.replace("\n2,", "\ntwo,"), True),
    "no steps": (lambda text: "\n".join(line.partition(",")[2] for line in text.split("\n")), True),
    "a byte order mark": (lambda text: "\ufeff" + text, False),
    "line ends of Windows": (lambda text: text.replace("\n", "\r\n"), False),
    "quotes": (
        lambda text: '"' + text.strip().replace(",", '","').replace("\n", '"\n"') + '"\n',
        False,
    ),
    "numbers with a point": (lambda text: text.replace("\n2,", "\n2.0,"), False),
}


@pytest.mark.parametrize("kind", SPREADSHEETS)
@pytest.mark.parametrize("running", [False, True])
def test_a_table_that_a_spreadsheet_has_saved_is_used_or_kept(
    kind, running, pairs, tmp_path, whole
):
    spoil, foreign = SPREADSHEETS[kind]
    table, aside = tmp_path / "metrics.csv", tmp_path / "metrics-1.csv"
    saved = []

    def save(progress=None):
        if not saved:
            text = spoil(table.read_text().replace("\r\n", "\n"))
            table.write_bytes(text.encode())
            saved.append(text)

    settings = {"data": pairs, "out": tmp_path}
    if running:
        result = crossimage.train("pix2pix", on_progress=save, **settings, **SETTINGS)
    else:
        crossimage.train("pix2pix", **settings, **SETTINGS | {"steps": 2})
        save()
        result = crossimage.train("pix2pix", **settings, **SETTINGS)
    assert result.step == 6 and trained(tmp_path) == whole
    if aside.exists():
        (warning,) = result.warnings
        assert str(table) in warning and "kept as metrics-1.csv" in warning
        assert aside.read_bytes().decode() == saved[0]
    else:
        assert not result.warnings
        assert {4, 6} <= {row.step for row in result.history} <= {2, 4, 6}
    if not running:
        assert aside.exists() == foreign


def reopen():
    """Make Python's streams anew: those that there are were opened on files."""
    sys.stdout, sys.stderr = (io.TextIOWrapper(io.FileIO(n, "w", closefd=False)) for n in (1, 2))


def closed_pipe():
    """Have nobody read what the process prints."""
    read, write = os.pipe()
    os.close(read)
    for stream in (1, 2):
        os.dup2(write, stream)
    reopen()


def closed_terminal():
    """Have the process print on a terminal whose window is closed."""
    window, terminal = pty.openpty()
    for stream in (0, 1, 2):
        os.dup2(terminal, stream)
    os.close(terminal)
    os.close(window)
    reopen()


def on_terminal(name):
    """Have the process print on a terminal."""
    terminal = os.open(name, os.O_RDWR | os.O_NOCTTY)
    for stream in (0, 1, 2):
        os.dup2(terminal, stream)
    os.close(terminal)
    reopen()


def full_disk():
    """Have the process print into a file on a full disk."""
    full = os.open("/dev/full", os.O_WRONLY)
    os.dup2(full, 1)


def no_streams():
    """Start the process without stdin, stdout and stderr."""
    for stream in (0, 1, 2):
        os.close(stream)


@pytest.mark.parametrize("gone", [closed_pipe, closed_terminal, full_disk, no_streams])
def test_a_run_whose_output_nobody_reads_goes_on(gone, pairs, tmp_path, whole):
    said = tmp_path / "said.txt"
    process = start(train_command(pairs, tmp_path / "run", SETTINGS, "pix2pix"), said, prepare=gone)
    process.join(PATIENCE)
    assert process.exitcode == 0 and trained(tmp_path / "run") == whole
    page = (tmp_path / "run" / "index.html").read_text()
    if gone is not no_streams:
        assert "The output can&#39;t be written" in page
    if gone is full_disk:
        assert said.read_text().count("No space left on device") == 1


def test_a_reader_that_has_seen_enough_does_not_end_the_run(pairs, tmp_path, whole):
    command = [sys.executable, "-m", "crossimage"]
    command += train_command(pairs, tmp_path / "run", SETTINGS, "pix2pix")
    errors = tmp_path / "errors.txt"
    with open(errors, "w") as stderr:
        process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=stderr)
        assert process.stdout.readline()
        process.stdout.close()
        assert process.wait(PATIENCE) == 0
    assert trained(tmp_path / "run") == whole
    assert errors.read_text().count("crossimage: the output can't be written (Broken pipe)") == 1


def test_a_terminal_that_is_closed_under_the_progress_bar_does_not_end_the_run(
    pairs, tmp_path, whole
):
    window, terminal = pty.openpty()
    command = train_command(pairs, tmp_path / "run", SETTINGS, "pix2pix")
    process = start(command, prepare=partial(on_terminal, os.ttyname(terminal)))
    seen = os.read(window, 1000)
    os.close(terminal)
    while b"0/6" not in seen:
        seen += os.read(window, 1000)
    os.close(window)
    process.join(PATIENCE)
    assert process.exitcode == 0 and trained(tmp_path / "run") == whole


def ignore_hangups():
    """Start the process as ``nohup`` does."""
    signal.signal(signal.SIGHUP, signal.SIG_IGN)


def test_a_signal_that_was_ignored_at_the_start_stays_ignored(pairs, tmp_path, whole):
    out = tmp_path / "run"
    process = start(train_command(pairs, out, SETTINGS, "pix2pix"), prepare=ignore_hangups)
    await_saves(out / "checkpoints", 1, process.is_alive)
    while process.is_alive():
        with suppress(ProcessLookupError):  # it may just have ended
            os.kill(process.pid, signal.SIGHUP)
        time.sleep(0.01)
    process.join(PATIENCE)
    assert process.exitcode == 0 and trained(out) == whole


def test_a_file_system_that_flushes_no_folders_is_good_enough(pairs, tmp_path, whole, monkeypatch):
    for number in (errno.EINVAL, errno.ENOTSUP, errno.ENOSYS):

        def refuse(handle, number=number):
            raise OSError(number, os.strerror(number))

        monkeypatch.setattr(os, "fsync", refuse)
        run = tmp_path / str(number)
        assert crossimage.train("pix2pix", data=pairs, out=run, **SETTINGS).warnings == ()
        assert trained(run) == whole


def test_a_disk_that_fails_to_flush_a_checkpoint_stops_the_run(pairs, tmp_path, monkeypatch):
    def fail(handle):
        raise OSError(errno.EIO, os.strerror(errno.EIO))

    monkeypatch.setattr(os, "fsync", fail)
    with pytest.raises(ValueError, match=r"cannot write .*: Input/output error.* same command"):
        crossimage.train("pix2pix", data=pairs, out=tmp_path / "run", **SETTINGS)


@pytest.mark.parametrize("number", [errno.ENOLCK, errno.ENOSYS, errno.ENOTSUP])
def test_a_file_system_without_locks_is_one_sentence(pairs, tmp_path, monkeypatch, number):
    def refuse(*_):
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr("portalocker.portalocker.LOCKER", refuse)
    with pytest.raises(ValueError, match="choose an --out on another file system"):
        crossimage.train("pix2pix", data=pairs, out=tmp_path / "run", **SETTINGS)
