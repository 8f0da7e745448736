import pytest
from PIL import Image

from crossimage.data.left_out import describe
from crossimage.data.sources.domains.class_folders import find_classes
from crossimage.data.sources.domains.scan import scan_domains
from crossimage.data.sources.folders import find_images
from tests.data.helpers import dataset


def images(*paths, size=(4, 4)):
    for path in paths:
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.new("RGB", size).save(path)


def names(paths, root):
    return [path.relative_to(root).as_posix() for path in paths]


def test_letters(tmp_path):
    images(*(tmp_path / f / n for f in ("trainA", "trainB", "testA") for n in ("2.png", "1.JPG")))
    a, b = scan_domains(str(tmp_path))
    assert (a.name, b.name, a.half) == ("a", "b", None)
    assert names(a.train, tmp_path) == ["trainA/1.JPG", "trainA/2.png"]
    assert (len(a.test), len(b.test)) == (2, 0)


def test_letters_with_val_for_test(tmp_path):
    images(*(tmp_path / f / "1.png" for f in ("trainA", "trainB", "valA", "valB")))
    a, b = scan_domains(str(tmp_path), ["edges", "shoes"])
    assert (a.name, b.name) == ("edges", "shoes")
    assert names(a.test + b.test, tmp_path) == ["valA/1.png", "valB/1.png"]


@pytest.mark.parametrize("test", ["test", "val"])
def test_folder_names(tmp_path, test):
    images(*(tmp_path / s / d / "1.png" for s in ("train", test) for d in ("dogs", "cats")))
    domains = scan_domains(str(tmp_path))
    assert [d.name for d in domains] == ["cats", "dogs"]
    assert names(domains[0].test, tmp_path) == [f"{test}/cats/1.png"]


def test_names_select_and_order_or_rename_folders(tmp_path):
    images(*(tmp_path / "train" / d / "1.png" for d in ("x", "y", "z")))
    chosen = scan_domains(str(tmp_path), ["z", "x"])
    assert [names(d.train, tmp_path) for d in chosen] == [["train/z/1.png"], ["train/x/1.png"]]
    every = scan_domains(str(tmp_path), ["one", "two", "three"], count=None, rules=2)
    assert [d.name for d in every] == ["one", "two", "three"]
    with pytest.raises(ValueError, match=r"3 domains \(x, y, z\), expected 2; .*domains=x,y"):
        scan_domains(str(tmp_path))
    with pytest.raises(ValueError, match="holds x, y and z, and no 'w': expected x and w"):
        scan_domains(str(tmp_path), ["x", "w"])


def test_side_by_side_pairs(tmp_path):
    images(tmp_path / "train" / "1.png", tmp_path / "val" / "2.png", size=(16, 8))
    a, b = scan_domains(str(tmp_path))
    assert (a.name, a.half, b.name, b.half) == ("a", 0, "b", 1)
    assert a.train == b.train
    assert names(b.test, tmp_path) == ["val/2.png"]


@pytest.mark.parametrize("size", [(17, 8), (10, 8), (8, 16)])
def test_pictures_that_are_no_pairs_are_named(tmp_path, size):
    images(tmp_path / "train" / "1.png", size=size)
    with pytest.raises(ValueError, match=rf"1\.png is {size[0]} x {size[1]}, not a side-by-side"):
        scan_domains(str(tmp_path))


def test_a_broken_pair_does_not_hide_the_others(tmp_path):
    images(tmp_path / "train" / "2.png", size=(16, 8))
    (tmp_path / "train" / "1.png").write_bytes(b"broken")
    assert len(scan_domains(str(tmp_path))[0].train) == 2


