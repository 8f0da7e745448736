import errno
import math
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from crossimage._version import __version__
from crossimage.checkpoints.model_file import save_model
from crossimage.cli.app import main
from crossimage.methods.gan import GAN, GANConfig
from crossimage.methods.munit import MUNIT, MUNITConfig
from crossimage.methods.settings import MultiScaleShape

SHAPE: dict[str, Any] = dict(
    domains=("edges", "shoes"), width=2, residual_blocks=1, style_dim=3, style_downsamples=2,
    mlp_width=4, crop=(32, 32), discriminator=MultiScaleShape(width=2, layers=2, scales=1),
)  # fmt: skip


@pytest.fixture
def run(tmp_path: Path) -> Path:
    torch.manual_seed(0)
    (tmp_path / "run").mkdir()
    save_model(tmp_path / "run" / "model.safetensors", MUNIT(MUNITConfig(**SHAPE), training=False))
    return tmp_path / "run"


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    folder = tmp_path / "photos"
    folder.mkdir()
    for name in ("x.png", "y.jpg"):
        Image.new("RGB", (20, 16), "teal").save(folder / name)
    return folder


@pytest.fixture
def calls(monkeypatch: pytest.MonkeyPatch) -> list[dict[str, Any]]:
    """What `crossimage train` asks for, in place of a training."""
    found: list[dict[str, Any]] = []

    def train(**arguments: Any) -> None:
        found.append(arguments)

    monkeypatch.setattr("crossimage.training.run.run_training", train)
    monkeypatch.setattr("crossimage.cli.console.ConsoleListener.report", lambda *_: 0)
    return found


def crossimage(*arguments: object) -> int:
    return main([str(argument) for argument in arguments])


def test_freed_memory_is_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    kept = []
    monkeypatch.setattr("crossimage.cli.app.keep_memory", lambda: kept.append(True))
    assert crossimage("recipes") == 0 and kept


def test_help_and_recipes_need_no_torch() -> None:
    for arguments in (["--help"], ["train", "--help"], ["translate", "--help"], ["recipes"]):
        code = (
            "import sys; from crossimage.cli.app import main; "
            f"assert main({arguments!r}) == 0; assert 'torch' not in sys.modules"
        )
        subprocess.run([sys.executable, "-c", code], check=True, capture_output=True)


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


def test_version_as_a_module() -> None:
    command = [sys.executable, "-m", "crossimage", "--version"]
    said = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    assert said == f"crossimage {__version__}\n"


def test_train_passes_overrides_on(calls: list[dict[str, Any]]) -> None:
    arguments = (
        "train munit steps=5 --data D --weights.cycle 10 --out R --learning-rate=3e-4 --no-flip"
    )
    assert crossimage(*arguments.split(), "crop=64,48") == 0
    (call,) = calls
    assert (call["recipe"], call["data"], call["out"]) == ("munit", "D", Path("R"))
    assert call["overrides"]["steps"] == 5
    assert call["overrides"]["weights"] == {"cycle": 10}
    assert call["overrides"]["flip"] is False
    assert call["overrides"]["crop"] == "64,48"
    assert float(call["overrides"]["learning_rate"]) == 3e-4


def test_train_takes_list_files_as_data(calls: list[dict[str, Any]]) -> None:
    assert crossimage("train", "munit", "--data", "A=a.txt,B=b.txt", "--out", "R") == 0
    assert calls[0]["data"] == "A=a.txt,B=b.txt" and calls[0]["overrides"] == {}


def test_train_needs_data_and_out(
    calls: list[dict[str, Any]], capsys: pytest.CaptureFixture[str]
) -> None:
    assert crossimage("train", "munit", "--out", "R") == 2
    assert "--data" in capsys.readouterr().err
    assert crossimage("train", "munit", "--data", "D") == 2
    assert "--out" in capsys.readouterr().err
    assert not calls


