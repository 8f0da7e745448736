"""Domains whose paths are given by name, and folders of domains."""

from pathlib import Path

import pytest

from crossimage.data.build import find_source
from crossimage.data.sources.domains.class_folders import find_classes
from crossimage.data.sources.domains.scan import find_one, scan_domains
from crossimage.data.sources.pairs import align
from crossimage.labels import LabelledConfig
from tests.data.helpers import touch


def names(paths: tuple[Path, ...], root: Path) -> list[str]:
    return [path.relative_to(root).as_posix() for path in paths]


def test_a_path_is_a_folder_with_its_own_splits_or_one_of_a_split(tmp_path: Path) -> None:
    touch(*(tmp_path / name for name in (
        "cats/train/1.png", "cats/test/2.png", "trainB/3.png", "testB/4.png",
        "train/owls/5.png", "test/owls/6.png",
    )))  # fmt: skip
    data = {"cats": tmp_path / "cats", "dogs": tmp_path / "trainB", "owls": tmp_path / "train/owls"}
    domains = scan_domains(data, count=3)  # type: ignore[arg-type]
    assert [domain.name for domain in domains] == ["cats", "dogs", "owls"]
    assert [names(d.train, tmp_path) for d in domains] == [
        ["cats/train/1.png"], ["trainB/3.png"], ["train/owls/5.png"]
    ]  # fmt: skip
    assert [names(d.test, tmp_path) for d in domains] == [
        ["cats/test/2.png"], ["testB/4.png"], ["test/owls/6.png"]
    ]  # fmt: skip


def test_the_test_images_of_domain_folders_are_beside_them(tmp_path: Path) -> None:
    touch(*(tmp_path / name for name in (
        "cats/1.png", "dogs/2.png", "test/cats/3.png", "test/dogs/4.png", "val/cats/5.png",
        "loose.png",
    )))  # fmt: skip
    cats, dogs = scan_domains(str(tmp_path))
    assert (names(cats.test, tmp_path), names(dogs.test, tmp_path)) == (
        ["test/cats/3.png"], ["test/dogs/4.png"],
    )  # fmt: skip
    assert sorted(entry.name for entry in cats.left_out) == ["loose.png", "val"]


def test_several_folders_and_images_make_one_domain(tmp_path: Path) -> None:
    touch(*(tmp_path / name for name in ("a/1.png", "b/2.png", "3.png", "c/1.png", "c/2.png",
                                         "c/3.png")))  # fmt: skip
    paths = [tmp_path / "a", tmp_path / "b", tmp_path / "3.png"]
    pair = align(scan_domains({"x": paths, "y": tmp_path / "c"}))  # type: ignore[dict-item]
    x, y = ([path.name for path in domain.train] for domain in pair)
    assert x == y and len(x) == 3


def test_images_one_by_one_are_paired_by_their_place(tmp_path: Path) -> None:
    data = {
        "a": _touched(tmp_path, "a/3", "a/1", "a/2"),
        "b": _touched(tmp_path, "b/y", "b/x", "b/z"),
    }
    a, b = align(scan_domains(data))
    found = {(x.stem, y.stem) for x, y in zip(a.train, b.train, strict=True)}
    assert found == {("3", "y"), ("1", "x"), ("2", "z")}


@pytest.mark.parametrize("others", [("c/2", "c/1"), ("c/x/2", "c/x/1"), ("c/2.jpg", "c/1")])
def test_equal_names_in_another_order_are_no_pairs(others: tuple[str, ...], tmp_path: Path) -> None:
    data = {"a": _touched(tmp_path, "a/1", "a/2"), "b": _touched(tmp_path, *others)}
    with pytest.raises(ValueError, match="1 is in place 1 of a and in place 2 of b; .*same order"):
        align(scan_domains(data))
    align(scan_domains(data, rules=2), 2)
    data["b"] = data["b"][::-1]
    align(scan_domains(data))


