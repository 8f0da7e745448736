"""The command ``crossimage`` before its command line is there."""

import signal
import subprocess
import sys

import pytest

from crossimage.__main__ import run


def test_ctrl_c_prints_no_traceback_before_and_after_the_command(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    seen = []

    def main() -> int:
        seen.append(signal.getsignal(signal.SIGINT))
        return 3

    monkeypatch.setattr("crossimage.cli.app.main", main)
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        assert run() == 3
        assert seen == [signal.SIG_DFL]
    finally:
        signal.signal(signal.SIGINT, before)


@pytest.mark.skipif(sys.platform == "win32", reason="Windows ends processes in another way")
def test_ctrl_c_while_the_command_line_is_loaded_ends_the_process() -> None:
    code = (
        "import signal, sys\n"
        "class Interrupting:\n"
        "    def find_spec(self, name, path=None, target=None):\n"
        "        if name == 'crossimage.cli': signal.raise_signal(signal.SIGINT)\n"
        "sys.meta_path.insert(0, Interrupting())\n"
        "from crossimage.__main__ import run; run()\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == -signal.SIGINT and not done.stderr
