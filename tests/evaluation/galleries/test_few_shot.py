"""Few-shot models: images of known classes translated to unseen ones, by K references."""

from pathlib import Path

import pytest
import torch

from crossimage.evaluation.compare import open_galleries
from crossimage.evaluation.galleries.few_shot import open_few_shot
from crossimage.evaluation.galleries.references import ReferenceStyles
from crossimage.evaluation.options import Options
from tests.evaluation.targets import Repainted, class_images, model


@pytest.fixture(scope="module")
def foods(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("foods")
    return class_images(root, {"bread": 3, "cake": 4}, {"rice": 6, "soup": 3, "cake": 2})


def test_every_unseen_class_is_a_target_of_the_images_of_known_ones(foods: Path) -> None:
    own = model(Repainted, "bread", "cake")
    (gallery,) = open_galleries("run", own, str(foods), Options(references=2))
    assert [part.target for part in gallery.parts] == ["rice", "soup"]
    for part in gallery.parts:
        # test images of cake, and training images of bread, which has no others
        assert {(p.parent.parent.name, p.parent.name) for p in part.paths} == {
            ("test", "cake"), ("train", "bread"),
        }  # fmt: skip
        assert {p.parent.name for p in part.real.paths} == {part.target}
    items = [*gallery.items(None, None)]
    assert [item.wanted for item in items] == ["rice"] * 5 + ["soup"] * 5
    assert {len(item.outputs) for item in items} == {1}
    assert (
        "2 target classes, 2 of them unseen in training (rice, soup)" in gallery.facts["measured"]
    )
    assert not gallery.warnings()


def test_a_style_is_the_mean_of_k_different_references(foods: Path) -> None:
    own = model(Repainted, "bread", "cake")
    gallery = open_few_shot("run", own, str(foods), "rice", 4, 0)
    (part,) = gallery.parts
    styles = part._styles  # type: ignore[attr-defined]
    assert isinstance(styles, ReferenceStyles)
    seen = set()
    for item in gallery.items(None, 1):
        chosen = styles.chosen(item.path.name, 0)
        assert len({*chosen}) == 4
        seen.add(tuple(chosen))
        references = torch.stack([part.real.read(path) for path in chosen]).float() / 127.5 - 1
        assert item.input is not None
        x = item.input.float() / 127.5 - 1
        expected = (x + references.mean((0, 2, 3))[:, None, None]) / 2
        assert (item.outputs[0].float() / 127.5 - 1 - expected).abs().max() < 0.01
    assert len(seen) > 1  # drawn for each input


def test_targets_can_be_named_and_may_be_known_classes(foods: Path) -> None:
    own = model(Repainted, "bread", "cake")
    gallery = open_few_shot("run", own, str(foods), "Soup, cake", 1, 0)
    assert [part.target for part in gallery.parts] == ["soup", "cake"]
    assert {path.parent.name for path in gallery.parts[1].paths} == {"bread"}
    with pytest.raises(ValueError, match=r"no class 'sop', only bread, .*; did you mean 'soup'"):
        open_few_shot("run", own, str(foods), "sop", 1, 0)


def test_a_class_with_fewer_than_k_images_is_refused_with_advice_that_works(foods: Path) -> None:
    own = model(Repainted, "bread", "cake")
    sentence = "the class soup has 3 images, in .*soup, and --references 5 .* give --references 3"
    with pytest.raises(ValueError, match=sentence):
        open_few_shot("run", own, str(foods), None, 5, 0)
    assert len(open_few_shot("run", own, str(foods), None, 3, 0).parts) == 2


def test_classes_left_out_of_training_are_unseen_though_they_have_training_images(
    tmp_path: Path,
) -> None:
    counts = dict.fromkeys("abu", 2)
    data = class_images(tmp_path, counts, counts)
    gallery = open_few_shot("run", model(Repainted, "a", "b"), str(data), None, 1, 0)
    (part,) = gallery.parts
    assert part.target == "u"
    assert {path.parent.parent.name for path in (*part.paths, *part.real.paths)} == {"test"}


def test_without_unseen_classes_all_are_targets(tmp_path: Path) -> None:
    data = class_images(tmp_path, {"a": 2, "b": 2, "c": 2}, {})
    gallery = open_few_shot("run", model(Repainted, "a", "b", "c"), str(data), None, 1, 0)
    assert [part.target for part in gallery.parts] == ["a", "b", "c"]
    assert "0 of them unseen" in gallery.facts["measured"]
    assert len(gallery.warnings()) == 3  # references of training images
