"""`crossimage evaluate`: from runs or folders to a report, and mistakes in one sentence."""

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from crossimage.checkpoints.model_file import save_model
from crossimage.cli.app import main
from crossimage.config import build
from crossimage.evaluation.networks.classifier import ClassifierNetwork, save_classifier
from crossimage.methods import METHODS
from tests.conftest import as_arguments, small
from tests.evaluation.helpers import model, of_classes, pictures


@pytest.fixture(autouse=True)
def _cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))


@pytest.fixture
def run(tmp_path: Path) -> Path:
    (tmp_path / "run").mkdir()
    save_model(tmp_path / "run" / "model.safetensors", model().networks)
    return tmp_path / "run"


def evaluate(*arguments: object) -> int:
    return main(["evaluate", *map(str, arguments)])


RANDOM = ("--features", "random", "--metrics", "fid,kid,is", "--device", "cpu")


def test_help_needs_no_torch() -> None:
    commands = [[], ["fit-classifier"], ["fit-segmenter"], ["invariance"], ["ablate"]]
    code = (
        "import sys; from crossimage.cli.app import main; "
        f"assert not any(main(['evaluate', *command, '--help']) for command in {commands}); "
        "assert 'torch' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True, capture_output=True)


def test_several_runs_are_measured_into_one_report(
    run: Path, folders: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    save_model(tmp_path / "other.safetensors", model("cyclegan").networks)
    out = tmp_path / "out"
    runs = (run, tmp_path / "other.safetensors")
    assert evaluate(*runs, "--data", folders, *RANDOM, "--out", out) == 0
    said = capsys.readouterr().out
    assert "fid" in said and "not comparable" in said and str(out / "report.html") in said
    data = json.loads((out / "report.json").read_text())
    assert [one["facts"]["method"] for one in data["runs"]] == ["munit", "cyclegan"]
    assert data["settings"]["features"] == "random" and "classifier" not in data["settings"]
    assert (out / "report.html").is_file()


def test_a_run_without_diversity_has_a_gap_beside_one_with_it(
    run: Path, folders: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "cyclegan").mkdir()
    save_model(tmp_path / "cyclegan" / "model.safetensors", model("cyclegan").networks)
    classifier, out = tmp_path / "classifier.safetensors", tmp_path / "out"
    save_classifier(
        classifier,
        "resnet18_small",
        ClassifierNetwork("resnet18_small", 9, 2),
        ["edges", "shoes"],
        {},
    )
    command = ("--data", folders, "--metrics", "cis", "--classifier", classifier, "--samples", 3)
    assert evaluate(tmp_path / "cyclegan", run, *command, "--out", out) == 0
    said, progress = capsys.readouterr()
    assert "– no cis of cyclegan: there is one output per input" in said
    assert [line.split()[:2] for line in said.splitlines()[1:3]] == [
        ["cyclegan", "–"], ["run", said.splitlines()[2].split()[1]]
    ]  # fmt: skip
    assert "run: cis · 2/2 · " in progress
    one, many = json.loads((out / "report.json").read_text())["runs"]
    assert one["title"] == "cyclegan" and one["facts"]["model"] == str(tmp_path / "cyclegan")
    assert not one["figures"] and "no diversity" in one["missing"]["cis"]
    assert {figure["seed"] for figure in many["figures"]} == {0}
    page = (out / "report.html").read_text()
    assert "most diversity by CIS" in page and "No cis: there is one output" in page
    assert evaluate(tmp_path / "cyclegan", *command, "--out", out) == 2
    assert "cis can't be computed for cyclegan: there is one output" in capsys.readouterr().err


def test_all_runs_are_checked_before_the_first_is_measured(
    run: Path, folders: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def measured(*_: object) -> None:
        raise AssertionError("measured before all was checked")

    monkeypatch.setattr("crossimage.evaluation.compare.run_metrics", measured)
    command = ("--data", folders, *RANDOM, "--out", tmp_path / "out")
    assert evaluate(run, tmp_path / "nowhere", *command) == 2
    assert evaluate(run, *command, "--inputs", 1) == 2
    assert not (tmp_path / "out").exists()


def test_two_evaluations_with_one_seed_agree_to_the_byte(
    run: Path, folders: Path, tmp_path: Path
) -> None:
    found = []
    for _ in range(2):
        assert evaluate(run, "--data", folders, *RANDOM, "--out", tmp_path / "out") == 0
    for name in ("report", "report-2"):
        found.append([(tmp_path / "out" / f"{name}.{s}").read_bytes() for s in ("json", "html")])
    assert found[0] == found[1]
    assert evaluate(run, "--data", folders, *RANDOM, "--out", tmp_path / "out", "--seed", 1) == 0
    assert (tmp_path / "out" / "report-3.json").read_bytes() != found[0][0]


def test_folders_of_results_are_measured_beside_real_images(folders: Path, tmp_path: Path) -> None:
    command = ("--fake", folders / "trainA", "--real", folders / "trainB")
    assert evaluate(*command, *RANDOM, "--out", tmp_path / "out") == 0
    (found,) = json.loads((tmp_path / "out" / "report.json").read_text())["runs"]
    assert [figure["count"] for figure in found["figures"]] == [7, 7, 7]


def test_mistakes_are_one_sentence(
    run: Path, folders: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = ("--out", tmp_path / "out")

    def expect(*arguments: object) -> str:
        assert evaluate(*arguments, *out) == 2
        said = capsys.readouterr().err
        assert said.startswith("crossimage: ") and said.count("\n") == 1
        return said

    data = ("--data", folders)
    assert "nothing to evaluate" in expect("--seed", 0)
    assert "--data is missing" in expect(run)
    assert "belong together" in expect("--fake", folders)
    assert "take the place of runs" in expect(run, "--fake", folders, "--real", folders)
    assert "did you mean 'lpips'" in expect(run, *data, "--metrics", "lpis")
    assert "--samples must be at least 1" in expect(run, *data, "--samples", 0)
    assert "has no domain 'shoe'; " not in expect(run, *data, "--to", "zzz")
    assert "nowhere" in expect("nowhere", *data, *RANDOM)
    assert "x.st, given with --classifier, does not exist" in expect(
        run, *data, "--classifier", "x.st"
    )
    assert "holds no images" in expect("--fake", tmp_path / "run", "--real", folders)
    assert "is empty; give a path" in expect(run, "--data", "")
    assert "ssim is a metric, not a run; " in expect(*data, "--metrics", "psnr", "ssim", "fid")
    assert not (tmp_path / "out").exists()


def test_results_that_cannot_be_written_are_refused_before_the_work(
    pairs: Path, folders: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    for work in (
        "crossimage.evaluation.metrics.invariance.check_invariance",
        "crossimage.training.ablations.train_variant",
        "crossimage.evaluation.fitting.classifier.find_class_images",
        "crossimage.evaluation.fitting.segmenter.find_photo_pairs",
    ):
        monkeypatch.setattr(work, lambda *_, **__: pytest.fail("it has begun"))
    file, folder = tmp_path / "file", tmp_path / "c.safetensors"
    file.touch()
    folder.mkdir()

    def refused(out: Path, *arguments: object) -> str:
        assert evaluate(*arguments, "--device", "cpu", "--out", out) == 2
        said = capsys.readouterr().err
        assert said.startswith("crossimage: ") and said.count("\n") == 1
        return said

    invariance = ("invariance", "--data", pairs, "--weights", "random")
    classifier = ("fit-classifier", "--data", folders)
    assert f"{file} is a file; expected a folder for report.json" in refused(file, *invariance)
    ablate = ("ablate", "munit", "--data", folders)
    assert f"{file} is a file; expected a folder" in refused(file / "runs", *ablate)
    assert f"{folder} is a folder; expected the name of a file" in refused(folder, *classifier)
    below = file / "s.safetensors"
    segmenter = ("fit-segmenter", "--data", folders, "--palette", file)
    assert f"{file} is a file; expected a folder for s.safet" in refused(below, *segmenter)
    monkeypatch.setattr("os.access", lambda *_: False)
    assert "permission is denied" in refused(tmp_path / "new.safetensors", *classifier)


def test_a_model_with_labels_is_measured_towards_one_of_them(
    labelled: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    save_model(tmp_path / "stargan.safetensors", of_classes().networks)
    command = (tmp_path / "stargan.safetensors", "--data", labelled, *RANDOM)
    assert evaluate(*command, "--out", tmp_path / "out") == 2
    assert "--to is missing" in (said := capsys.readouterr().err) and "x, y, z" in said
    found = []
    for _ in range(2):
        assert evaluate(*command, "--to", "Y", "--out", tmp_path / "out") == 0
    for name in ("report", "report-2"):
        found.append([(tmp_path / "out" / f"{name}.{s}").read_bytes() for s in ("json", "html")])
    assert found[0] == found[1]
    (run,) = json.loads(found[0][0])["runs"]
    assert run["facts"]["direction"] == "to y"
    assert [figure["count"] for figure in run["figures"]] == [2, 2, 2]


def test_a_model_of_noise_is_measured_beside_the_images(labelled: Path, tmp_path: Path) -> None:
    kind = METHODS["gan"]
    networks = kind(build(kind.Config, small("gan")), training=False)
    save_model(tmp_path / "gan.safetensors", networks)
    command = (tmp_path / "gan.safetensors", "--data", labelled, *RANDOM, "--inputs", 3)
    assert evaluate(*command, "--out", tmp_path / "out") == 0
    (run,) = json.loads((tmp_path / "out" / "report.json").read_text())["runs"]
    assert [figure["count"] for figure in run["figures"]] == [3, 3, 3]
    assert "of 3 generated and 4 real images" in run["figures"][0]["protocol"]


def test_the_check_of_the_perceptual_distance_draws_its_distances(
    pairs: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("crossimage.evaluation.metrics.invariance.SIZE", 16)
    command = ("invariance", "--data", pairs, "--weights", "random", "--device", "cpu")
    assert evaluate(*command, "--seed", 4, "--out", tmp_path / "out") == 0
    data = json.loads((tmp_path / "out" / "report.json").read_text())
    assert data["settings"] == {"data": str(pairs), "seed": 4, "weights": "random"}
    assert {figure["seed"] for figure in data["runs"][0]["figures"]} == {4}
    page = (tmp_path / "out" / "report.html").read_text()
    assert page.count("same domain</span>") == 2 and "distances with instance norm" in page


def test_a_broken_test_image_is_named(
    run: Path, folders: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for name in ("trainA", "trainB", "testB"):
        (tmp_path / "data" / name).parent.mkdir(exist_ok=True)
        (tmp_path / "data" / name).symlink_to(folders / name)
    (tmp_path / "data" / "testA").mkdir()
    Image.new("RGB", (20, 20)).save(tmp_path / "data" / "testA" / "a.png")
    (tmp_path / "data" / "testA" / "b.png").write_bytes(b"nothing")
    command = (run, "--data", tmp_path / "data", *RANDOM, "--out", tmp_path / "out")
    assert evaluate(*command) == 2
    assert "b.png can't be read" in capsys.readouterr().err


def test_an_ablation_is_trained_once_and_tabulated(
    folders: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    shape = {"domains": "edges,shoes", "steps": 1, "save_every": 1}
    recipe = tmp_path / "list.yaml"
    recipe.write_text(
        "- {name: MUNIT, recipe: munit}\n"
        "- {name: without image reconstruction, recipe: munit, settings: {weights: {image: 0}}}\n"
    )
    first, *rest = as_arguments(small("munit") | shape)
    command = (
        "ablate", recipe, first, "--data", folders, *RANDOM, "--out", tmp_path / "out", *rest
    )  # fmt: skip
    assert evaluate(*command) == 0
    data = json.loads((tmp_path / "out" / "report.json").read_text())
    assert [one["title"] for one in data["runs"]] == ["MUNIT", "without image reconstruction"]
    model_file = tmp_path / "out" / "without-image-reconstruction" / "model.safetensors"
    before = model_file.stat().st_mtime_ns
    capsys.readouterr()
    assert evaluate(*command) == 0
    assert model_file.stat().st_mtime_ns == before
    assert json.loads((tmp_path / "out" / "report-2.json").read_text()) == data


def test_what_can_be_measured_is_shown_beside_what_lacks_weights(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def offline(*_: object, **__: object) -> None:
        raise OSError("offline")

    monkeypatch.setenv("TORCH_HOME", str(tmp_path / "empty"))
    monkeypatch.setattr("torch.hub.download_url_to_file", offline)
    fake, real = (pictures(tmp_path / name, "a.png", "b.png") for name in ("fake", "real"))
    folders = ("--fake", fake, "--real", real, "--device", "cpu", "--out", tmp_path / "out")
    assert evaluate(*folders, "--metrics", "fid,l1,psnr,lpips_paired,lpips") == 0
    said = capsys.readouterr().out.splitlines()
    cells = dict(line.split()[:2] for line in said[2:8])
    assert [cells[name] for name in ("fid", "lpips_paired", "lpips")] == ["–"] * 3
    assert cells["l1"] == "0" and cells["psnr"] == "inf"
    for start, reason in (("no fid of", "offline"), ("no lpips_paired of", "offline"),
                          ("no lpips of", "no diversity to measure")):  # fmt: skip
        (line,) = [line for line in said if start in line]
        assert reason in line
    (run,) = json.loads((tmp_path / "out" / "report.json").read_text())["runs"]
    assert run["values"]["fid"] is None and run["values"]["l1"] == 0
    assert set(run["missing"]) == {"fid", "lpips_paired", "lpips"}
    page = (tmp_path / "out" / "report.html").read_text()
    assert '<th scope="col">fid</th>' in page and "No fid: the Inception-v3" in page
    assert evaluate(*folders) == 2 and "nothing" not in capsys.readouterr().out
    assert evaluate(*folders, "--metrics", "fid,kid") == 2
    assert "fid, kid can't be computed for" in (error := capsys.readouterr().err)
    assert "offline" in error and not (tmp_path / "out" / "report-2.json").exists()


@pytest.mark.parametrize("flag", ["--features", "--lpips-weights"])
def test_files_of_weights_are_named_if_they_do_not_exist_and_a_gap_if_they_are_wrong(
    flag: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    fake, real = (pictures(tmp_path / name, "a.png", "b.png") for name in ("fake", "real"))
    command = (
        "--fake",
        fake,
        "--real",
        real,
        "--metrics",
        "fid,l1,lpips_paired",
        "--device",
        "cpu",
    )
    other = {"--features": "--lpips-weights", "--lpips-weights": "--features"}[flag]
    command = (*command, other, "random", "--out", tmp_path / "out")
    assert evaluate(*command, flag, tmp_path / "no.pth") == 2
    assert f"no.pth, given with {flag}, does not exist" in capsys.readouterr().err
    torch.save({"weight": torch.zeros(3)}, tmp_path / "wrong.pth")
    assert evaluate(*command, flag, tmp_path / "wrong.pth") == 0
    assert "wrong.pth does not hold" in capsys.readouterr().out


def test_statistics_take_the_place_of_real_images(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    fake = pictures(tmp_path / "fake", "a.png", "b.png", "c.png")
    np.savez(tmp_path / "stats.npz", mu=np.zeros(112), sigma=np.eye(112))
    command = ("--fake", fake, "--real", tmp_path / "stats.npz", "--features", "random")
    command = (*command, "--device", "cpu", "--out", tmp_path / "out")
    assert evaluate(*command) == 0
    said = capsys.readouterr().out
    assert "– no kid of" in said and "holds only the mean and covariance" in said
    assert "stats.npz does not say how its images were resized" in said
    (run,) = json.loads((tmp_path / "out" / "report.json").read_text())["runs"]
    assert run["values"]["fid"] > 0 and run["values"]["kid"] is None and run["values"]["is"] >= 1
    np.savez(tmp_path / "stats.npz", mu=np.zeros(9), sigma=np.eye(9))
    assert evaluate(*command, "--metrics", "fid,psnr") == 2
    error = capsys.readouterr().err
    assert "statistics of 9 features, and a small network of random weights has 112" in error
    assert "pairs need the images themselves" in error


def test_clean_resizing_is_in_the_heading_and_in_the_report(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    fake = pictures(tmp_path / "fake", "a.png", "b.png", size=(90, 70))
    real = pictures(tmp_path / "real", "a.png", "b.png", "c.png", size=(90, 70))
    found = {}
    for mode in ("tensorflow", "clean"):
        out = tmp_path / mode
        assert (
            evaluate("--fake", fake, "--real", real, *RANDOM, "--resize", mode, "--out", out) == 0
        )
        found[mode] = json.loads((out / "report.json").read_text())
        assert ("fid (clean)" in capsys.readouterr().out) == (mode == "clean")
        assert ("fid (clean)" in (out / "report.html").read_text()) == (mode == "clean")
    fids = [data["runs"][0]["values"]["fid"] for data in found.values()]
    assert fids[0] != fids[1] and found["clean"]["settings"]["resize"] == "clean"
    assert "as clean-fid does" in found["clean"]["runs"][0]["figures"][0]["protocol"]
