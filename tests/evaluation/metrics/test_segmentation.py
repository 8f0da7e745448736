"""FCN scores agree with torchmetrics, and with a case by hand."""

from dataclasses import replace
from pathlib import Path

import pytest
import torch
from torch import Tensor, nn
from torchmetrics.classification import (
    MulticlassAccuracy,
    MulticlassConfusionMatrix,
    MulticlassJaccardIndex,
)

from crossimage.evaluation.galleries.translations import TranslationGallery
from crossimage.evaluation.metrics.segmentation import ConfusionScores
from crossimage.evaluation.networks.palette import VOID
from crossimage.evaluation.report.figures import Figure
from tests.evaluation.helpers import evaluated, model, networks
from tests.evaluation.scenes import SEGMENTER, label_map


def values(figures: list[Figure]) -> dict[str, float]:
    return {figure.name: figure.value for figure in figures}


def test_scores_are_those_of_a_case_by_hand() -> None:
    scores = ConfusionScores(SEGMENTER)
    truth = torch.tensor([[0, 0, 0, 1], [1, 1, VOID, VOID]], dtype=torch.uint8)
    found = torch.tensor([[[0, 0, 1, 1], [1, 2, 0, 2]]])
    scores.add(found, truth)
    pixel, classes, iou = scores.figures()
    assert scores.confusion.tolist() == [[2, 1, 0], [0, 2, 1], [0, 0, 0]]
    assert pixel.value == pytest.approx(4 / 6)
    assert classes.value == pytest.approx((2 / 3 + 2 / 3) / 2)  # blue is not in the label map
    assert iou.value == pytest.approx((2 / 3 + 2 / 4) / 2)
    assert (pixel.name, classes.name, iou.name) == ("fcn_pixel", "fcn_class", "fcn_iou")
    assert "left out: blue" in iou.note and "red 0.667, green 0.500" in iou.note
    assert pixel.count == 1 and "torchmetrics" in pixel.library


def test_scores_agree_with_torchmetrics_and_do_not_depend_on_batches() -> None:
    generator = torch.Generator().manual_seed(0)
    truth = torch.randint(0, 4, (5, 20, 24), generator=generator)
    truth[truth == 3] = VOID
    found = torch.randint(0, 3, (5, 2, 20, 24), generator=generator)
    scores = ConfusionScores(SEGMENTER)
    for own, one in zip(found, truth, strict=True):
        scores.add(own, one.byte())
    every = truth[:, None].expand_as(found)
    score = values(scores.figures())
    confusion = MulticlassConfusionMatrix(3, ignore_index=VOID)(found, every)
    assert torch.equal(scores.confusion, confusion)
    for name, metric in (
        ("fcn_iou", MulticlassJaccardIndex(3, ignore_index=VOID)),
        ("fcn_class", MulticlassAccuracy(3, average="macro", ignore_index=VOID)),
        ("fcn_pixel", MulticlassAccuracy(3, average="micro", ignore_index=VOID)),
    ):
        assert score[name] == pytest.approx(float(metric(found, every)), rel=1e-6)


def test_perfect_pictures_of_another_size_than_the_label_map_score_one() -> None:
    labels = label_map([[0, 1, 2, 3], [2, 2, 1, 0]])
    pictures = label_map([[0, 1, 2, 0], [2, 2, 1, 0]], 4)[None].repeat(2, 1, 1, 1)
    scores = ConfusionScores(SEGMENTER, "fcn_real", "the real photos")
    scores.update(pictures, labels, Path("a.png"))
    figures = scores.figures()
    assert [figure.value for figure in figures] == [1.0, 1.0, 1.0]
    assert figures[0].name == "fcn_real_pixel" and figures[0].count == 2
    assert "of the real photos" in figures[0].protocol
    wrong = ConfusionScores(SEGMENTER)
    wrong.update(255 - pictures, labels, Path("a.png"))
    assert wrong.figures()[0].value < 0.5


def test_results_are_scored_beside_the_real_photos_by_their_label_maps(pairs: Path) -> None:
    gallery = TranslationGallery("run", model("pix2pix"), str(pairs), None, 0)
    found = evaluated(gallery, "fcn", own=networks(segmenter=True))
    score = values(found.figures)
    assert list(score) == [
        f"fcn{real}_{s}" for real in ("", "_real") for s in ("pixel", "class", "iou")
    ]
    right: dict[str, list[Tensor]] = {"fcn_pixel": [], "fcn_real_pixel": []}
    for item in gallery.items(None, None):
        assert item.target is not None
        white = gallery.label_map(item.path)[0] == 255
        for name, picture in (("fcn_pixel", item.outputs[0]), ("fcn_real_pixel", item.target)):
            right[name].append((picture.float().mean(0) > 127.5) == white)
    for name, pixels in right.items():
        assert score[name] == pytest.approx(float(torch.stack(pixels).double().mean()))
    assert all(figure.count == 2 for figure in found.figures)
    assert "the ceiling" in found.figures[3].protocol
    assert not any(figure.comparable for figure in found.figures)  # the segmenter is the user's


def test_a_segmenter_no_better_than_chance_on_the_real_photos_is_marked(pairs: Path) -> None:
    class Constant(nn.Module):
        def forward(self, x: Tensor) -> Tensor:
            return torch.stack([torch.ones_like(x[:, 0]), torch.zeros_like(x[:, 0])], 1)

    gallery = TranslationGallery("run", model("pix2pix"), str(pairs), None, 0)
    own = networks(segmenter=True)
    own.__dict__["segmenter"] = replace(own.segmenter, network=Constant())
    found = evaluated(gallery, "fcn", own=own)
    assert all("no better than chance" in figure.warnings[0] for figure in found.figures)


def test_unknown_colours_are_an_error_and_nearest_ones_are_reported() -> None:
    labels = label_map([[0, 1]], 8) // 2 + 100
    pictures = label_map([[0, 1]], 8)[None]
    scores = ConfusionScores(SEGMENTER)
    with pytest.raises(ValueError, match=r"a\.png has the colour"):
        scores.update(pictures, labels, Path("a.png"))
    scores.update(pictures, labels, Path("a.jpg"))
    assert all("taken as the nearest" in figure.note for figure in scores.figures())


def test_void_alone_gives_no_scores() -> None:
    scores = ConfusionScores(SEGMENTER)
    scores.update(label_map([[0, 1]], 8)[None], label_map([[3, 3]], 8), Path("a.png"))
    with pytest.raises(ValueError, match="found none, or only void"):
        scores.figures()
