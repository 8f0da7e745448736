"""The command line as a whole: help, errors, exit statuses."""

import errno
import re
import signal
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from crossimage._version import __version__
from crossimage.utils.signals import Stop
from tests.cli.conftest import crossimage


def test_freed_memory_is_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    kept = []
    monkeypatch.setattr("crossimage.cli.app.keep_memory", lambda: kept.append(True))
    assert crossimage("recipes") == 0 and kept


def test_help_and_recipes_need_no_torch() -> None:
    commands = ["--help", "train --help", "translate --help", "train unit/emojis --help", "recipes"]
    code = (
        "import sys; from crossimage.cli.app import main\n"
        f"for command in {commands!r}: assert main(command.split()) == 0\n"
        "assert main(['runs', 'no_such_folder']) == 2\n"
        "assert main(['completion', 'fish', '--line', 'crossimage train munit precision=']) == 0\n"
        "assert 'torch' not in sys.modules"
    )
    done = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    assert "precision=bf16" in done.stdout


def _with(arguments: list[str], flag: str, value: str) -> list[str]:
    if flag not in arguments:
        return [*arguments, flag, value]
    at = arguments.index(flag) + 1
    return [*arguments[:at], value, *arguments[at + 1 :]]


def _impossible(run: str, folder: Path) -> list[tuple[list[str], str]]:
    """Return commands with impossible numbers and missing files, and what is said about them."""
    (folder / "in").mkdir()
    there, none, file = f"{folder}/in", f"{folder}/none", f"{run}/config.yaml"
    whole = {
        "translate": [run, there, "--out", "o"],
        "sample": [run, "--out", "o"],
        "video": [run, there, "--out", "o.mp4"],
        "serve": [run],
        "demo": [run],
        "evaluate": [run, "--data", there],
        "export": [run, "o.onnx"],
        "push": [run, "me/x"],
        "study make": ["preference", f"a={there}", "--out", "s"],
        "evaluate fit-classifier": ["--data", there, "--out", "c.safetensors"],
        "evaluate fit-segmenter": ["--data", there, "--palette", run, "--out", "s.safetensors"],
        "evaluate invariance": ["--data", there],
        "data make edges": ["--out", "e"],
        "import": [run, "--out", "m.safetensors"],
    }
    numbers = {
        "--threads": ("translate", "sample", "video", "serve", "demo", "evaluate"),
        "--batch-size": ("translate", "sample", "video", "serve"),
        "--size": ("translate", "video", "evaluate fit-classifier", "data make edges"),
        "--epochs": ("evaluate fit-classifier", "evaluate fit-segmenter"),
    }
    paths = {
        "--reference": ("translate", "video"),
        "--real": ("evaluate",),
        "--video": ("evaluate",),
        "--study": ("evaluate",),
        "--token-file": ("serve",),
        "--int8": ("export",),
        "--report": ("push",),
        "--data": ("study make", "evaluate invariance", "evaluate fit-classifier"),
        "--weights": ("evaluate fit-classifier", "evaluate fit-segmenter", "evaluate invariance"),
        "--from": ("data make edges",),
        "--config": ("import",),
    }
    wrong = [
        ([*command.split(), *_with(whole[command], flag, value)], said)
        for given, value, text in (
            (numbers, "0", "{} must be "), (paths, none, "there is no " + none + ", given with {}")
        )
        for flag, commands in given.items()
        for command in commands
        for said in [text.format(flag)]
    ]  # fmt: skip
    return [
        *wrong,
        (["translate", run, there, none, "--out", "o"], f"there is no {none}; expected an image"),
        (["translate", run, there, "--out", "o", "--format", "gfi"], "format 'gfi' is unknown"),
        (["translate", run, there, "--out", "o", "--truncation", "3"], "truncation must be"),
        (["translate", run, there, "--out", "o", "--memory", "lots"], "found 'lots', expected an"),
        (["translate", run, there, "--out", file], f"{file} is a file; expected a folder for"),
        (["translate", run, there, "--out", "o.png"], "o.png is named like an image; expected a"),
        (["sample", run, "--out", file], f"{file} is a file; expected a folder for"),
        (["video", run, there, "--out", "o.mp5"], "videos are written as .mp4, .m4v, .mov"),
        (["evaluate", "ablate", "munot", "--data", there, "--out", "o"], "did you mean 'munit'?"),
        (["evaluate", "ablate", "munit", "--data", none, "--out", "o"], f"there is no {none}"),
        (["evaluate", "--fake", str(folder)], "holds no images"),
        (["data", "make", "edgse", "--out", "o"], "did you mean 'edges'?"),
        (["train", "munit", there], f"the data set is given as --data {there}"),
        (["train", "munit", "--data", there, "--finish", "9m"], "runs holds no run of this"),
        (["video", run, none, "--out", "o.mp4"], f"there is no {none}; expected a video"),
        (["ledger", none], f"there is no {none}; expected the folder of results"),
        (["ledger", f"{none}/%06d.tar"], f"there is no {none}; expected the folder of results"),
        (["serve", run, "--port", "99999"], "--port 99999 is not a port"),
        (["import", "nvlabs-munit", none, "--out", "m.safetensors"], f"there is no {none}"),
        (["study", "analyse", none], f"there is no {none}; expected the folder of a study"),
        (["push", run, "mex"], "'mex' does not name a repository"),
        (["export", run, "o.txt"], "expected the name of a file that ends in .onnx"),
    ]


