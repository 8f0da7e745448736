"""Networks are opened once, when needed, or refused with what to do."""

from pathlib import Path

import pytest
import torch

from crossimage.evaluation.metrics.distribution import fid
from crossimage.evaluation.metrics.statistics import Statistics
from crossimage.evaluation.networks import open as module
from crossimage.evaluation.networks.classifier import (
    CLASSIFIERS,
    ClassifierNetwork,
    load_classifier,
    save_classifier,
)
from crossimage.evaluation.networks.open import MetricNetworks, open_features
from tests.evaluation.colours import TinyClassifier

CPU = torch.device("cpu")


@pytest.fixture
def classifier(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    tiny = CLASSIFIERS["resnet18_small"]._replace(build=TinyClassifier)
    monkeypatch.setitem(CLASSIFIERS, "resnet18_small", tiny)
    torch.manual_seed(0)
    path = tmp_path / "c.safetensors"
    network = ClassifierNetwork("resnet18_small", 9, 3)
    save_classifier(path, "resnet18_small", network, ["a", "b", "c"], {})
    return path


def test_distances_can_be_taken_in_the_features_of_a_classifier(classifier: Path) -> None:
    features = open_features(str(classifier), CPU)
    assert features.digest == load_classifier(classifier, CPU).features.digest
    assert features.dim == 8
    sides = []
    for seed in (0, 1):
        sides.append(Statistics(features))
        generator = torch.Generator().manual_seed(seed)
        sides[-1].update(torch.randint(0, 256, (8, 3, 9, 9), generator=generator).byte())
    figure = fid(*sides)
    assert figure.value > 0 and not figure.comparable
    assert "ResNet-18 for small images trained on 3 classes" in figure.protocol


@pytest.mark.parametrize("name", ["classifier", "segmenter"])
def test_a_network_whose_file_is_not_given_is_refused_with_how_to_make_one(name: str) -> None:
    networks = MetricNetworks(CPU)
    assert networks.refusal(name) == (  # type: ignore[arg-type]
        f"it needs a {name}; make one with `crossimage evaluate fit-{name}` and name it with "
        f"--{name} FILE"
    )
    given = MetricNetworks(CPU, classifier_path=Path("c"), segmenter_path=Path("s"))
    assert given.refusal(name) is None  # type: ignore[arg-type]
    assert networks.refusal("features") is networks.refusal("lpips") is None
    assert networks.refusal(None) is None


def test_networks_are_opened_once_and_only_those_that_are_needed(
    classifier: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "open_lpips", lambda *_: pytest.fail("opened although not needed"))
    networks = MetricNetworks(CPU, "random", classifier_path=classifier)
    assert [networks.failure(name) for name in ("features", "classifier", None)] == [None] * 3
    assert networks.features is networks.features
    assert networks.classifier is networks.classifier
    assert networks.classifier.classes == ("a", "b", "c")


@pytest.mark.parametrize("kind", [FileNotFoundError, ModuleNotFoundError, ValueError])
def test_a_network_that_cannot_be_opened_is_tried_once_and_says_why(
    kind: type[Exception], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tries = []

    def unreachable(*_: object) -> None:
        tries.append(1)
        raise kind("weights.pth is not in the cache")

    monkeypatch.setattr(module, "open_lpips", unreachable)
    (tmp_path / "noise.safetensors").write_bytes(b"{noise")
    networks = MetricNetworks(CPU, segmenter_path=tmp_path / "noise.safetensors")
    assert "noise.safetensors is" in str(networks.failure("segmenter"))
    assert networks.failure("lpips") == networks.failure("lpips") != ""
    assert networks.failures["lpips"] == "weights.pth is not in the cache" and len(tries) == 1


def test_a_classifier_has_no_other_way_to_resize(classifier: Path) -> None:
    assert open_features(str(classifier), CPU).variant == ""
    with pytest.raises(ValueError, match="resizes images as in its training; leave out --resize"):
        open_features(str(classifier), CPU, "clean")
