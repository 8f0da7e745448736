"""StarGAN v2's protocol: every ordered pair of domains, by codes and by references."""

from pathlib import Path

import pytest
import torch

from crossimage.evaluation.compare import open_galleries
from crossimage.evaluation.galleries.domain_pairs import open_domain_pairs
from crossimage.evaluation.galleries.parts import PartedGallery
from crossimage.evaluation.options import Options
from tests.evaluation.targets import Tinted, class_images, model

CLASSES = ("cat", "dog", "wild")


@pytest.fixture(scope="module")
def animals(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("animals")
    return class_images(root, {"cat": 3, "dog": 4, "wild": 5}, {"cat": 2, "dog": 3, "wild": 2})


@pytest.fixture(scope="module")
def galleries(animals: Path) -> tuple[PartedGallery, PartedGallery]:
    return open_domain_pairs("run", model(Tinted, *CLASSES), str(animals), 0)


def test_all_ordered_pairs_are_evaluated_against_training_images(
    galleries: tuple[PartedGallery, PartedGallery],
) -> None:
    for gallery in galleries:
        assert [part.title for part in gallery.parts] == [
            "cat to dog", "cat to wild", "dog to cat", "dog to wild", "wild to cat", "wild to dog",
        ]  # fmt: skip
        for part in gallery.parts:
            source, target = part.title.split(" to ")
            assert {(p.parent.parent.name, p.parent.name) for p in part.paths} == {("test", source)}
            real = {(p.parent.parent.name, p.parent.name) for p in part.real.paths}
            assert real == {("train", target)}
            assert part.target == target and part.torchvision
        assert gallery.parts[0].real is gallery.parts[5].real  # read and hashed once
    assert [g.title for g in galleries] == ["run (latent)", "run (reference)"]
    assert not galleries[0].warnings()  # training images are compared with, not tested


def test_an_input_has_ten_outputs_by_default(
    galleries: tuple[PartedGallery, PartedGallery],
) -> None:
    for gallery in galleries:
        items = [*gallery.items(None, None)]
        assert {len(item.outputs) for item in items} == {10}
        assert len(items) == 2 * (2 + 3 + 2)  # every test image to both other classes
        assert len([*gallery.items(1, 3)]) == 6
        assert {len(item.outputs) for item in gallery.items(1, 3)} == {3}


def test_random_styles_are_those_of_translations(
    animals: Path, galleries: tuple[PartedGallery, PartedGallery]
) -> None:
    item = next(galleries[0].items(1, 4))
    assert item.input is not None
    own = model(Tinted, *CLASSES)
    to = own.target("dog").encode(1)
    draws = [own.draw(0, item.path.name, k, to) for k in range(4)]
    styles = torch.cat([draw.style for draw in draws if draw.style is not None])
    expected = (item.input.float() / 127.5 - 1 + styles[:, :, None, None]) / 2
    assert (item.outputs.float() / 127.5 - 1 - expected).abs().max() < 0.01


def test_references_are_test_images_of_the_target_each_used_before_any_again(
    galleries: tuple[PartedGallery, PartedGallery],
) -> None:
    part = galleries[1].parts[0]
    (item, _) = part.items(None, 3)  # there are three test images of dogs
    assert item.input is not None
    x = item.input.float().mean((1, 2)) / 127.5 - 1
    tints = 2 * (item.outputs.float().mean((2, 3)) / 127.5 - 1) - x
    dogs = [part.real.read(path) for path in galleries[1].parts[2].paths]  # dogs to cats
    colours = [dog.float().mean((1, 2)) / 127.5 - 1 for dog in dogs]
    nearest = [min(range(3), key=lambda k: float((colours[k] - t).abs().max())) for t in tints]
    assert sorted(nearest) == [0, 1, 2]
    assert all((colours[k] - t).abs().max() < 0.01 for k, t in zip(nearest, tints, strict=True))


def test_a_gallery_is_the_same_every_time(galleries: tuple[PartedGallery, PartedGallery]) -> None:
    for gallery in galleries:
        first, second = [*gallery.items(None, 2)], [*gallery.items(None, 2)]
        assert all(torch.equal(a.outputs, b.outputs) for a, b in zip(first, second, strict=True))


def test_without_a_target_both_modes_are_evaluated_and_with_one_that_target(animals: Path) -> None:
    own = model(Tinted, *CLASSES)
    assert len(open_galleries("run", own, str(animals), Options())) == 2
    (one,) = open_galleries("run", own, str(animals), Options(to="dog"))
    assert one.target == "dog" and not one.parts
    assert {path.parent.parent.name for path in one.real.paths} == {"test"}


def test_classes_without_test_images_are_marked(tmp_path: Path) -> None:
    data = class_images(tmp_path, {"cat": 3, "dog": 3}, {"dog": 2})
    latent, _ = open_domain_pairs("run", model(Tinted, "cat", "dog"), str(data), 0)
    assert latent.warnings() == ["no test images of cat: training images were used"]
    with pytest.raises(ValueError, match="expected the data sets that run was trained on"):
        open_domain_pairs("run", model(Tinted, "cat", "fox"), str(data), 0)
    with pytest.raises(ValueError, match="no image has a partner of another class"):
        latent.pair_up()
