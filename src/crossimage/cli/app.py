"""The command line: parse, call, print.

Commands import what they need when they run, PyTorch above all, so that help appears at once.
"""

from __future__ import annotations

import io
import re
import shlex
import signal
import sys
import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import Any, TextIO

from crossimage._version import __version__
from crossimage.cli import evaluate as cli_evaluate
from crossimage.cli.checkpoints import import_, run_import
from crossimage.cli.commands import Commands
from crossimage.cli.completion import completer
from crossimage.cli.data import MAKERS, data_app, print_maker_help
from crossimage.cli.export import export, push
from crossimage.cli.overrides import collect_settings, options_last, refuse_repeated
from crossimage.cli.runs import compare, info, runs
from crossimage.cli.serve import demo, serve
from crossimage.cli.study import study_app
from crossimage.cli.train import recipes, run_train, train
from crossimage.cli.translate import ledger, sample, translate
from crossimage.cli.video import video
from crossimage.data.images.checks.limit import max_pixels_kept
from crossimage.utils.memory import is_out_of_memory, keep_memory
from crossimage.utils.rank import is_first_process
from crossimage.utils.reading import failed_read
from crossimage.utils.signals import Stop, raising_stops
from crossimage.utils.streams import open_missing_streams, print_error, silence
from crossimage.utils.texts.help_text import fill
from crossimage.utils.writing.failures import file_of, reason_of
from crossimage.utils.writing.folders import no_empty_folders, remove_empty_folders

app = Commands()

_PACKAGE = Path(__file__).parents[1]

COMMANDS: dict[str, Any] = {
    "train": train,
    "translate": translate,
    "sample": sample,
    "video": video,
    "ledger": ledger,
    "demo": demo,
    "serve": serve,
    "export": export,
    "push": push,
    "evaluate": cli_evaluate.evaluate,
    "import": import_,
    "recipes": recipes,
    "runs": runs,
    "info": info,
    "compare": compare,
    "data": data_app,
    "study": study_app,
}

_MEMORY_REMEDIES = {
    "train": "use a smaller batch_size, crop or resize",
    "translate": "use a smaller --batch-size or --size",
    "sample": "use a smaller --batch-size",
    "video": "use a smaller --batch-size or --size",
}
_GPU_MEMORY = re.compile(r"(CUDA|HIP|MPS|XPU)\b.* out of memory")

