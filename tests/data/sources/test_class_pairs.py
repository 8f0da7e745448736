from __future__ import annotations

from pathlib import Path

import pytest
from PIL import Image

from crossimage.data.left_out import describe
from crossimage.data.sources.class_pairs import facts_of_class_pairs, find_class_pairs, sets_in


def write(root: Path, *names: str) -> None:
    for number, name in enumerate(names):
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.new("RGB", (8, 8), (number, 0, 0)).save(path)


@pytest.fixture
def data(tmp_path: Path) -> Path:
    write(
        tmp_path,
        *(f"train/photos/{name}.jpg" for name in ("cat/1", "cat/2", "dog/1", "dog/3")),
        "train/sketches/cat/1-1.png", "train/sketches/cat/1-2.png", "train/sketches/dog/1.png",
        "train/edges/cat/2.png", "train/edges/dog/1.png",
        "test/photos/cat/7.jpg", "test/sketches/cat/7-1.png",
    )  # fmt: skip
    return tmp_path


def test_every_drawing_has_its_photo_and_class(data: Path) -> None:
    sketches, photos, edges, of_edges = find_class_pairs(str(data))
    assert [d.name for d in (photos, of_edges)] == ["photos of sketches", "photos of edges"]
    rows = [
        (a.relative_to(data).as_posix(), b.relative_to(data).as_posix())
        for a, b in zip(sketches.train, photos.train, strict=True)
    ]
    assert rows == [
        ("train/sketches/cat/1-1.png", "train/photos/cat/1.jpg"),
        ("train/sketches/cat/1-2.png", "train/photos/cat/1.jpg"),
        ("train/sketches/dog/1.png", "train/photos/dog/1.jpg"),
    ]
    assert sketches.class_indices == photos.class_indices == (0, 0, 1)
    assert edges.class_indices == (0, 1) and sketches.test_class_indices == (0,)
    facts = facts_of_class_pairs((sketches, photos, edges, of_edges))
    assert (facts.domains, facts.epoch) == (("cat", "dog"), 5)
    assert (facts.label_sets, facts.categorical) == ((2,), (True,))


def test_what_is_left_out_is_counted_by_reason(data: Path) -> None:
    write(data, "train/photos/owl/1.jpg", "train/sketches/owl/1.png", "train/masks/cat/1.png")
    domains = find_class_pairs(str(data), ["dog", "cat"])
    assert domains[0].classes == ("dog", "cat") and domains[0].class_indices == (1, 1, 0)
    found = describe([entry for domain in domains for entry in domain.left_out])
    assert found is not None
    assert "1 photo without a drawing (3.jpg)" in found
    assert "1 folder that training does not use (masks)" in found
    assert "1 image of a class that is not chosen (owl)" in found


def test_one_set_alone(data: Path) -> None:
    assert sets_in(str(data)) == ("sketches", "edges")
    domains = find_class_pairs(str(data), needed=("edges",))
    assert [domain.name for domain in domains] == ["edges", "photos of edges"]


def test_test_drawings_need_no_photos_if_there_are_none(data: Path) -> None:
    (data / "test/photos/cat/7.jpg").unlink()
    sketches, photos, *_ = find_class_pairs(str(data))
    assert len(sketches.test) == 1 and photos.test == ()


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("train/sketches/cat/9.png", r"9\.png has no photo: .*photos holds no image named cat/9"),
        ("train/sketches/3.png", r"sketches/3\.png has no class; expected every image in a class"),
        ("train/photos/3.jpg", r"photos/3\.jpg has no class; expected every image in a class"),
        ("train/photos/cat/1.png", r"1\.jpg and .*1\.png have the same name"),
        ("train/photos/owl/1.jpg", "no photo in .*owl has a drawing; add sketches or edges"),
        ("test/sketches/dog/8.png", r"8\.png has no photo"),
    ],
)
def test_faults_are_named(data: Path, name: str, message: str) -> None:
    write(data, name)
    with pytest.raises(ValueError, match=message):
        find_class_pairs(str(data))


def test_unknown_classes_are_named(data: Path) -> None:
    with pytest.raises(ValueError, match="there is no label 'cow', only cat, dog"):
        find_class_pairs(str(data), ["cat", "cow"])
    with pytest.raises(ValueError, match="has one class, cat; expected at least two"):
        find_class_pairs(str(data), ["cat"])


def test_missing_folders_are_named(data: Path, tmp_path: Path) -> None:
    (data / "train/edges").rename(data / "train/other")
    with pytest.raises(FileNotFoundError, match=r"no folder .*train/edges; because; expected DIR"):
        find_class_pairs(str(data), because="because; ")
    with pytest.raises(FileNotFoundError, match="nowhere is not a folder"):
        find_class_pairs(str(tmp_path / "nowhere"))
    (tmp_path / "empty").mkdir()
    with pytest.raises(FileNotFoundError, match="holds no folder train"):
        find_class_pairs(str(tmp_path / "empty"))
    (tmp_path / "flat/train").mkdir(parents=True)
    with pytest.raises(FileNotFoundError, match="train holds no folders; expected DIR/train"):
        find_class_pairs(str(tmp_path / "flat"))