def test_train_help_lists_the_methods_keys(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    recipe = tmp_path / "mine.yaml"
    recipe.write_text("method: munit\nsteps: 77\nweights: {cycle: 3}\n")
    assert crossimage("train", recipe, "--help") == 0
    said = capsys.readouterr().out
    assert "  steps=77\n      Training steps;" in said
    assert "  weights.cycle=3.0\n      Style-augmented" in said
    assert "  crop=256,256\n" in said and "  flip=true\n" in said and "value_range=null" in said
    lines = said.splitlines()
    keys = [i for i, line in enumerate(lines) if line.startswith("  ") and line[2] != " "]
    assert len(keys) > 30
    assert not [lines[i] for i in keys if not lines[i + 1].startswith("      ")]


def test_values_in_the_help_are_taken_back(
    capsys: pytest.CaptureFixture[str], calls: list[dict[str, Any]]
) -> None:
    from crossimage.config import build

    crossimage("train", "munit", "--help")
    lines = capsys.readouterr().out.splitlines()
    settings = [line.strip() for line in lines if line.startswith("  ") and line[2] != " "]
    assert crossimage("train", "munit", "--data", "D", "--out", "R", *settings) == 0
    assert build(MUNITConfig, calls[0]["overrides"]) == MUNITConfig()


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
        (MemoryError(), ("memory is full", "batch_size, crop or resize")),
        (torch.OutOfMemoryError("CUDA out of memory. Tried"), ("GPU's memory is full", "crop")),
        (RuntimeError("DefaultCPUAllocator: can't allocate memory: you"), ("memory is full",)),
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
    assert crossimage("train", "munit", "--data", "D", "--out", "R") == 2
    said = capsys.readouterr().err
    assert said.startswith("crossimage: ") and said.count("\n") == 1
    assert all(word in said for word in words)


def test_errors_of_ours_keep_their_traceback(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(**_: object) -> None:
        raise RuntimeError("shapes do not fit")

    monkeypatch.setattr("crossimage.training.run.run_training", fail)
    with pytest.raises(RuntimeError, match="shapes"):
        crossimage("train", "munit", "--data", "D", "--out", "R")


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
    assert crossimage("train", "munit", "--data", "D", "--out", "R") == 130
    assert capsys.readouterr().err == "crossimage: interrupted\n"


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


def test_translate_files(
    capsys: pytest.CaptureFixture[str], run: Path, photos: Path, tmp_path: Path
) -> None:
    out = tmp_path / "out"
    assert crossimage(
        "translate", run, photos, "--out", out, "--to", "shoes", "--samples", 2, "--seed", 3,
        "--size", 12, "--format", "png", "--batch-size", 3, "--device", "cpu", "--same-style",
    ) == 0  # fmt: skip
    assert sorted(p.name for p in out.iterdir()) == ["x_1.png", "x_2.png", "y_1.png", "y_2.png"]
    with Image.open(out / "x_1.png") as image:
        assert image.size == (15, 12)
    assert capsys.readouterr().out == f"4 images written to {out}\n"


def test_translate_with_references(run: Path, photos: Path, tmp_path: Path) -> None:
    x, y, out = photos / "x.png", photos / "y.jpg", tmp_path / "out"
    assert crossimage("translate", run, x, y, "--reference", x, y, "--out", out) == 0
    assert sorted(p.name for p in out.iterdir()) == ["x_1.png", "x_2.png", "y_1.jpg", "y_2.jpg"]


def test_translate_names_what_it_skips(
    capsys: pytest.CaptureFixture[str], run: Path, photos: Path, tmp_path: Path
) -> None:
    (photos / "y.jpg").write_text("no image")
    assert crossimage("translate", run, photos, "--out", tmp_path / "out") == 0
    said = capsys.readouterr()
    assert said.err.startswith("skipped: ") and "y.jpg" in said.err
    assert said.out == f"1 image written to {tmp_path / 'out'}; 1 input skipped\n"
    assert crossimage("translate", run, photos / "y.jpg", "--out", tmp_path / "out") == 2
    assert "none of the 1 inputs could be read" in capsys.readouterr().err
    assert crossimage("translate", run, "--out", tmp_path / "out") == 2
    assert "among no inputs" in capsys.readouterr().err


def test_sample_makes_images_of_noise(
    capsys: pytest.CaptureFixture[str], run: Path, tmp_path: Path
) -> None:
    model, out = tmp_path / "gan.safetensors", tmp_path / "out"
    save_model(model, GAN(GANConfig(crop=(16, 16), width=2, z_dim=3), training=False))
    make = ("sample", model, "--out", out, "--samples", 3, "--seed", 1, "--device", "cpu")
    assert crossimage(*make, "--format", "jpg", "--batch-size", 2) == 0
    assert capsys.readouterr().out == f"3 images written to {out}\n"
    assert sorted(p.name for p in out.iterdir()) == [
        "0001.jpg", "0002.jpg", "0003.jpg", "sheet.png",
    ]  # fmt: skip
    assert crossimage("sample", run, "--out", out) == 2
    assert "this munit does not make images from noise; use translate" in capsys.readouterr().err
    assert crossimage("translate", model, run, "--out", out) == 2
    assert "this gan makes images from noise only; use sample" in capsys.readouterr().err
    assert crossimage("sample", model, "--out", "") == 2
    assert "--out is empty" in capsys.readouterr().err


def test_data_make_and_inspect(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    out = tmp_path / "data"
    make = ("data", "make", "outlines", "--out", out, "--count", 3, "--size", 32, "--seed", 1)
    assert crossimage(*make, "--test-count", 2) == 0
    assert [len(list((out / f).iterdir())) for f in ("trainA", "testA")] == [3, 2]
    capsys.readouterr()
    assert crossimage("data", "inspect", out) == 0
    assert "3" in capsys.readouterr().out
    assert crossimage("data", "make", "outline", "--out", tmp_path / "more") == 2
    assert "did you mean 'outlines'" in capsys.readouterr().err
    assert crossimage("data", "inspect", tmp_path / "nowhere") == 2


def test_data_inspect_describes_a_recipe(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    data, recipe = tmp_path / "data", tmp_path / "mine.yaml"
    recipe.write_text("method: munit\nresize: 80\ncrop: 64\nsteps: 30\ndomains: [x, y]\n")
    assert crossimage("data", "make", "outlines", "--out", data, "--count", 4, "--size", 32) == 0

    def look(*arguments: object) -> str:
        capsys.readouterr()
        assert crossimage("data", "inspect", data, *arguments) == 0
        return capsys.readouterr().out

    assert "resize the shortest side to 256 px and crop 256 x 256" in look()
    said = look(recipe)
    assert "resize the shortest side to 80 px and crop 64 x 64" in said
    assert "4 images (x) and 4 images (y)" in said and "30 steps configured" in said
    said = look(recipe, "flip=false", "crop=72", "batch_size=2")
    assert "crop 72 x 72 px at random." in said and "batch size 2" in said
    assert "crop 64 x 64" in look("crop=64")
    assert crossimage("data", "inspect", data, recipe, "crp=16") == 2
    assert "did you mean 'crop'" in capsys.readouterr().err
    assert crossimage("data", "inspect", data, recipe, "domains=x,y,z") == 2
    assert "names 3" in capsys.readouterr().err


def test_data_inspect_knows_pairs_and_classes(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    data = tmp_path / "data"
    assert crossimage("data", "make", "outlines", "--out", data, "--count", 4, "--size", 32) == 0
    (data / "trainB" / "00003.png").unlink()
    monkeypatch.setattr(MUNIT, "layout", "paired")
    capsys.readouterr()
    assert crossimage("data", "inspect", data, "munit") == 0
    said = capsys.readouterr().out
    assert "trainA/00003.png has no partner" in said
    assert "The images of a pair are cropped at the same position" in said
    monkeypatch.setattr(MUNIT, "layout", "unpaired")
    monkeypatch.setattr(MUNIT, "labelled", ("a",))
    assert crossimage("data", "inspect", data, "munit") == 2
    assert "trainA holds no class folders" in capsys.readouterr().err


def test_data_make_digits(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    def expect(*arguments: object) -> str:
        assert crossimage("data", "make", *arguments, "--out", tmp_path / "out") == 2
        said = capsys.readouterr().err
        assert said.count("\n") == 1 and not (tmp_path / "out").exists()
        return said

    assert "mnist2usps needs --from" in expect("mnist2usps")
    assert "mnist2mnistm needs --photos" in expect("mnist2mnistm", "--from", tmp_path)
    assert "mnist2usps does not take --photos" in expect(
        "mnist2usps", "--from", tmp_path, "--photos", tmp_path
    )
    message = expect("usps2mnist", "--from", tmp_path, "--size", 3)
    assert "usps2mnist does not take --size" in message
    assert "outlines does not take --from" in expect("outlines", "--from", tmp_path)
    assert "--from is empty" in expect("mnist2usps", "--from", "")
    assert "holds no mnist; expected the files" in expect("mnist2usps", "--from", tmp_path)
    assert "did you mean 'svhn2mnist'" in expect("svhn2mnst")

    images, labels = np.zeros((20, 16, 16), np.uint8), np.arange(20) % 10
    np.savez(
        tmp_path / "usps_16x16_uint8.npz", train_images=images, train_labels=labels,
        test_images=images, test_labels=labels,
    )  # fmt: skip
    for name, shape in (("images-idx3", (20, 28, 28)), ("labels-idx1", (20,))):
        header = b"\0\0\x08" + bytes([len(shape)]) + np.array(shape, ">i4").tobytes()
        for split in ("train", "t10k"):
            (tmp_path / f"{split}-{name}-ubyte").write_bytes(header + bytes(math.prod(shape)))
    make = ("data", "make", "usps2mnist", "--from", tmp_path, "--out", tmp_path / "out")
    assert crossimage(*make, "--count", 7, "--seed", 1) == 0
    assert capsys.readouterr().out == f"usps2mnist written to {tmp_path / 'out'}\n"
    assert len(list((tmp_path / "out" / "trainA").glob("*/*.png"))) == 7


def test_names_that_are_no_text_are_shown(tmp_path: Path) -> None:
    data = tmp_path / "data"
    assert crossimage("data", "make", "outlines", "--out", data, "--count", 1, "--size", 32) == 0
    (data / "trainA" / os.fsdecode(b"sch\xf6n.png")).write_bytes(b"broken")
    command = [sys.executable, "-m", "crossimage", "data", "inspect", str(data)]
    said = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    assert "sch\\udcf6n.png can't be read" in said


def test_recipes_are_listed(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    found = [("munit/cats", "Cats to dogs."), ("munit/shoes_and_bags", "Shoes.")]
    monkeypatch.setattr("crossimage.recipes.list_recipes", lambda: found)
    assert crossimage("recipes") == 0
    assert capsys.readouterr().out == (
        "munit/cats            Cats to dogs.\nmunit/shoes_and_bags  Shoes.\n"
    )
