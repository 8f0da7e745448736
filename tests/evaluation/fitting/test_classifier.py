"""Classifiers learn their classes, the same for every seed, and tell how well."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file
from torch import Tensor
from torchvision.models import resnet18

from crossimage.cli.app import main
from crossimage.evaluation.fitting import classifier as fitting
from crossimage.evaluation.fitting.classifier import fit_classifier
from crossimage.evaluation.galleries.base import FolderGallery
from crossimage.evaluation.networks import classifier as classifiers
from crossimage.evaluation.networks.classifier import (
    CLASSIFIERS,
    Classifier,
    load_classifier,
)
from crossimage.evaluation.networks.network_file import read_network
from crossimage.evaluation.networks.open import MetricNetworks
from crossimage.evaluation.report.figures import Figure, share_of
from tests.evaluation.colours import COLOURS, TinyClassifier, write_colour
from tests.evaluation.helpers import evaluated

CPU = torch.device("cpu")


@pytest.fixture(scope="module", autouse=True)
def _tiny() -> Iterator[None]:
    """Tests of what holds for all networks train a tiny one in place of the small ResNet."""
    tiny = CLASSIFIERS["resnet18_small"]._replace(build=TinyClassifier)
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(CLASSIFIERS, "resnet18_small", tiny)
        yield


@pytest.fixture(scope="module")
def colours(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("colours")
    for colour in COLOURS:
        write_colour(root / "train" / colour, colour, 20)
        write_colour(root / "test" / colour, colour, 3, seed=1)
    return root


def fit(data: Path, out: Path, epochs: int = 1, **more: object) -> Figure:
    return fit_classifier(
        data, out, network="resnet18_small", size=9, epochs=epochs, device=CPU, **more
    )


@pytest.fixture(scope="module")
def trained(colours: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Figure]:
    path = tmp_path_factory.mktemp("trained") / "folder" / "colours.safetensors"
    return path, fit(colours, path, 40)


@pytest.fixture(scope="module")
def classifier(trained: tuple[Path, Figure]) -> Classifier:
    return load_classifier(trained[0], CPU)


def test_colours_are_learnt_and_told_after_reading(
    trained: tuple[Path, Figure], classifier: Classifier
) -> None:
    path, figure = trained
    assert figure.value == 1 and figure.count == 9
    assert figure.interval == pytest.approx((0.7009, 1), abs=1e-4)
    assert classifier.classes == ("blue", "green", "red")
    plain = torch.tensor(list(COLOURS.values())).byte()[:, :, None, None].expand(3, 3, 30, 17)
    probabilities = classifier.probabilities(plain)
    assert probabilities.argmax(1).tolist() == [0, 1, 2]
    torch.testing.assert_close(probabilities.sum(1), torch.ones(3))
    facts = read_network(path, "classifier", classifiers._build).facts
    assert facts["classes"] == ["blue", "green", "red"]
    assert facts["network"] == "resnet18_small" and facts["size"] == 9
    assert facts["held_out"] == "100.00 % of 9 held-out images classified correctly"
    assert facts["data"].startswith("60 images, ")
    assert facts["held_out"] in classifier.name and "3 classes" in classifier.name


def test_two_trainings_with_one_seed_write_the_same_file(colours: Path, tmp_path: Path) -> None:
    seeds, files = (5, 5, 6), [tmp_path / f"{i}.safetensors" for i in range(3)]
    for seed, path in zip(seeds, files, strict=True):
        torch.manual_seed(len(path.name) + seed)
        state = torch.get_rng_state()
        fit(colours, path, seed=seed)
        assert torch.equal(state, torch.get_rng_state())
    first, second, third = map(load_file, files)
    assert all(torch.equal(value, second[name]) for name, value in first.items())
    assert not torch.equal(first["head.weight"], third["head.weight"])


@pytest.mark.parametrize(("auto", "dtype"), [("bf16", torch.bfloat16), ("fp32", torch.float32)])
def test_training_is_in_the_arithmetic_of_the_hardware_and_judging_in_fp32(
    auto: str, dtype: torch.dtype, colours: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: set[tuple[bool, torch.dtype]] = set()

    class Watched(TinyClassifier):
        def forward(self, x: Tensor) -> Tensor:
            seen.add((self.training, self.layers(x).dtype))
            return super().forward(x)

    monkeypatch.setitem(
        CLASSIFIERS, "resnet18_small", CLASSIFIERS["resnet18_small"]._replace(build=Watched)
    )
    monkeypatch.setattr(fitting, "find_device", lambda _: CPU)
    monkeypatch.setattr(fitting, "arithmetic", lambda _: auto)
    fit(colours, tmp_path / "c.safetensors")
    assert seen == {(True, dtype), (False, torch.float32)}
    monkeypatch.setattr(fitting, "find_device", lambda _: torch.device("cuda"))
    with fitting.autocast(CPU):  # beside a GPU, which is what auto speaks of
        assert (torch.ones(2, 2) @ torch.ones(2, 2)).dtype == torch.float32


def test_last_batches_are_never_a_single_image() -> None:
    for count in (2, 64, 65, 66, 129, 200):
        parts = fitting._batches(range(count))
        assert [i for part in parts for i in part] == list(range(count))
        assert all(1 < len(part) <= 65 for part in parts)


@pytest.mark.parametrize(
    ("folders", "sentence"),
    [
        ({"red": 3}, "holds one class, red; .* at least two"),
        ({"red": 3, "green": 1}, "green holds one image; at least two"),
        ({"red": 3, "green": 0}, "green holds no images"),
        ({".": 3}, "holds no class folders"),
    ],
)
def test_folders_that_are_no_classes_are_named(
    folders: dict[str, int], sentence: str, tmp_path: Path
) -> None:
    for name, count in folders.items():
        write_colour(tmp_path / "data" / name, name if name in COLOURS else "red", count)
    with pytest.raises(ValueError, match=sentence):
        fit(tmp_path / "data", tmp_path / "c.safetensors")
    assert not list(tmp_path.glob("*.safetensors"))


def test_numbers_and_names_that_make_no_sense_are_refused(colours: Path, tmp_path: Path) -> None:
    out = tmp_path / "c.safetensors"
    with pytest.raises(ValueError, match=r"c\.pth is not a file name for a classifier"):
        fit(colours, tmp_path / "c.pth")
    with pytest.raises(ValueError, match="--epochs must be at least 1, found 0"):
        fit(colours, out, 0)
    with pytest.raises(ValueError, match="--size must be at least 33, found 9"):
        fit_classifier(colours, out, size=9, device=CPU)
    with pytest.raises(FileNotFoundError, match="nowhere"):
        fit(tmp_path / "nowhere", out)


def test_an_image_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    for colour in ("red", "blue"):
        write_colour(tmp_path / "data" / colour, colour, 3)
    for path in (tmp_path / "data").glob("*/*"):
        path.write_bytes(b"noise")
    with pytest.raises(ValueError, match=r"\.png can't be read"):
        fit(tmp_path / "data", tmp_path / "c.safetensors")


def test_a_held_out_image_that_cannot_be_read_is_named_before_training(
    colours: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    data = shutil.copytree(colours, tmp_path / "data")
    (data / "test" / "red" / "bad.png").write_bytes(b"noise")
    monkeypatch.setattr(fitting, "_train", lambda *_: pytest.fail("trained for nothing"))
    with pytest.raises(ValueError, match=r"bad\.png can't be read"):
        fit(data, tmp_path / "c.safetensors")


def test_training_may_begin_with_published_weights(
    colours: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(fitting, "_train", lambda *_: None)
    torch.manual_seed(7)
    state = resnet18().state_dict()
    torch.save(state, tmp_path / "resnet18.pth")
    out = tmp_path / "c.safetensors"
    weights = str(tmp_path / "resnet18.pth")
    fit_classifier(colours, out, size=33, weights=weights, device=CPU)
    found = load_file(out)
    assert found["head.weight"].shape == (3, 512)
    for name, value in state.items():
        if not name.startswith("fc."):
            assert torch.equal(found[f"body.{name}"], value), name
    assert read_network(out, "classifier", classifiers._build).facts["begun_with"] == "resnet18.pth"
    with pytest.raises(ValueError, match=r"resnet18\.pth does not hold .*Inception-v3"):
        fit_classifier(colours, out, network="inception_v3", weights=weights, device=CPU)
    with pytest.raises(ValueError, match="no published weights of resnet18_small"):
        fit(colours, out, weights="imagenet")


def test_absent_published_weights_say_where_to_put_them(
    colours: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TORCH_HOME", str(tmp_path))

    def offline(*_: object, **__: object) -> None:
        raise OSError("offline")

    monkeypatch.setattr("torch.hub.download_url_to_file", offline)
    with pytest.raises(FileNotFoundError, match=r"put resnet18-f37072fd\.pth .* --weights FILE"):
        fit_classifier(colours, tmp_path / "c.safetensors", weights="imagenet", device=CPU)


def test_translated_images_are_classified(
    trained: tuple[Path, Figure], colours: Path, tmp_path: Path
) -> None:
    for name, colour in (("red", "red"), ("green", "blue")):  # green turned blue
        write_colour(tmp_path / "fake" / name, colour, 40, seed=2)
    gallery = FolderGallery(tmp_path / "fake", colours / "test")
    gallery.target = "red"
    own = MetricNetworks(CPU, classifier_path=trained[0])
    found = evaluated(gallery, "accuracy", "error", own=own).figures
    assert {figure.name: figure.value for figure in found} == {"accuracy": 0.5, "error": 0.5}
    assert all(figure.count == 80 and figure.library for figure in found)
    assert found[0].interval == pytest.approx(share_of([0.0] * 40 + [1.0] * 40)[1])
    assert not any(figure.comparable for figure in found)  # the classifier is the user's
    assert "Wilson" in found[0].protocol
    assert "held-out images classified correctly" in found[0].protocol


def test_the_command_trains_and_tells_the_accuracy(
    colours: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "c.safetensors"
    arguments = ["--data", str(colours), "--out", str(out), "--no-flip", "--device", "cpu"]
    arguments += ["--network", "resnet18_small", "--size", "9", "--epochs", "1"]
    assert main(["evaluate", "fit-classifier", *arguments]) == 0
    out_, err = capsys.readouterr()
    assert "of 9 held-out images classified correctly (95 % interval" in out_
    assert "training · 1/1 · 0:00:0" in err  # a line an epoch where no terminal shows a bar
    assert load_classifier(out, CPU).classes == ("blue", "green", "red")
    assert main(["evaluate", "fit-classifier", "--data", str(tmp_path), "--out", "c.pth"]) != 0
    assert "is not a file name for a classifier" in capsys.readouterr().err
