"""``crossimage data``."""

import math
import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from crossimage.cli.data import MAKERS, find_makers
from crossimage.methods.munit import MUNIT
from tests.cli.conftest import crossimage
from tests.data.videos.videos import write_video


def test_data_make_and_inspect(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    out = tmp_path / "data"
    make = ("data", "make", "outlines", "--out", out, "--count", 3, "--size", 32, "--seed", 1)
    assert crossimage(*make, "--test-count", 2) == 0
    assert [len(list((out / f).iterdir())) for f in ("trainA", "testA")] == [3, 2]
    said = capsys.readouterr().out
    assert "3 training and 2 test images per domain" in said
    assert f"next: crossimage train munit/outlines --data {shlex.quote(str(out))}\n" in said
    assert crossimage("data", "inspect", out) == 0
    assert "3" in capsys.readouterr().out
    assert crossimage("data", "make", "outline", "--out", tmp_path / "more") == 2
    assert "did you mean 'outlines'" in capsys.readouterr().err
    assert crossimage("data", "inspect", tmp_path / "nowhere") == 1


def test_data_inspect_describes_a_recipe(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    data, recipe = tmp_path / "data", tmp_path / "mine.yaml"
    recipe.write_text("method: munit\nresize: 80\ncrop: 64\nsteps: 30\ndomains: [x, y]\n")
    assert crossimage("data", "make", "outlines", "--out", data, "--count", 4, "--size", 32) == 0

    def look(*arguments: object) -> str:
        capsys.readouterr()
        assert crossimage("data", "inspect", data, *arguments, "--no-estimate") == 0
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
    assert crossimage("data", "inspect", data, recipe, "domains=x,y,z") == 1
    assert "names 3" in capsys.readouterr().err


def test_data_inspect_knows_pairs_and_classes(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    data = tmp_path / "data"
    assert crossimage("data", "make", "outlines", "--out", data, "--count", 4, "--size", 32) == 0
    (data / "trainB" / "00003.png").unlink()
    monkeypatch.setattr(MUNIT, "layout", "paired")
    capsys.readouterr()
    assert crossimage("data", "inspect", data, "munit", "--no-estimate") == 1
    said = capsys.readouterr().out
    assert "trainA/00003.png has no partner" in said
    assert "Training would stop: 1 problem.\n" in said
    assert "The images of a pair are cropped at the same position" in said
    monkeypatch.setattr(MUNIT, "layout", "unpaired")
    monkeypatch.setattr(MUNIT, "labelled", ("a",))
    assert crossimage("data", "inspect", data, "munit") == 1
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
    assert "usps2mnist does not take --size" in expect(
        "usps2mnist", "--from", tmp_path, "--size", 3
    )
    assert "outlines does not take --from" in expect("outlines", "--from", tmp_path)
    assert "--from is empty" in expect("mnist2usps", "--from", "")
    assert "holds no mnist; expected the files" in expect("mnist2usps", "--from", tmp_path)
    assert "did you mean 'svhn2mnist'" in expect("svhn2mnst")
    assert sorted(MAKERS) == sorted(find_makers())

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
    said = capsys.readouterr().out
    assert said == (
        f"usps2mnist written to {tmp_path / 'out'}: 7 images in trainA, 20 images in testA, "
        "7 images in trainB, 20 images in testB\nnext: crossimage train "
        f"unit_da/usps2mnist_small --data {shlex.quote(str(tmp_path / 'out'))}\n"
    )
    assert len(list((tmp_path / "out" / "trainA").glob("*/*.png"))) == 7


def test_data_make_takes_the_strengths_of_each_maker_and_names_the_next_command(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    given = tmp_path / "photos"
    given.mkdir()
    for number in range(3):
        pixels = np.random.default_rng(number).integers(256, size=(40, 40, 3), dtype=np.uint8)
        Image.fromarray(pixels).save(given / f"{number}.png")
    make = ("data", "make", "blur", "--photos", given, "--out", tmp_path / "out")
    assert crossimage(*make, "--factor", 2) == 2
    assert "blur does not take --factor" in capsys.readouterr().err
    assert crossimage(*make, "--blur-px", 3, "--workers", 2, "--test-count", 1) == 0
    said = capsys.readouterr().out.splitlines()
    assert said[0] == f"blur written to {tmp_path / 'out'}: 3 pairs of blurred and photo"
    assert said[1].startswith("next: crossimage train pix2pix/restoration_small --data ")
    assert crossimage(*make, "--blur-px", 3) == 2
    assert "exists and is not empty" in capsys.readouterr().err
    assert crossimage("data", "make", "edges", "--out", tmp_path / "more") == 2
    assert "edges needs --photos" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("name", "needed", "optional", "foreign"),
    [
        ("edges", {"out", "photos"}, {"hed", "size", "workers"}, {"factor", "from", "video", "b"}),
        ("combine", {"out", "a", "b"}, {"test-count"}, {"photos", "seed", "palette"}),
        ("mnist", {"out", "from"}, {"count"}, {"photos", "fps"}),
    ],
)
def test_the_help_of_a_maker_lists_its_own_options(
    capsys: pytest.CaptureFixture[str],
    name: str,
    needed: set[str],
    optional: set[str],
    foreign: set[str],
) -> None:
    assert crossimage("data", "make", name, "--help") == 0
    said = " ".join(capsys.readouterr().out.replace("│", " ").split())
    assert f"usage: crossimage data make {name} " in said
    described = dict(re.findall(r" --([\w-]+) [A-Z]\S* (.*?)(?= --[\w-]+ [A-Z]|$)", said))
    assert {option for option, text in described.items() if "(required)" in text} == needed
    assert optional <= described.keys() and not foreign & described.keys()


def test_names_that_are_no_text_are_shown(tmp_path: Path) -> None:
    data = tmp_path / "data"
    assert crossimage("data", "make", "outlines", "--out", data, "--count", 1, "--size", 32) == 0
    (data / "trainA" / os.fsdecode(b"sch\xf6n.png")).write_bytes(b"broken")
    command = [sys.executable, "-m", "crossimage", "data", "inspect", str(data)]
    done = subprocess.run(command, check=False, capture_output=True, text=True)
    said = done.stdout
    assert done.returncode == 1  # one of two images is broken
    assert "sch\\udcf6n.png can't be read" in said


def test_data_make_splits_combines_colours_and_takes_frames(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    for folder in ("label", "photo"):
        (tmp_path / "in" / folder).mkdir(parents=True)
    for number in range(10):
        ids = np.random.default_rng(number).integers(4, size=(40, 40), dtype=np.uint8)
        Image.fromarray(ids).save(tmp_path / "in/label" / f"{number}.png")
        Image.fromarray(ids * 60).convert("RGB").save(tmp_path / "in/photo" / f"{number}.jpg")

    def made(*arguments: object) -> list[str]:
        assert crossimage("data", "make", *arguments) == 0
        return capsys.readouterr().out.splitlines()

    split = made("split", "--from", tmp_path / "in", "--out", tmp_path / "split", "--val-count", 0)
    assert split[0].endswith(": 18 train, 0 val, 2 test images")
    coloured = made("labels", "--from", tmp_path / "split", "--out", tmp_path / "coloured")
    assert coloured[1].endswith("domains=label,photo")
    both = [tmp_path / "in" / name for name in ("label", "photo")]
    combined = made("combine", "--a", both[0], "--b", both[1], "--out", tmp_path / "combined")
    assert combined[0].endswith(": 10 pairs of label (left) and photo (right)")
    video = write_video(tmp_path / "video.mp4")
    frames = made("frames", "--video", video, "--out", tmp_path / "frames", "--fps", 2)
    assert frames[0].endswith(": 4 frames of video.mp4")
    make = ("data", "make", "combine", "--a", both[0], "--out", tmp_path / "more")
    assert crossimage(*make) == 2
    assert "combine needs --b" in capsys.readouterr().err
    assert crossimage(*make, "--b", both[1], "--seed", 1) == 2
    assert "combine does not take --seed" in capsys.readouterr().err


def test_data_inspect_measures_and_reports_and_its_status_is_the_verdict(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr("crossimage.doctor.measure.LIMIT", 500.0)  # machines may be slow
    data = tmp_path / "data"
    assert crossimage("data", "make", "outlines", "--out", data, "--count", 5, "--size", 36) == 0
    small = tmp_path / "small.yaml"
    small.write_text("method: cut\nresize: 36\ncrop: 32\nsteps: 40\nwidth: 4\n")
    capsys.readouterr()
    assert crossimage("data", "inspect", data, small, "--out", tmp_path / "report") == 0
    said = capsys.readouterr().out
    assert re.search(r"Estimate from \d steps? on .*; the 40 steps configured take about ", said)
    assert "Ready to train, with " in said
    words = shlex.join([str(small), "--data", str(data)])
    assert f"next: crossimage train {words}\n" in said
    assert said.endswith(f"report: {tmp_path / 'report' / 'report.html'}\n")
    assert (tmp_path / "report/report.json").exists()
    for number in range(3):
        (data / "trainA" / f"{number}.png").write_bytes(b"broken")
        (data / "trainA" / f"0000{number}.png").write_bytes(b"broken")
    assert crossimage("data", "inspect", data, small) == 1
    again = f"next: crossimage data inspect {shlex.join([str(data), str(small)])}\n"
    assert capsys.readouterr().out.endswith(f"Training would stop: 1 problem.\n{again}")


def test_a_report_that_cannot_be_written_is_refused_before_images_are_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "file").write_text("mine")
    monkeypatch.setattr("crossimage.doctor.examination.examine", pytest.fail)
    for out in (tmp_path / "file", tmp_path / "file" / "below"):
        assert crossimage("data", "inspect", tmp_path, "--out", out) == 2
        said = capsys.readouterr().err
        assert f"{tmp_path / 'file'} is a file; expected a folder for report.json" in said
