"""The command line: parse, call, print.

What a command needs is imported inside it, PyTorch above all, so that help appears at once.
"""

from __future__ import annotations

import dataclasses
import errno
import inspect
import io
import os
import re
import sys
import textwrap
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Annotated, Any, Literal

import tyro
from tyro.conf import Positional

from crossimage import __version__, cli_evaluate
from crossimage.allocation import keep_memory
from crossimage.files import as_path
from crossimage.names import did_you_mean

app = tyro.extras.SubcommandApp()
data_app = tyro.extras.SubcommandApp()

Recipe = Annotated[str, tyro.conf.arg(metavar="RECIPE|METHOD")]
Data = Annotated[str, tyro.conf.arg(metavar="DIR")]
# Paths that may not be empty stay text until that is checked: Path("") is the working folder.
Run = Annotated[str, tyro.conf.arg(metavar="RUN")]
Out = Annotated[str, tyro.conf.arg(metavar="DIR")]
Name = Annotated[str, tyro.conf.arg(metavar="NAME")]
Inputs = Annotated[tuple[str, ...], tyro.conf.arg(metavar="INPUT...")]
Settings = Annotated[tuple[str, ...], tyro.conf.arg(metavar="[RECIPE] [KEY=VALUE...]")]
Checkpoint = Annotated[tuple[str, ...], tyro.conf.arg(metavar="[FORMAT] FILE...")]
Model = Annotated[str, tyro.conf.arg(metavar="MODEL")]
References = Annotated[tuple[Path, ...], tyro.conf.arg(metavar="IMG...")]


def train(
    recipe: Positional[Recipe], data: Data, out: Run, init: Path | None = None, devices: int = 1
) -> dict[str, Any]:
    """Train a method on two folders of images, or continue a run.

    Args:
        recipe: A recipe (`crossimage recipes` lists them), a method, or a .yaml file. Keys of its
            configuration may follow as key=value or --key value; `crossimage train RECIPE --help`
            lists them.
        data: Folder with trainA and trainB, with train/<domain>, or of side-by-side pairs; or
            lists of files as A=a.txt,B=b.txt. For stargan class folders or tables of attributes,
            several with commas; for srgan and gan one folder of images or list of files.
        out: Folder of the run; one with a checkpoint of the same configuration is continued.
        init: Model file or run whose networks and weights a new run starts from.
        devices: Processes on this machine, each with its own device.
    """
    # Only parses: the method's keys, which are not known here, follow in _train.
    return {
        "recipe": recipe,
        "data": data,
        "out": as_path(out, "--out"),
        "init": init,
        "devices": devices,
    }


def _train(arguments: list[str]) -> int:
    if {"-h", "--help"} & set(arguments[1:]) and not arguments[0].startswith("-"):
        _print_settings(arguments[0])
        return 0
    known, rest = tyro.cli(train, prog="crossimage train", args=arguments, return_unknown_args=True)
    from crossimage.config import parse_overrides

    overrides = parse_overrides(rest)
    from crossimage.run import train as run

    return run(**known, overrides=overrides)


def translate(
    run: Positional[Run],
    inputs: Positional[Inputs],
    *,
    out: Out,
    to: str | None = None,
    samples: int = 1,
    reference: References = (),
    same_style: bool = False,
    seed: int | None = None,
    size: int | None = None,
    format: str | None = None,
    batch_size: int = 4,
    device: str = "auto",
    precision: Literal["fp32", "bf16"] = "fp32",
) -> None:
    """Translate images with a trained model.

    Args:
        run: A run folder or a model file.
        inputs: Images, folders (with all sub-folders) and patterns.
        out: Folder for the results, which keep the inputs' names.
        to: The target domain; the only possible one or the second one by default. Of models with
            labels a label, values such as Male=1,Young=0, of which those not named are 0, or all:
            for each label a picture, and sheet.png.
        samples: Answers an input, each with a random style or noise.
        reference: Images of the target domain whose style is taken; several give every input one
            answer each.
        same_style: Use the same random styles for all inputs.
        seed: Makes the random styles reproducible.
        size: Resize inputs to this shortest side first, in pixels.
        format: Type of the results (png, jpg, webp, bmp, tif); each input's own by default.
        batch_size: Images that pass through the networks together; one by one where these draw
            noise of their own (dropout).
        device: Where to compute: auto, cpu, cuda, cuda:1, ...
        precision: bf16 is about three times as fast on hardware that has it, and not quite exact.
    """
    folder = as_path(out, "--out")
    from crossimage.labels import parse_target
    from crossimage.translator import load

    model = load(run, device, precision=precision)
    target = parse_target(to) if to and model.networks.labels else to
    report = model.translate_files(
        inputs, folder, target, samples=samples, reference=reference or None, same_style=same_style,
        seed=seed, size=size, format=format, batch_size=batch_size, progress=sys.stderr.isatty(),
    )  # fmt: skip
    for _, reason in report.skipped:
        print(f"skipped: {reason}", file=sys.stderr)
    written, skipped = len(report.written), len(report.skipped)
    unread = f"; {_count(skipped, 'input')} skipped" if skipped else ""
    print(f"{_count(written, 'image')} written to {out}{unread}")