def test_lists(tmp_path, monkeypatch):
    images(tmp_path / "pictures" / "1.png", tmp_path / "pictures" / "2.png", tmp_path / "3.png")
    (tmp_path / "lists").mkdir()
    (tmp_path / "lists" / "a.txt").write_text("# comment\n\n../pictures/2.png\n3.png\n")
    (tmp_path / "lists" / "b.txt").write_text(f"{tmp_path}/pictures/1.png\n")
    monkeypatch.chdir(tmp_path)
    a, b = scan_domains("edges=lists/a.txt,shoes=lists/b.txt")
    assert (a.name, b.name, a.test) == ("edges", "shoes", ())
    assert [p.name for p in a.train] == ["3.png", "2.png"]
    assert [p.name for p in b.train] == ["1.png"]


def test_what_is_wrong_with_lists_is_said(tmp_path, monkeypatch):
    images(tmp_path / "1.png")
    monkeypatch.chdir(tmp_path)
    (tmp_path / "a.txt").write_text("1.png\n\ngone.png\n")
    (tmp_path / "b.txt").write_text("# nothing\n")
    (tmp_path / "c.txt").write_text("a.txt\n")
    with pytest.raises(FileNotFoundError, match=r"a\.txt, line 3: there is no file gone\.png"):
        scan_domains("A=a.txt,B=a.txt")
    with pytest.raises(ValueError, match=r"b\.txt lists no images"):
        scan_domains("A=b.txt,B=b.txt")
    with pytest.raises(ValueError, match=r"c\.txt, line 1: a\.txt is not an image"):
        scan_domains("A=c.txt,B=c.txt")
    with pytest.raises(FileNotFoundError, match=r"no list file d\.txt"):
        scan_domains("A=d.txt,B=d.txt")
    with pytest.raises(ValueError, match="not understood"):
        scan_domains("a.txt,B=a.txt")


def test_hidden_files_are_ignored_and_subfolders_searched(tmp_path):
    images(
        tmp_path / "trainA" / "deep" / "1.png",
        tmp_path / "trainA" / ".2.png",
        tmp_path / "trainA" / ".cache" / "3.png",
        tmp_path / "trainB" / "1.png",
    )
    (tmp_path / "train").mkdir()
    assert names(scan_domains(str(tmp_path))[0].train, tmp_path) == ["trainA/deep/1.png"]


def test_a_missing_folder(tmp_path):
    with pytest.raises(FileNotFoundError, match="nowhere is not a folder"):
        scan_domains(str(tmp_path / "nowhere"))
    with pytest.raises(FileNotFoundError, match="expected the folders trainA and trainB"):
        scan_domains(str(tmp_path))
    images(tmp_path / "trainB" / "1.png")
    with pytest.raises(FileNotFoundError, match="no folder .*trainA"):
        scan_domains(str(tmp_path))


def test_a_folder_without_images_says_what_it_holds(tmp_path):
    images(tmp_path / "trainA" / "1.png")
    (tmp_path / "trainB").mkdir()
    with pytest.raises(ValueError, match="trainB holds no images .*it is empty.*expected .jpg"):
        scan_domains(str(tmp_path))
    for name in ("1.txt", "2.txt", "README"):
        (tmp_path / "trainB" / name).touch()
    with pytest.raises(ValueError, match=r"trainB holds no images \(2 x .txt, 1 x no suffix\)"):
        scan_domains(str(tmp_path))


def test_names_must_fit_the_domains(tmp_path):
    images(tmp_path / "trainA" / "1.png", tmp_path / "trainB" / "1.png")
    with pytest.raises(ValueError, match="2 domains .*names 3"):
        scan_domains(str(tmp_path), ["x", "y", "z"])
    with pytest.raises(ValueError, match="twice"):
        scan_domains(str(tmp_path), ["x", "x"])
    images(tmp_path / "one" / "train" / "only" / "1.png")
    with pytest.raises(ValueError, match=r"one domain \(only\), expected 2"):
        scan_domains(str(tmp_path / "one"))