@pytest.mark.parametrize(
    "others",
    [
        ("a/2", "a/3", "a/1"),
        ("b/2", "b/2.jpg", "b/1"),
        ("b/2", "b/3", "b/4"),
        ("b/2", "c/2", "b/1"),
        ("b/1", "b/2", "b/x/1"),
    ],
)
def test_names_that_do_not_tell_pairs_are_ignored(others: tuple[str, ...], tmp_path: Path) -> None:
    data = {"a": _touched(tmp_path, "a/1", "a/2", "a/3"), "b": _touched(tmp_path, *others)}
    a, b = align(scan_domains(data))
    assert (a.train[0].stem, f"{b.train[0].parent.name}/{b.train[0].stem}") == ("1", others[0])


def _touched(folder: Path, *names: str) -> list[str]:
    paths = [folder / (name if "." in name else f"{name}.png") for name in names]
    touch(*paths)
    return [str(path) for path in paths]


def test_overlaps_are_refused(tmp_path: Path) -> None:
    touch(tmp_path / "a/1.png", tmp_path / "a/sub/2.png", tmp_path / "b/3.png")
    (tmp_path / "link").symlink_to(tmp_path / "a")
    for other in ("a", "a/sub", "link"):
        with pytest.raises(ValueError, match="in both cats and dogs"):
            scan_domains(f"cats={tmp_path / 'a'},dogs={tmp_path / other}")
    with pytest.raises(ValueError, match="cats has .*2.png twice"):
        scan_domains({"cats": [str(tmp_path / "a"), str(tmp_path / "a/sub")], "dogs": ["b"]})


def test_what_is_missing_or_empty_is_said(tmp_path: Path) -> None:
    touch(tmp_path / "cats/1.png")
    (tmp_path / "dogs").mkdir()
    with pytest.raises(ValueError, match="dogs holds no images"):
        scan_domains(str(tmp_path))
    with pytest.raises(ValueError, match="dogs holds no images"):
        scan_domains(f"cats={tmp_path / 'cats'},dogs={tmp_path / 'dogs'}")
    with pytest.raises(FileNotFoundError, match="gone, which is to hold images of dogs"):
        scan_domains(f"cats={tmp_path / 'cats'},dogs={tmp_path / 'gone'}")
    with pytest.raises(ValueError, match=r"holds one domain \(cats\), expected 2"):
        scan_domains(f"cats={tmp_path / 'cats'}")
    with pytest.raises(FileNotFoundError, match="images, but no folders of domains"):
        scan_domains(str(tmp_path / "cats"))


def test_a_single_domain_has_any_paths(tmp_path: Path) -> None:
    touch(tmp_path / "a/1.png", tmp_path / "b/2.png")
    domain = find_one({"faces": [str(tmp_path / "a"), str(tmp_path / "b")]})
    assert (domain.name, len(domain.train)) == ("faces", 2)
    with pytest.raises(ValueError, match="names 2 domains, expected the images of one"):
        find_one(f"x={tmp_path / 'a'},y={tmp_path / 'b'}")


def test_classes_are_folders_with_and_without_train_or_paths_by_name(tmp_path: Path) -> None:
    for name in ("cats/1.png", "dogs/2.png", "test/dogs/3.png"):
        touch(tmp_path / "1" / name, tmp_path / "2" / name.replace("test/", "../2/test/"))
    data = f"cats={tmp_path / '1/cats'},dogs={tmp_path / '1/dogs'}"
    for given in (str(tmp_path / "1"), data):
        (domain,) = find_source(given, LabelledConfig(), "labelled").domains
        assert [*domain.label_names("train")] == ["cats", "dogs"]
    domain = find_classes(tmp_path / "1")
    assert [*domain.label_names("test")] == ["dogs"]
    touch(tmp_path / "1/test/owls/4.png")
    with pytest.raises(ValueError, match="owls is a class that training does not have"):
        find_classes(tmp_path / "1")
    assert find_classes(tmp_path / "1", unseen=True).test_class_indices == (1, -1)


def test_a_table_is_not_the_path_of_a_class(tmp_path: Path) -> None:
    touch(tmp_path / "dogs/1.png")
    (tmp_path / "t.csv").write_text("file,x\n")
    with pytest.raises(ValueError, match="is a table, and paths by name are those of classes"):
        find_classes(f"cats={tmp_path / 't.csv'},dogs={tmp_path / 'dogs'}")