def sample(
    run: Positional[Run],
    *,
    out: Out,
    samples: int = 16,
    seed: int | None = None,
    format: str = "png",
    batch_size: int = 64,
    device: str = "auto",
) -> None:
    """Make images of noise with a trained model that translates none (gan).

    Args:
        run: A run folder or a model file.
        out: Folder for the images, 0001.png and so on, and sheet.png with the first 64 of them.
        samples: How many images.
        seed: Makes the images reproducible; the first ones are the same however many there are.
        format: Type of the images (png, jpg, webp, bmp, tif).
        batch_size: Images that the networks make together.
        device: Where to compute: auto, cpu, cuda, cuda:1, ...
    """
    folder = as_path(out, "--out")
    from crossimage.translator import load

    written = load(run, device).sample_files(
        samples, folder, seed=seed, format=format, batch_size=batch_size,
        progress=sys.stderr.isatty(),
    )  # fmt: skip
    print(f"{_count(len(written), 'image')} written to {out}")


def import_(
    files: Positional[Checkpoint], *, out: Model, config: Path | None = None
) -> tuple[tuple[str, ...], str, Path | None]:
    """Turn a checkpoint of another codebase into a model file.

    Args:
        files: Name of the format (nvlabs-munit, nvlabs-unit, junyanz-cyclegan, junyanz-pix2pix,
            junyanz-bicyclegan, yunjey-stargan; recognised where it is left out) and the
            checkpoint's files: generators, encoders, then discriminators if wanted. Settings that
            the files can't tell may follow as key=value; docs/import.md lists them.
        out: The model file to write (.safetensors).
        config: The codebase's own config file (.yaml), where it has one.
    """
    # Only parses: what is key=value is sorted out in _import.
    return files, out, config


def _import(arguments: list[str]) -> None:
    (files_and_settings, out, config), rest = tyro.cli(
        import_, prog="crossimage import", args=arguments, return_unknown_args=True
    )
    words = [*files_and_settings, *rest]
    settings = [word for word in words if "=" in word and not Path(word).exists()]
    files = [word for word in words if word not in settings]
    for word in files:
        if word.startswith("-"):
            raise ValueError(f"'{word}' is not understood: expected a file or key=value")
    options = dict(word.removeprefix("--").split("=", 1) for word in settings)
    from crossimage.interop import FORMATS, import_model

    format = None
    if files and (files[0] in FORMATS or not Path(files[0]).exists()):
        # A word near a format's name, which is no file, is taken for one that is misspelt.
        format = files.pop(0) if did_you_mean(files[0], FORMATS) else None
    target = as_path(out, "--out")
    for note in import_model(files, target, format, options, config):
        print(note)
    print(f"model written to {out}")


@data_app.command(name="inspect")
def data_inspect(data: Positional[Data], settings: Positional[Settings] = ()) -> None:
    """Read every image of a data set and report what is there and what training would do.

    Args:
        data: What `crossimage train --data` takes.
        settings: The recipe or method to train with, and keys of its configuration.
    """
    from crossimage.config import parse_overrides
    from crossimage.data.inspect import inspect as look
    from crossimage.data.inspect import print_report

    method, config = None, None
    if settings:
        named = "=" not in settings[0]
        overrides = parse_overrides(settings[named:])
        method, config = _configured(settings[0] if named else None, overrides)
    known = {}
    if method:
        known = {"layout": method.layout, "labelled": method.needs_labels(config)}
    print_report(look(data, config, **known))