def test_lists_may_mix_absolute_and_relative_paths(unequal, tmp_path, monkeypatch):
    monkeypatch.chdir(unequal)
    for letter, count in (("A", 5), ("B", 3)):
        paths = [f"train{letter}/{number}.png" for number in range(count)]
        lines = [str(unequal / path) if i % 2 else path for i, path in enumerate(paths)]
        (tmp_path / f"{letter}.txt").write_text("\n".join(lines))
    prints = dataset("a=A.txt,b=B.txt").fingerprint()
    assert [text.split(",")[0] for text in prints.values()] == ["5 images", "3 images"]


def test_an_empty_path_is_no_data_set(unequal, monkeypatch):
    monkeypatch.chdir(unequal)
    assert len(scan_domains(".")) == 2
    with pytest.raises(ValueError, match="path of the data set is empty"):
        scan_domains("")


@pytest.mark.parametrize("letters", ["AB", [""]])
def test_folders_beside_the_splits_are_named(letters, tmp_path):
    for folder in (*(f"train{letter}" for letter in letters), "more/deep"):
        images(tmp_path / folder / "1.png", tmp_path / folder / "2.png")
    (tmp_path / "notes").mkdir()
    (tmp_path / "notes" / "notes.txt").write_text("no image")
    data = str(tmp_path)
    domains = scan_domains(data) if letters == "AB" else [find_images(data)]
    left_out = [entry for domain in domains for entry in domain.left_out]
    assert describe(left_out) == "left out: 1 folder whose name is not a split (more)"


CALLED = [
    ("Cats", "cats"), ("cats", "CATS"), ("cat", "cats"), ("big_cats", "big cats"),
    ("caf\u00e9", "cafe\u0301"), ("black-cats", "Black_Cat"), ("cats", "cats"),
]  # fmt: skip


@pytest.mark.parametrize(("train", "test"), CALLED)
@pytest.mark.parametrize("split", ["test", "val"])
def test_folders_of_a_split_are_called_alike(split, train, test, tmp_path):
    for own in (train, "dogs"):
        images(tmp_path / "train" / own / "1.png", tmp_path / "plain" / own / "1.png")
    for top in ("", "plain"):
        images(tmp_path / top / split / test / "2.png", tmp_path / top / split / "birds" / "2.png")
        images(tmp_path / top / split / "loose.png")
    images(tmp_path / "loose.png")
    given = {"c": str(tmp_path / "train" / train), "d": str(tmp_path / "train" / "dogs")}
    for data in (tmp_path, tmp_path / "plain", given):
        domains = {domain.name: domain for domain in scan_domains(data, paired=False)}
        cats = domains[train] if data is not given else domains["c"]
        (found,) = cats.test
        assert found.parts[-3:] == (split, test, "2.png")
        assert cats.test_from.startswith(f"{split}/{test}")
        assert not domains["dogs" if data is not given else "d"].test
        others = describe(entry for domain in domains.values() for entry in domain.left_out)
        if data is given:
            continue
        assert f"folder of test images without training images ({split}/birds)" in others
        assert f"1 image outside the folders of domains ({split})" in others


def test_a_folder_of_tests_belongs_to_the_domain_of_its_name(tmp_path):
    images(*(tmp_path / "train" / name / "1.png" for name in ("Cats", "cats")))
    images(tmp_path / "test" / "cats" / "1.png")
    found = {domain.name: len(domain.test) for domain in scan_domains(tmp_path)}
    assert found == {"Cats": 0, "cats": 1}


@pytest.mark.parametrize("unseen", [False, True])
def test_class_folders_have_folders_of_several_splits_beside_them(unseen, tmp_path):
    images(*(tmp_path / name / "1.png" for name in ("a", "b", "test/a", "val/a", "val/b")))
    found = find_classes(tmp_path, unseen=unseen)
    assert names(found.test, tmp_path) == ["test/a/1.png"]
    assert describe(found.left_out) == "left out: 1 folder of another split (val)"
    images(tmp_path / "test" / "c" / "1.png")
    if unseen:
        assert find_classes(tmp_path, unseen=True).test_class_indices == (0, -1)
    else:
        with pytest.raises(ValueError, match="test/c is a class that training does not have"):
            find_classes(tmp_path)