COMMANDS["completion"] = completer(app)
for _name, _command in COMMANDS.items():
    app.add(_name, _command)


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line.

    Args:
        argv: The arguments; by default those of the process.

    Returns:
        The exit status: 0 for success, 2 for a mistake in the arguments or the data, 3 if inputs
            were skipped and everything else was written, 128 + the number of a signal that stopped
            the command.
    """
    arguments = list(sys.argv[1:] if argv is None else argv)
    open_missing_streams()
    if isinstance(sys.stdout, io.TextIOWrapper):
        # bytes of file names that are not text are printed escaped
        sys.stdout.reconfigure(errors="backslashreplace")
    keep_memory()
    try:
        with raising_stops(), warnings.catch_warnings(), max_pixels_kept(), no_empty_folders():
            warnings.showwarning = _show_warning
            status = _run(arguments)
            if status != 0:
                remove_empty_folders()
        if sys.stdout:
            sys.stdout.flush()
        return status
    except SystemExit as stop:
        return stop.code if isinstance(stop.code, int) else int(stop.code is not None)
    except KeyboardInterrupt as stop:
        return _stopped(stop)
    except BrokenPipeError:
        # the reader, such as `head`, has seen enough
        silence(sys.stdout)
        return 1
    except (ValueError, OSError, MemoryError, RuntimeError, TypeError) as error:
        if isinstance(error.__cause__, KeyboardInterrupt):
            # Python 3.11 makes this of a stop within __set_name__, as while modules are imported
            return _stopped(error.__cause__)
        sentence = _sentence(error, arguments)
        if sentence is None:
            raise
        # all processes of a run see a mistake in arguments or data, and the first one reports it;
        # memory may run out in any single one of them
        seen_by_all = arguments[:1] == ["train"] and isinstance(error, ValueError | OSError)
        if is_first_process() or not seen_by_all:
            print_error(f"crossimage: {sentence}")
        return 2


def _stopped(stop: KeyboardInterrupt) -> int:
    """Say what stopped the command, and return its exit status."""
    number = stop.number if isinstance(stop, Stop) else signal.SIGINT
    name = signal.Signals(number).name
    by = "interrupted" if number == signal.SIGINT else f"stopped by {name}"
    print_error(f"crossimage: {by}")
    return 128 + number


def _show_warning(
    message: Warning | str,
    category: type[Warning],
    filename: str,
    lineno: int,
    file: TextIO | None = None,
    line: str | None = None,
) -> None:
    """Print a warning of ours as one sentence, without a line of code; others as usual."""
    if category is UserWarning and Path(filename).is_relative_to(_PACKAGE):
        print_error(f"crossimage: {message}")
    else:
        print_error(warnings.formatwarning(message, category, filename, lineno, line))


def _run(arguments: list[str]) -> int:
    if arguments in ([], ["-h"], ["--help"]):
        _print_commands()
        return 0
    if arguments == ["--version"]:
        print(f"crossimage {__version__}")
        return 0
    app.check(arguments)
    if arguments[:1] in (["translate"], ["export"]):
        arguments = collect_settings(arguments, ("--same-style", "--skip-existing"))
    if arguments[:1] == ["video"]:
        arguments = collect_settings(arguments, ("--side-by-side",))
    if arguments[:2] == ["data", "inspect"]:
        arguments = options_last(arguments, ("--no-estimate",))
    refuse_repeated(arguments)
    if arguments[:1] == ["train"]:
        return run_train(arguments[1:])
    elif arguments[:1] == ["import"]:
        run_import(arguments[1:])
    elif arguments[:1] == ["evaluate"]:
        return cli_evaluate.main(arguments[1:])
    else:
        asks = {"-h", "--help"} & set(arguments[3:])
        if asks and arguments[:2] == ["data", "make"] and arguments[2] in MAKERS:
            print_maker_help(arguments[2])
        app.run(arguments)
    return 0


def _sentence(error: Exception, arguments: list[str]) -> str | None:
    """Describe an error in one line; None for our own mistakes, which need a traceback."""
    if failed := failed_read(error):  # whatever a reader made of it
        return " ".join(str(failed).split())
    text = str(error)
    remedy = _MEMORY_REMEDIES.get("".join(arguments[:1]), "close other programs")
    if arguments[:1] == ["train"] and isinstance(error, MemoryError | RuntimeError):
        remedy = _with_less(arguments) or remedy
    # PyTorch's class, which may not be imported
    on_gpu = type(error).__name__ == "OutOfMemoryError" or _GPU_MEMORY.match(text)
    if on_gpu or is_out_of_memory(error):
        return f"out of {'GPU ' if on_gpu else ''}memory; {remedy}"
    if type(error).__name__ == "LostProcessError":  # of training, which may not be imported
        return text
    if (lacking := _lacking_on_mps(error, arguments)) is not None:
        return lacking
    if isinstance(error, TypeError):
        return None
    if isinstance(error, RuntimeError):
        if "DataLoader worker" not in text:
            return None
        return (
            f"a process that loads images died ({' '.join(text.split()).rstrip('. ')}), most "
            "likely because memory ran out; run the same command again with fewer workers, such "
            f"as workers=0, or {remedy}"
        )
    if isinstance(error, OSError) and error.strerror:
        reason = reason_of(error)
        file = file_of(error)
        text = f"{file}: {reason}" if file else reason
    return " ".join(text.split())


def _lacking_on_mps(error: Exception, arguments: list[str]) -> str | None:
    """Name what Apple's GPU lacks, and how to go on without it; None for other errors."""
    text = str(error)
    if not isinstance(error, NotImplementedError | TypeError) or "MPS" not in text:
        return None
    chooses = {"demo", "evaluate", "sample", "serve", "train", "translate", "video"}
    has_option = bool(chooses & set(arguments[:1]))
    on_cpu = "--device cpu" if has_option else "the environment variable DISABLE_MPS=1"
    again = "run the same command again with"
    if "float64" in text:
        return (
            "Apple's GPU (mps) has no numbers of 64 bits (float64), which a step of this command "
            f"needs; {again} {on_cpu}"
        )
    operator = re.search(r"aten::[\w.]+", text)
    return (
        f"Apple's GPU (mps) lacks the operation {operator[0] if operator else 'that is needed'}; "
        f"{again} the environment variable PYTORCH_ENABLE_MPS_FALLBACK=1, which lets the CPU "
        f"compute it, or with {on_cpu}"
    )


def _with_less(arguments: list[str]) -> str | None:
    """Return how to go on with a saved run that needs more memory than there is."""
    from crossimage.checkpoints.run_folder import newest_checkpoint
    from crossimage.cli.console import anew, out_of

    run = out_of(arguments)
    if run is None or newest_checkpoint(run) is None:
        return None
    command = shlex.join(["crossimage", *anew(arguments, run)])
    return (
        f"start a new run from the weights of this one, which is saved, with `{command}` and a "
        "smaller batch_size, crop or resize"
    )


def _print_commands() -> None:
    """List the commands; tyro would take twice as long, since it inspects each of them."""
    print("usage: crossimage COMMAND ...\n\nImage-to-image translation between domains.\n")
    for name, command in COMMANDS.items():
        print(fill(command.__doc__.splitlines()[0], f"  {name:12}", " " * 14))
    print("\nRun `crossimage COMMAND --help` for details, --version for the version.")