@data_app.command(name="make")
def data_make(
    name: Positional[Name],
    out: Out,
    originals: Annotated[str | None, tyro.conf.arg(name="from", metavar="DIR")] = None,
    photos: Annotated[str | None, tyro.conf.arg(metavar="DIR")] = None,
    seed: int = 0,
    count: int | None = None,
    test_count: int | None = None,
    size: int | None = None,
) -> None:
    """Make a data set.

    Args:
        name: Which: outlines (outlines of shapes against coloured shapes), outline_pairs (of the
            same shapes), the digits of mnist2usps, usps2mnist, svhn2mnist, mnist2mnistm
            and mnistm2mnist, or one folder of images, mnist or fashion.
        out: Folder to make.
        originals: Folder with the original files of the digits or of Fashion-MNIST, in any
            sub-folders.
        photos: Folder of photos, to blend the digits of MNIST-M into.
        seed: Another seed, other images or another choice of them.
        count: Training images a domain.
        test_count: Test images a domain, of the outlines (20).
        size: Height and width of the outlines, in pixels (64).
    """
    from crossimage.data.digits import MAKERS as DIGITS
    from crossimage.data.synthetic import MAKERS

    makers = MAKERS | DIGITS
    if name not in makers:
        hint = did_you_mean(name, makers)
        raise ValueError(f"there is no data set '{name}' to make, only {', '.join(makers)}{hint}")
    given: dict[str, Any] = {
        "originals": None if originals is None else as_path(originals, "--from"),
        "photos": None if photos is None else as_path(photos, "--photos"),
        "count": count,
        "test_count": test_count,
        "size": size,
    }
    taken = inspect.signature(makers[name]).parameters
    for key, value in given.items():
        flag = "--from" if key == "originals" else f"--{key.replace('_', '-')}"
        if value is not None and key not in taken:
            raise ValueError(f"{name} takes no {flag}")
        if value is None and key in taken and taken[key].default is inspect.Parameter.empty:
            raise ValueError(f"{name} needs {flag}; `crossimage data make --help` says what it is")
    options = {key: value for key, value in given.items() if value is not None}
    makers[name](as_path(out, "--out"), seed=seed, **options)
    print(f"{name} written to {out}")


def recipes() -> None:
    """List the recipes: published experiments, ready to train."""
    from crossimage.recipes import list_recipes

    known = list_recipes()
    width = max((len(name) for name, _ in known), default=0)
    for name, description in known:
        print(f"{name:{width}}  {description}".rstrip())


COMMANDS: dict[str, Any] = {
    "train": train,
    "translate": translate,
    "sample": sample,
    "evaluate": cli_evaluate.evaluate,
    "import": import_,
    "recipes": recipes,
    "data": data_app,
}
data_app.__doc__ = "Look at training data, or make some."