def _of_models(model: str) -> list[list[str]]:
    """Return a call of each command that takes a model."""
    return [
        ["translate", model, "x.png", "--out", "o"],
        ["video", model, "x.mp4", "--out", "o.mp4"],
        ["sample", model, "--out", "o"],
        ["demo", model],
        ["serve", model],
        ["export", model, "x.onnx"],
        ["push", model, "me/x"],
        ["evaluate", model, "--data", "x"],
        ["info", model],
        ["study", "make", "preference", model, "--data", "x", "--out", "o"],
        ["train", "munit", "--data", ".", "--init", model],
    ]


def test_what_is_misspelt_is_named_without_torch(tmp_path: Path) -> None:
    run = tmp_path / "run"
    run.mkdir()
    (run / "config.yaml").write_text("method: munit\nsteps: 2\n")
    (run / "environment.json").write_text('{"data": "x"}')
    (run / "model.safetensors").touch()
    tensorflow = tmp_path / "runs.ckpt"
    for suffix in (".index", ".data-00000-of-00001"):
        tensorflow.with_name(tensorflow.name + suffix).touch()
    recipe = tmp_path / "mine.yaml"
    recipe.write_text("method: cyclegan\nstepz: 2\n")
    wrong = [
        (["train", "munit/outlines", "--data", "x", "wieghts.cycle=1"], "mean 'weights.cycle'?"),
        (["train", "stargan", "--data", "x", "--crpo", "64"], "did you mean 'crop'?"),
        (["train", "--resume", str(run), "batchsize=1"], "did you mean 'batch_size'?"),
        (["train", str(recipe), "--data", "x"], "did you mean 'steps'?"),
        (["data", "inspect", "x", "munit", "bad_key=1"], "unknown key 'bad_key'"),
        (["train", "munit/outline", "--data", "x"], "did you mean 'munit/outlines'?"),
        (["train", "munit/outline"], "did you mean 'munit/outlines'?"),
        (["train", "munit", "--dta", "x"], "did you mean '--data'?"),
        (["train", "munit", "--data", "x", "--device", "cudo"], "did you mean 'cuda'?"),
        (["translate", f"{tmp_path}/rum", "x.png", "--out", "o"], f"did you mean '{run}'?"),
        (["translate", str(run), "x.png", "--out", "o", "--device", "cuda:"], "'cuda:'"),
        (["info", f"{tmp_path}/none"], "none does not exist; expected a model file"),
        (["compare", f"{tmp_path}/rum", str(run)], f"did you mean '{run}'?"),
        (["runs", str(tmp_path / "rnu")], f"did you mean '{run}'?"),
        (
            ["train", "munit", "--data", str(tmp_path), "--init", f"{tmp_path}/rum"],
            f"did you mean '{run}'?",
        ),
        *(
            (words, "looks like a file of a TensorFlow model; crossimage imports PyTorch")
            for words in _of_models(str(tensorflow))
        ),
        (["sample", "builtin:outlin", "--out", "o"], "did you mean 'outlines'?"),
        (["serve", "builtin:outlin"], "did you mean 'outlines'?"),
        (["demo", "builtin:outlin"], "did you mean 'outlines'?"),
        (["export", "builtin:outlin", "x.onnx"], "did you mean 'outlines'?"),
        (["push", "builtin:outlin", "me/x"], "did you mean 'outlines'?"),
        (["evaluate", str(run), "--data", "x", "--metrics", "fidd"], "did you mean 'fid'?"),
        (["evaluate", str(run)], "--data is missing"),
        *_impossible(str(run), tmp_path),
    ]
    code = (
        "import sys; from crossimage.cli.app import main\n"
        f"for arguments in {[arguments for arguments, _ in wrong]!r}:\n"
        "    assert main(arguments) == 2\n"
        "assert 'torch' not in sys.modules"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], check=False, capture_output=True, text=True, cwd=tmp_path
    )
    assert not done.returncode, done.stderr
    for line, (arguments, said) in zip(done.stderr.splitlines(), wrong, strict=True):
        assert said in line, arguments


