"""The command ``crossimage``, also as ``python -m crossimage``."""

import signal
import sys


def run() -> int:
    """Run the command line and return the exit status.

    Before it has begun, and after it has ended, Ctrl-C ends the process without a traceback.
    """
    if signal.getsignal(signal.SIGINT) is signal.default_int_handler:
        signal.signal(signal.SIGINT, signal.SIG_DFL)
    if sys.argv[1:2] == ["train"]:
        from crossimage.training.processes.process_locks import announce

        announce()
    from crossimage.cli.app import main

    status = main()
    if status == 0 and (locks := sys.modules.get("crossimage.training.processes.process_locks")):
        locks.leave()
    return status


if __name__ == "__main__":
    sys.exit(run())
