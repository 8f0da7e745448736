"""Classifiers see images of any size, and their files are complete or refused."""

from collections.abc import Iterator
from pathlib import Path
from typing import get_args

import pytest
import torch
from torch import Tensor, nn

from crossimage.evaluation.networks.classifier import (
    CLASSIFIERS,
    Classifier,
    ClassifierNetwork,
    freeze_classifier,
    load_classifier,
    save_classifier,
)
from crossimage.evaluation.networks.network_file import write_network
from crossimage.evaluation.options import ClassifierName
from tests.evaluation.colours import TinyClassifier

CPU = torch.device("cpu")


NETWORKS = dict(CLASSIFIERS)


@pytest.fixture(scope="module", autouse=True)
def _tiny() -> Iterator[None]:
    """Tests of what holds for all networks train a tiny one in place of the small ResNet."""
    tiny = CLASSIFIERS["resnet18_small"]._replace(build=TinyClassifier)
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(CLASSIFIERS, "resnet18_small", tiny)
        yield


@pytest.fixture(scope="module")
def classifier() -> Classifier:
    torch.manual_seed(0)
    network = ClassifierNetwork("resnet18_small", 9, 3)
    return freeze_classifier(network, "resnet18_small", ["blue", "green", "red"])


def pictures(count: int = 2, height: int = 20, width: int = 14) -> Tensor:
    generator = torch.Generator().manual_seed(1)
    return torch.randint(0, 256, (count, 3, height, width), generator=generator).byte()


@pytest.mark.parametrize("kind", get_args(ClassifierName))
def test_every_network_sees_pictures_from_its_smallest_size_on(
    kind: ClassifierName, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(CLASSIFIERS, kind, NETWORKS[kind])
    size = CLASSIFIERS[kind].min_size
    classifier = freeze_classifier(ClassifierNetwork(kind, size, 4), kind, "abcd")
    found = classifier.probabilities(pictures())
    assert found.shape == (2, 4) and found.isfinite().all()
    assert not any(p.requires_grad for p in classifier.features.network.parameters())
    assert set(get_args(ClassifierName)) == NETWORKS.keys()


def test_many_images_are_classified_as_few_are(classifier: Classifier) -> None:
    x = pictures(70)
    together = classifier.probabilities(x)
    torch.testing.assert_close(together[68:], classifier.probabilities(x[68:]))


def test_files_that_hold_no_classifier_are_named(tmp_path: Path) -> None:
    path = tmp_path / "c.safetensors"
    with pytest.raises(FileNotFoundError, match=r"c\.safetensors does not exist; .*fit-classif"):
        load_classifier(path, CPU)
    path.write_bytes(b"noise")
    with pytest.raises(ValueError, match=r"not a safetensors file.*fit-classifier"):
        load_classifier(path, CPU)
    write_network(path, "segmenter", nn.Linear(1, 1), {})
    with pytest.raises(ValueError, match="holds crossimage segmenter, expected a classifier"):
        load_classifier(path, CPU)


def test_classifiers_whose_facts_do_not_fit_their_weights_are_damaged(tmp_path: Path) -> None:
    path, network = tmp_path / "c.safetensors", ClassifierNetwork("resnet18_small", 9, 2)
    for facts in ({"network": "alexnet"}, {"size": "x"}, {"classes": ["a"]}, {"classes": 3}):
        save_classifier(path, "resnet18_small", network, ["a", "b"], facts)
        with pytest.raises(ValueError, match="is damaged .* write it again"):
            load_classifier(path, CPU)


@pytest.mark.parametrize(
    ("held_out", "chance", "warned"),
    [
        ("33.00 % of 90 held-out images classified correctly", 0.0, True),
        ("40.00 % of 90 held-out images classified correctly", 0.0, True),  # by chance, perhaps
        ("60.00 % of 90 held-out images classified correctly", 0.0, False),
        ("60.00 % of 90 held-out images classified correctly", 0.7, True),  # most are of one class
        ("100.00 % of 1 held-out images classified correctly", 0.0, True),
        ("", 0.0, False),  # written before this was recorded
    ],
)
def test_a_classifier_no_better_than_chance_is_known(
    held_out: str, chance: float, warned: bool, tmp_path: Path
) -> None:
    network = ClassifierNetwork("resnet18_small", 9, 3)
    facts = {"held_out": held_out, "chance": chance} if chance else {"held_out": held_out}
    save_classifier(tmp_path / "c.safetensors", "resnet18_small", network, list("abc"), facts)
    found = load_classifier(tmp_path / "c.safetensors", CPU)
    assert ("not clearly better than chance" in found.warning) == warned
    assert found.features.warning == found.warning
