"""FUNIT's measures: translation accuracy by two classifiers with their IS, and content kept."""

import math
from pathlib import Path

import pytest
import torch
from torch import Tensor
from torchvision.models import vgg16

from crossimage.evaluation.galleries.few_shot import open_few_shot
from crossimage.evaluation.galleries.labels import LabelGallery
from crossimage.evaluation.galleries.parts import PartedGallery
from crossimage.evaluation.metrics import METRICS
from crossimage.evaluation.metrics.base import load_metric
from crossimage.evaluation.networks.open import MetricNetworks
from crossimage.evaluation.networks.vgg import RELU5_3, open_content_distance, open_vgg
from crossimage.evaluation.run_metrics import choose
from crossimage.evaluation.run_parts import run_parts
from tests.evaluation.helpers import networks, of_classes, setup
from tests.evaluation.targets import Repainted, class_images, model

FIVE = ("a", "b", "c", "d", "e")


class Shades:
    """Stands for a classifier: classes are shades from dark to bright, the nearest most likely."""

    name, library, warning = "a stand-in", "none 0", ""

    def __init__(self, *classes: str) -> None:
        self.classes = classes

    def probabilities(self, images: Tensor) -> Tensor:
        light = images.float().mean((1, 2, 3))[:, None] / 255 * len(self.classes)
        return (-(light - torch.arange(len(self.classes)) - 0.5).abs()).softmax(1)


@pytest.fixture(scope="module")
def gallery(tmp_path_factory: pytest.TempPathFactory) -> PartedGallery:
    data = class_images(tmp_path_factory.mktemp("few"), {"a": 3, "b": 3}, {"c": 2, "e": 3})
    return open_few_shot("run", model(Repainted, "a", "b"), str(data), None, 2, 0)


def own(all_classes: tuple[str, ...] = (), unseen: tuple[str, ...] = ()) -> MetricNetworks:
    result = networks()
    for name, classes in (("classifier", all_classes), ("unseen_classifier", unseen)):
        if classes:
            setattr(result, f"{name}_path", Path("x.safetensors"))
            result.__dict__[name] = Shades(*classes)
    result.vgg_weights = "random"
    return result


def score(p: Tensor) -> float:
    p = p.double()
    return math.exp(float((p * (p / p.mean(0)).log()).sum(1).mean()))


@pytest.mark.parametrize(
    ("prefix", "classes", "metric"),
    [("translation", (*FIVE, "f", "g"), "translation_accuracy"),
     ("unseen", ("c", "e"), "unseen_accuracy")],
)  # fmt: skip
def test_accuracy_and_score_are_those_of_all_outputs(
    prefix: str, classes: tuple[str, ...], metric: str, gallery: PartedGallery
) -> None:
    mine = own(classes, classes)
    found = run_parts(setup(gallery, mine), [metric])
    items = [*gallery.items(None, None)]
    p = Shades(*classes).probabilities(torch.cat([item.outputs for item in items]))
    wanted = torch.tensor([classes.index(item.wanted) for item in items])
    accuracy = found[f"{prefix}_accuracy"]
    assert accuracy.value == pytest.approx(float(p.argmax(1).eq(wanted).double().mean()))
    assert accuracy.count == len(items) == 12 and not accuracy.comparable
    assert found[f"{prefix}_is"].value == pytest.approx(score(p))
    if len(classes) > 5:
        top = (p.topk(5).indices == wanted[:, None]).any(1).double().mean()
        assert found[f"{prefix}_accuracy_top5"].value == pytest.approx(float(top))
    else:  # all classes would be among the first five
        assert found.find(f"{prefix}_accuracy_top5") is None


def test_classifiers_must_know_the_targets(gallery: PartedGallery) -> None:
    with pytest.raises(ValueError, match="the classifier does not know e; it knows a, b, c"):
        choose(("translation_accuracy",), [setup(gallery, own(("a", "b", "c")))])
    with pytest.raises(ValueError, match="does not know c and 1 more of the target classes"):
        choose(("unseen_accuracy",), [setup(gallery, own((), ("a", "b")))])
    with pytest.raises(ValueError, match=r"unseen classes alone; .* --unseen-classifier FILE"):
        choose(("unseen_accuracy",), [setup(gallery, own(FIVE))])


def test_other_models_have_no_such_measures(labelled: Path) -> None:
    one_target = LabelGallery("run", of_classes(), str(labelled), "y", 0)
    for name in ("translation_accuracy", "unseen_accuracy", "dipd"):
        with pytest.raises(ValueError, match="few-shot models"):
            choose((name,), [setup(one_target, own(("x", "y", "z"), ("x", "y", "z")))])


def test_content_is_compared_without_the_statistics_of_features(gallery: PartedGallery) -> None:
    found = run_parts(setup(gallery, own()), ["dipd"])["dipd"]
    network = vgg16().features[:30]
    same = open_vgg("random", torch.device("cpu"), RELU5_3, "").network
    network.load_state_dict(same.get_submodule("layers").state_dict())
    mean = torch.tensor([0.485, 0.456, 0.406])[:, None, None]
    std = torch.tensor([0.229, 0.224, 0.225])[:, None, None]

    def features(x: Tensor) -> Tensor:
        with torch.no_grad():
            return torch.nn.functional.instance_norm(network((x[None] / 255 - mean) / std))

    values = [
        (features(item.input) - features(item.outputs[0])).square().mean()
        for item in gallery.items(None, None)
        if item.input is not None
    ]
    assert found.value == pytest.approx(float(torch.stack(values).mean()), rel=1e-4)
    assert found.count == 12 and not found.comparable
    assert "VGG16 of random weights, relu5_3, instance-normalised" in found.protocol


def test_content_needs_images_of_one_size_that_are_not_too_small() -> None:
    distance = open_content_distance("random", torch.device("cpu"))
    x = torch.randint(256, (2, 3, 32, 32), dtype=torch.uint8)
    assert distance(x, x).tolist() == [0, 0]
    with pytest.raises(ValueError, match="found images of 31 x 32 pixels; relu5_3 .* 32 x 32"):
        distance(x[..., 1:], x[..., 1:])
    with pytest.raises(ValueError, match="compares images of the same size"):
        distance(x, x[..., 1:])


def test_every_declared_figure_is_given_and_carries_its_direction(gallery: PartedGallery) -> None:
    names = ["translation_accuracy", "unseen_accuracy", "dipd"]
    assert {METRICS[name].split(".")[0] for name in names} == {"few_shot"}
    figures = run_parts(setup(gallery, own((*FIVE, "f"), (*FIVE, "f"))), names).figures
    declared = {}
    for name in names:
        declared |= load_metric(name).directions
    assert {figure.name: figure.direction for figure in figures} == declared