def test_help_names_the_commands(capsys: pytest.CaptureFixture[str]) -> None:
    assert crossimage("--help") == 0
    said = capsys.readouterr().out
    assert crossimage() == 0
    assert capsys.readouterr().out == said
    for command in ("train", "translate", "data", "recipes", "--version"):
        assert command in said
    listed = re.findall(r"^  (\w+) +[A-Z].*\.$", said, re.MULTILINE)
    assert len(listed) >= 7
    for command in listed:
        assert crossimage(command, "--help") == 0
        said = capsys.readouterr().out
        assert "(default: None)" not in said and "{None}" not in said


def test_version_as_a_module() -> None:
    command = [sys.executable, "-m", "crossimage", "--version"]
    said = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    assert said == f"crossimage {__version__}\n"


def test_user_errors_are_one_sentence(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    def expect(*arguments: object) -> str:
        assert crossimage(*arguments) == 2
        said = capsys.readouterr().err
        assert said.startswith("crossimage: ") and said.count("\n") == 1
        return said

    train = ("train", "munit", "--data", tmp_path / "none", "--out", tmp_path / "run")
    assert "did you mean 'steps'" in expect(*train, "stepz=3")
    assert "none" in expect(*train)
    assert "'oops' is not understood: expected key=value" in expect(*train, "oops")
    assert "did you mean 'munit'" in expect("train", "munot", *train[2:])
    assert "nowhere" in expect("translate", tmp_path / "nowhere", "x.png", "--out", tmp_path)
    assert not (tmp_path / "run").exists()

    def full(**_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device", "R/config.yaml")

    monkeypatch.setattr("crossimage.training.run.run_training", full)
    (tmp_path / "none").mkdir()
    assert "R/config.yaml: the disk is full" in expect(*train)


@pytest.mark.parametrize(
    "command",
    [
        "train munit --data D --out",
        "translate RUN x.png --out",
        "data make outlines --out",
        "train munit --out R --data",
        "data inspect",
        "translate RUN --out o",
        "translate",
    ],
)
def test_empty_paths_are_not_the_working_folder(
    command: str,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    photos: Path,
    run: Path,
) -> None:
    monkeypatch.chdir(photos)
    before = sorted(photos.rglob("*"))
    rest = ["x.png", "--out", "o"] if command == "translate" else []
    assert crossimage(*command.replace("RUN", str(run)).split(), "", *rest) == 2
    said = capsys.readouterr().err
    assert "is empty; give a path" in said and said.count("\n") == 1
    assert sorted(photos.rglob("*")) == before


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (MemoryError(), ("out of memory", "batch_size, crop or resize")),
        (torch.OutOfMemoryError("CUDA out of memory. Tried"), ("out of GPU memory", "crop")),
        (RuntimeError("MPS backend out of memory (MPS allocated: 9 GB"), ("of GPU memory", "crop")),
        (RuntimeError("CUDA error: out of memory"), ("out of GPU memory", "crop")),
        (RuntimeError("DefaultCPUAllocator: not enough memory: you tried"), ("out of memory",)),
        (RuntimeError("DefaultCPUAllocator: can't allocate memory: you"), ("out of memory",)),
        (
            RuntimeError("DataLoader worker (pid 7) is killed by signal: Killed. "),
            ("pid 7", "fewer workers"),
        ),
        (RuntimeError("DataLoader worker (pid(s) 7) exited unexpectedly"), ("fewer workers",)),
    ],
)
def test_too_little_memory_is_one_sentence(
    error: Exception,
    words: tuple[str, ...],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    def fail(**_: object) -> None:
        raise error

    monkeypatch.setattr("crossimage.training.run.run_training", fail)
    monkeypatch.setenv("RANK", "1")  # it may be one process alone that has too little
    assert crossimage("train", "munit", "--data", ".", "--out", "R") == 2
    said = capsys.readouterr().err
    assert said.startswith("crossimage: ") and said.count("\n") == 1
    assert all(word in said for word in words)


_LACKING = NotImplementedError(
    "The operator 'aten::_linalg_eigh.eigenvalues' is not currently implemented for the MPS device."
    " If you want this op to be considered for addition please comment on\nhttps://example.org/1"
)
_NO_FLOAT64 = TypeError(
    "Cannot convert a MPS Tensor to float64 dtype as the MPS framework doesn't support float64. "
    "Please use float32 instead."
)


@pytest.mark.parametrize("error", [_LACKING, _NO_FLOAT64])
@pytest.mark.parametrize("command", ["train", "sample", "evaluate", "translate", "export"])
def test_what_apples_gpu_lacks_is_named_with_a_way_that_the_command_has(
    command: str,
    error: Exception,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    def fail(*_: object, **__: object) -> None:
        raise error

    monkeypatch.setattr("crossimage.training.run.run_training", fail)
    monkeypatch.setattr("crossimage.cli.app.app.run", fail)
    monkeypatch.setattr("crossimage.cli.evaluate.main", fail)
    rest = ["munit", "--data", "."] if command == "train" else ["builtin:outlines"]
    assert crossimage(command, *rest, "--out", "R") == 2
    said = capsys.readouterr().err
    assert said.startswith("crossimage: Apple's GPU (mps)") and said.count("\n") == 1
    assert ("aten::_linalg_eigh" if error is _LACKING else "float64") in said
    assert ("FALLBACK=1" in said) == (error is _LACKING)
    monkeypatch.undo()
    crossimage(command, "--help")
    own = "--device cpu" if "--device" in capsys.readouterr().out else "DISABLE_MPS=1"
    assert own in said and (own == "DISABLE_MPS=1") == (command == "export")


def test_errors_of_ours_keep_their_traceback(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(**_: object) -> None:
        raise RuntimeError("shapes do not fit")

    monkeypatch.setattr("crossimage.training.run.run_training", fail)
    with pytest.raises(RuntimeError, match="shapes"):
        crossimage("train", "munit", "--data", ".", "--out", "R")


@pytest.mark.parametrize("rank", ["RANK", "LOCAL_RANK"])
def test_of_several_processes_the_first_one_speaks(
    rank: str,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> None:
    train = ("train", "munit", "--data", tmp_path / "none", "--out", tmp_path / "run")
    for number, lines in (("0", 1), ("1", 0)):
        monkeypatch.setenv(rank, number)
        assert crossimage(*train) == 2
        assert capsys.readouterr().err.count("\n") == lines
    assert crossimage("translate", tmp_path / "none", "x.png", "--out", tmp_path) == 2
    assert "none" in capsys.readouterr().err


def test_interruption(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    def interrupt(**_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("crossimage.training.run.run_training", interrupt)
    assert crossimage("train", "munit", "--data", ".", "--out", "R") == 130
    assert capsys.readouterr().err == "crossimage: interrupted\n"


def test_a_stop_while_a_class_is_made_is_one(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def interrupt(**_: object) -> None:
        raise RuntimeError("Error calling __set_name__") from Stop(signal.SIGTERM)

    monkeypatch.setattr("crossimage.training.run.run_training", interrupt)
    assert crossimage("train", "munit", "--data", ".", "--out", "R") == 128 + signal.SIGTERM
    assert capsys.readouterr().err == "crossimage: stopped by SIGTERM\n"


def test_a_reader_that_leaves_early_is_no_error() -> None:
    command = [sys.executable, "-m", "crossimage", "train", "munit", "--help"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        assert process.stdout and process.stderr
        process.stdout.close()
        assert process.stderr.read() == b""


def test_unknown_arguments_and_commands(capsys: pytest.CaptureFixture[str], run: Path) -> None:
    assert crossimage("translate", run, "x.png", "--out", "o", "--smples", 3) == 2
    assert "--samples" in capsys.readouterr().err
    assert crossimage("trian") == 2
    assert crossimage("recipes", "x=3") == 2