for _name, _command in COMMANDS.items():
    app.command(_command, name=_name, help=_command.__doc__)


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line.

    Args:
        argv: The arguments; those of the process by default.

    Returns:
        The exit status: 0 done, 2 a mistake in the arguments or the data, 128 + the
            number of the signal that stopped it.
    """
    arguments = list(sys.argv[1:] if argv is None else argv)
    if isinstance(sys.stdout, io.TextIOWrapper):
        # File names that are no text are printed with their bytes escaped.
        sys.stdout.reconfigure(errors="backslashreplace")
    keep_memory()
    try:
        status = _run(arguments)
        sys.stdout.flush()
        return status
    except SystemExit as stop:
        return stop.code if isinstance(stop.code, int) else int(stop.code is not None)
    except KeyboardInterrupt:
        print("crossimage: interrupted", file=sys.stderr)
        return 130
    except BrokenPipeError:
        # The reader of our output, such as `head`, has seen enough; Python shall not flush again.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    except (ValueError, OSError, MemoryError, RuntimeError) as error:
        sentence = _sentence(error, arguments)
        if sentence is None:
            raise
        # What is wrong with arguments or data all processes of a run find; memory may end for one.
        if not isinstance(error, ValueError | OSError) or _speaks(arguments):
            print(f"crossimage: {sentence}", file=sys.stderr)
        return 2


def _run(arguments: list[str]) -> int:
    if arguments in ([], ["-h"], ["--help"]):
        _print_commands()
    elif arguments == ["--version"]:
        print(f"crossimage {__version__}")
    elif arguments[:1] == ["train"]:
        return _train(arguments[1:])
    elif arguments[:1] == ["import"]:
        _import(arguments[1:])
    elif arguments[:1] == ["evaluate"]:
        return cli_evaluate.main(arguments[1:])
    else:
        app.cli(prog="crossimage", args=arguments, config=(tyro.conf.FlagCreatePairsOff,))
    return 0


def _speaks(arguments: list[str]) -> bool:
    """Whether this process prints what all find: of the processes of a run, the first one does."""
    ranks = (os.environ.get(name) or "0" for name in ("RANK", "LOCAL_RANK", "NODE_RANK"))
    return arguments[:1] != ["train"] or set(ranks) == {"0"}


def _sentence(error: Exception, arguments: list[str]) -> str | None:
    """An error in one line; None for an error of ours, whose traceback is wanted."""
    text = str(error)
    smaller = (
        "use a smaller batch_size, crop or resize"
        if arguments[:1] == ["train"]
        else "use a smaller --batch-size or --size"
        if arguments[:1] == ["translate"]
        else "use a smaller --batch-size"
        if arguments[:1] == ["sample"]
        else "close other programs"
    )
    # PyTorch's own error is known by its name, for PyTorch may not have been imported.
    if isinstance(error, MemoryError) or "can't allocate memory" in text:
        return f"the memory is full; {smaller}"
    if type(error).__name__ == "OutOfMemoryError":
        return f"the GPU's memory is full; {smaller}"
    if isinstance(error, RuntimeError):
        if "DataLoader worker" not in text:
            return None
        return (
            f"a process that loads images died ({' '.join(text.split()).rstrip('. ')}), most "
            "likely because the memory is full; use fewer workers or a smaller batch_size, crop "
            "or resize, and run the same command again"
        )
    if isinstance(error, OSError) and error.strerror:
        reason = error.strerror
        if error.errno in {errno.ENOSPC, errno.EDQUOT}:
            reason = "the disk is full; make room and run the same command again"
        text = f"{error.filename}: {reason}" if error.filename else reason
    return " ".join(text.split())


def _count(number: int, what: str) -> str:
    return f"{number} {what}{'' if number == 1 else 's'}"


def _print_commands() -> None:
    """Print what there is; tyro would take twice as long, for it looks into every command."""
    print("usage: crossimage COMMAND ...\n\nImage-to-image translation between domains.\n")
    for name, command in COMMANDS.items():
        print(f"  {name:11}{command.__doc__.splitlines()[0]}")
    print("\n`crossimage COMMAND --help` says more; --version prints the version.")


def _print_settings(recipe: str) -> None:
    """Print every key of a recipe's method with its value there and what it means."""
    _, config = _configured(recipe)
    print(f"usage: crossimage train {recipe} --data DIR --out RUN [key=value ...]\n")
    print("Keys and their values here, to be set as key=value or --key value:\n")
    for key, value, text in _described(config):
        print(f"  {key}={_as_text(value)}")
        print(textwrap.fill(text, 88, initial_indent=" " * 6, subsequent_indent=" " * 6))


def _configured(recipe: str | None, overrides: dict[str, Any] | None = None) -> tuple[Any, Any]:
    """The method's class and the configuration of a recipe or method.

    Without one: None, and the configuration that all methods share.
    """
    from crossimage.config import Config, build

    if recipe is None:
        return None, build(Config, overrides or {})
    from crossimage.recipes import resolve

    method, settings = resolve(recipe)
    from crossimage.methods import METHODS

    if method not in METHODS:
        raise ValueError(f"{recipe}: unknown method '{method}'; known are {', '.join(METHODS)}")
    found = METHODS[method]
    return found, build(found.Config, settings, overrides or {}, source=recipe)


def _described(config: Any, prefix: str = "") -> Iterator[tuple[str, Any, str]]:
    """Dotted name, value and description of every value of a config."""
    texts: dict[str, str] = {}
    for cls in reversed(type(config).__mro__):
        _, _, attributes = (inspect.getdoc(cls) or "").partition("Attributes:\n")
        texts |= dict(re.findall(r"^    (\w+): (.*(?:\n {8}.*)*)", attributes, re.MULTILINE))
    for field in dataclasses.fields(config):
        value = getattr(config, field.name)
        if dataclasses.is_dataclass(value):
            yield from _described(value, f"{prefix}{field.name}.")
        else:
            text = " ".join(texts.get(field.name, "").replace("``", "").split())
            yield prefix + field.name, value, text


def _as_text(value: Any) -> str:
    """A value as the command line takes it."""
    if value is None or isinstance(value, bool):
        return {None: "null", True: "true", False: "false"}[value]
    if isinstance(value, tuple | list):
        if any(isinstance(part, tuple | list) for part in value):
            return f"[{','.join(f'[{_as_text(part)}]' for part in value)}]"
        return ",".join(map(str, value))
    return str(value)
