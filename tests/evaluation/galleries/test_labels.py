"""Models with labels: test images get a label that they have not, beside those that have it."""

from collections.abc import Iterable
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from torch import Tensor

from crossimage.evaluation.compare import open_gallery
from crossimage.evaluation.galleries.labels import LabelGallery
from crossimage.evaluation.options import Options
from crossimage.inference.translator import Translator
from tests.evaluation.helpers import Classifier, chosen, evaluated, networks, of_classes, stargan

ATTRIBUTES = ("Dark", "Fair", "Male")


@pytest.fixture(autouse=True)
def _cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))


@pytest.fixture(scope="module")
def faces(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Images with attributes: four to train on, and four tests with hair dark, dark, fair, none."""
    root = tmp_path_factory.mktemp("faces")
    lines = ["file,split,Dark,Fair,Male"]
    for split in ("train", "test"):
        for i, row in enumerate(((1, 0, 1), (1, 0, 0), (0, 1, 0), (0, 0, 1))):
            pixels = np.full((20, 20, 3), 60 * i, np.uint8)
            Image.fromarray(pixels).save(root / f"{split}{i}.png")
            lines.append(f"{split}{i}.png,{split},{','.join(map(str, row))}")
    (root / "labels.csv").write_text("\n".join(lines) + "\n")
    return root


def of_faces() -> Translator:
    return stargan(ATTRIBUTES, exclusive=(("Dark", "Fair"),))


def goals(gallery: LabelGallery) -> dict[str, list[float]]:
    """The label vector that every input is translated with."""
    examples = [gallery.load(place) for place in range(gallery.total)]
    return {e.path.name: torch.as_tensor(e.goal).tolist() for e in examples}


def names(paths: Iterable[Path]) -> list[str]:
    return [path.name for path in paths]


def test_images_without_the_attribute_get_it_and_keep_the_others(faces: Path) -> None:
    gallery = LabelGallery("run", of_faces(), str(faces), "male", 0)
    assert goals(gallery) == {"test1.png": [1, 0, 1], "test2.png": [0, 1, 1]}
    assert names(gallery.real.paths) == ["test0.png", "test3.png"]
    assert gallery.target == "Male" and gallery.facts["direction"] == "to Male"


def test_an_attribute_can_be_taken_away(faces: Path) -> None:
    gallery = LabelGallery("run", of_faces(), str(faces), "Male=0", 0)
    assert goals(gallery) == {"test0.png": [1, 0, 0], "test3.png": [0, 0, 0]}
    assert names(gallery.real.paths) == ["test1.png", "test2.png"]
    assert gallery.target == "not Male"


def test_attributes_that_exclude_the_new_one_are_cleared(faces: Path) -> None:
    gallery = LabelGallery("run", of_faces(), str(faces), "Fair", 0)
    assert goals(gallery)["test0.png"] == [0, 1, 1]
    gallery = LabelGallery("run", of_faces(), str(faces), "Fair=0", 0)
    assert goals(gallery) == {"test2.png": [0, 0, 0]}


def test_several_attributes_are_set_together(faces: Path) -> None:
    gallery = LabelGallery("run", of_faces(), str(faces), "Dark=1,Male=0", 0)
    assert goals(gallery) == {
        "test0.png": [1, 0, 0], "test2.png": [1, 0, 0], "test3.png": [1, 0, 0]
    }  # fmt: skip
    assert names(gallery.real.paths) == ["test1.png"] and gallery.target == "Dark, not Male"


def test_images_of_other_classes_get_the_class(labelled: Path) -> None:
    gallery = LabelGallery("run", of_classes(), str(labelled), "y", 0)
    assert goals(gallery) == dict.fromkeys(["testA_0.png", "testB_0.png"], [0, 1, 0])
    assert {path.parent.name for path in gallery.real.paths} == {"y"}
    with pytest.raises(ValueError, match=r"none of the 4 test images of .* are z; expected some"):
        LabelGallery("run", of_classes(), str(labelled), "z", 0)


def test_of_several_data_sets_the_one_with_the_label_is_evaluated(
    faces: Path, labelled: Path
) -> None:
    both = stargan((*ATTRIBUTES, "x", "y", "z"), label_sets=(3, 3), categorical=(False, True))
    data = f"{faces},{labelled}"
    found = goals(LabelGallery("run", both, data, "Male", 0))
    assert found["test1.png"] == [1, 0, 1, 0, 0, 0, 1, 0]  # the mask tells the first data set
    found = goals(LabelGallery("run", both, data, "y", 0))
    assert found == dict.fromkeys(["testA_0.png", "testB_0.png"], [0, 0, 0, 0, 1, 0, 0, 1])
    with pytest.raises(ValueError, match="belong to different data sets"):
        LabelGallery("run", both, data, "Male=1,y=1", 0)
    with pytest.raises(ValueError, match="expected the data sets that run was trained on"):
        LabelGallery("run", both, str(faces), "Male", 0)


def test_outputs_are_those_of_the_translator(faces: Path) -> None:
    model = of_faces()
    (gallery,) = [open_gallery("run", model, str(faces), Options(to="Male"))]
    first, _ = gallery.items(None, None)
    assert first.input is not None
    x = first.input[None].float() / 127.5 - 1
    expected = model.translate(x, to={"Dark": 1, "Male": 1})
    got = first.outputs.float() / 127.5 - 1
    assert (got - expected).abs().max() < 0.01
    assert (got - model.translate(x, to={"Fair": 1, "Male": 1})).abs().max() > 0.01


@pytest.mark.parametrize(
    ("to", "sentence"),
    [
        (None, "--to is missing: run has labels; give one of Dark, Fair, Male, or"),
        ("Mail", "there is no label 'Mail'.*did you mean 'Male'"),
        ("Male=2", "the value of Male must be a number from 0 to 1, found '2'"),
        ("Male=0.5", "the value of Male must be 1 or 0 to evaluate a model.*found 0.5"),
        ("Dark=1,Fair=1", "Dark and Fair are mutually exclusive"),
    ],
)
def test_wrong_targets_are_told_the_possible_ones(
    to: str | None, sentence: str, faces: Path
) -> None:
    with pytest.raises(ValueError, match=sentence):
        LabelGallery("run", of_faces(), str(faces), to, 0)


def test_other_data_than_that_of_training_is_refused(labelled: Path, faces: Path) -> None:
    with pytest.raises(ValueError, match="no label 'Dark', only x, y, z.*its labels Dark, Fair"):
        LabelGallery("run", of_faces(), str(labelled), "Male", 0)
    as_attributes = stargan(("x", "y", "z"))
    with pytest.raises(ValueError, match="has the labels x, y, z; expected the data sets that"):
        LabelGallery("run", as_attributes, str(labelled), "x", 0)
    with pytest.raises(ValueError, match="no image has a partner with other labels"):
        chosen(("psnr",), LabelGallery("run", of_faces(), str(faces), "Male", 0))


def test_missing_test_images_are_reported(labelled: Path, tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "train").symlink_to(labelled / "train")
    gallery = LabelGallery("run", of_classes(), str(tmp_path / "data"), "z", 0)
    assert gallery.warnings() == ["no test images of data: training images were used"]
    assert {path.parent.name for path in gallery.paths} == {"x", "y"}


class Names(Classifier):
    """Stands for a classifier that takes every picture for its first class but black ones."""

    def probabilities(self, images: Tensor) -> Tensor:
        first = images.float().mean((1, 2, 3)) > 0
        return torch.stack([first, ~first], 1).float()


def test_the_error_is_the_share_that_is_not_taken_for_the_target(faces: Path) -> None:
    gallery = LabelGallery("run", of_faces(), str(faces), "Male=0", 0)
    for classes, error in ((("Male", "not Male"), 1.0), (("not male", "Male"), 0.0),
                           (("Female", "Male"), 0.0)):  # fmt: skip
        own = networks(*classes)
        own.__dict__["classifier"] = Names(*classes)
        found = evaluated(gallery, "error", own=own).figures
        assert [(f.name, f.value, f.count) for f in found] == [("error", error, 2)]
    with pytest.raises(ValueError, match="no class of .* 'not Male'; it knows cat, dog"):
        chosen(("error",), gallery, networks("cat", "dog"))


def test_what_applies_is_evaluated(labelled: Path, faces: Path) -> None:
    of_class = LabelGallery("run", of_classes(), str(labelled), "y", 0)
    names = chosen((), of_class, networks("x", "y"))
    assert {"fid", "kid", "is", "error"} <= set(names) and not {"accuracy", "lpips"} & set(names)
    with pytest.raises(ValueError, match="the input's class is what the model changes"):
        chosen(("accuracy",), of_class, networks("x", "y"))
    with pytest.raises(ValueError, match="one output per input, so there is no diversity"):
        chosen(("lpips",), of_class)
    found = evaluated(of_class, "fid", "kid", "is")
    assert [figure.name for figure in found.figures] == ["fid", "kid", "is"]
    assert "of 2 generated and 2 real images" in found.figures[0].protocol


def test_a_label_is_asked_for_by_a_name_that_holds_an_equals_sign(faces: Path) -> None:
    table = faces / "labels.csv"
    text = table.read_text()
    table.write_text(text.replace("Dark", "hair=dark"))
    try:
        gallery = LabelGallery(
            "run", stargan(("hair=dark", "Fair", "Male")), str(faces), "hair=dark", 0
        )
    finally:
        table.write_text(text)
    assert gallery.target == "hair=dark" and names(gallery.paths) == ["test2.png", "test3.png"]
