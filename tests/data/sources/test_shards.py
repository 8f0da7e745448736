"""Domains in tar shards, which train like the same images in folders."""

import tarfile
from pathlib import Path

import pytest
import torch

from crossimage.config import Config
from crossimage.data.build import build_dataset, find_source
from crossimage.data.inspect import inspect
from crossimage.data.left_out import describe
from crossimage.data.loader import load_batches
from crossimage.methods import METHODS
from tests.data.helpers import flat, noise, pets, same, save
from tests.data.shards.helpers import images, png, write_tar

PLAIN = Config(resize=0, crop=(8, 8), batch_size=2, workers=0)


def shards_of(folder: Path, count: int, top: str = "") -> str:
    """Divide the files of a folder into shards, out of order; return their range."""
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    for number in range(count):
        with tarfile.open(folder.parent / f"{folder.name}-{number:02}.tar", "w") as file:
            for path in files[number::count][::-1]:
                file.add(path, top + path.relative_to(folder).as_posix())
    return f"{folder}-{{00..{count - 1:02}}}.tar"


def source(data: object, config: Config = PLAIN, layout: str = "unpaired", **options: object):
    return find_source(data, config, layout, **options)


def samples(data: object, config: Config = PLAIN, layout: str = "unpaired"):
    found = source(data, config, layout)
    return build_dataset(found, config.complete(found.facts))


@pytest.mark.parametrize("top", ["", "./", "photos/more/"])
@pytest.mark.parametrize("count", [1, 3])
def test_shards_train_like_the_folders_that_they_were_made_of(
    tmp_path: Path, count: int, top: str
) -> None:
    pets(tmp_path, 12, 10)
    save(tmp_path / "cats" / "sub" / "x.png", noise(7, 10, 10))
    ranges = {name: shards_of(tmp_path / name, count, top) for name in ("cats", "dogs")}
    folders = samples(f"cats={tmp_path}/cats,dogs={tmp_path}/dogs")
    shards = samples(",".join(f"{name}={text}" for name, text in ranges.items()))
    assert shards.fingerprint() == folders.fingerprint()
    for name in range(40):
        one, other = folders[name], shards[name]
        assert all(torch.equal(one.images[k], other.images[k]) for k in "ab")
    for one, other in zip(folders.domains, shards.domains, strict=True):
        assert [path.name for path in one.test] == [path.name for path in other.test]
        assert len(one.test) == 1  # held out by content


def test_worker_processes_and_processes_of_a_run_read_shards(tmp_path: Path) -> None:
    pets(tmp_path, 6, 8)
    data = {name: [shards_of(tmp_path / name, 2)] for name in ("cats", "dogs")}
    alone = samples(data)
    batches = load_batches(alone, PLAIN, start=3)
    workers = PLAIN.__class__(resize=0, crop=(8, 8), batch_size=2, workers=2)
    assert same([next(batches)], [next(load_batches(samples(data, workers), workers, start=3))])
    halves = [next(load_batches(alone, PLAIN, start=3, rank=rank, world=2)) for rank in range(2)]
    whole = next(load_batches(alone, PLAIN, start=3)).images["a"]
    assert torch.equal(torch.cat([half.images["a"] for half in halves]), whole)


def test_members_of_one_key_are_pairs(tmp_path: Path) -> None:
    for number in range(2):
        members = {}
        for key in range(10 * number, 10 * number + 10):
            members |= {f"{key:04}.edges.png": png(key)}
            members[f"{key:04}.shoes.png"] = png(100 + key)
            members[f"{key:04}.json"] = b"{}"
        write_tar(tmp_path / f"{number:03}.tar", members)
    data = str(tmp_path / "{000..001}.tar")
    pairs = samples(data, layout="paired")
    assert [domain.name for domain in pairs.domains] == ["edges", "shoes"]
    for number in range(20):
        one, other = (pairs[number].images[k] for k in "ab")
        levels = [round((x.mean().item() + 1) * 127.5) for x in (one, other)]
        assert levels[1] - levels[0] == 100
    assert describe(entry for d in pairs.domains for entry in d.left_out) == (
        "left out: 20 not images (.json)"
    )
    swapped = source(data, PLAIN.__class__(domains=("Shoe", "edge")), "paired")
    assert [domain.name for domain in swapped.domains] == ["Shoe", "edge"]
    with pytest.raises(ValueError, match=r"holds edges and shoes, and no 'photo': .* domains="):
        source(data, PLAIN.__class__(domains=("photo", "label")), "paired")


def test_pairs_in_shards_of_their_own_have_the_same_names(tmp_path: Path) -> None:
    a = write_tar(tmp_path / "a.tar", {f"A/{n}.png": png(n) for n in range(4)})
    b = write_tar(tmp_path / "b.tar", {f"B/{n}.png": png(9 + n) for n in range(4)})
    found = source(f"a={a},b={b}", layout="paired").domains
    rows = zip(found[0].train, found[1].train, strict=True)
    assert all(one.name == other.name for one, other in rows)
    write_tar(b, {f"B/{n}.png": png(n) for n in range(1, 5)})
    with pytest.raises(ValueError, match=r"a\.tar/A/0\.png has no partner: .*no image named 0"):
        source(f"a={a},b={b}", layout="paired")
    one = write_tar(
        tmp_path / "pairs.tar", {"1.a.png": png(1), "1.b.png": png(2), "2.a.png": png(3)}
    )
    with pytest.raises(ValueError, match=r"pairs\.tar/2\.a\.png has no partner"):
        source(str(one), layout="paired")


def test_files_of_two_images_side_by_side_are_pairs(tmp_path: Path) -> None:
    shard = write_tar(tmp_path / "pairs.tar", {f"{n}.png": png(n, (16, 8)) for n in range(3)})
    assert [domain.half for domain in source(str(shard), layout="paired").domains] == [0, 1]
    square = write_tar(tmp_path / "square.tar", images(3))
    with pytest.raises(ValueError, match=r"expected one set of tar files per domain"):
        source(str(square), layout="paired")
    mixed = write_tar(tmp_path / "mixed.tar", images(3) | {"x.a.png": png(3)})
    with pytest.raises(ValueError, match=r"x\.a\.png and .*000\.png are named differently"):
        source(str(mixed), layout="paired")


def test_folders_in_shards_are_splits_and_classes(tmp_path: Path) -> None:
    members = {f"{split}/{kind}/{n}.png": png(n) for split in ("train", "test")
               for kind in ("cat", "owl") for n in range(3)}  # fmt: skip
    a = write_tar(tmp_path / "a.tar", members)
    b = write_tar(tmp_path / "b.tar", images(5))
    found = source(f"a={a},b={b}").domains[0]
    assert (len(found.train), len(found.test)) == (6, 6)
    assert found.train_from == f"train in {a}"
    plain = write_tar(tmp_path / "c.tar", {k.removeprefix("train/"): v for k, v in members.items()
                                           if k.startswith("train")})  # fmt: skip
    found = source(f"a={plain},b={b}", class_letters=("a",)).domains[0]
    assert found.classes == ("cat", "owl")
    assert found.class_indices == (0, 0, 0, 1, 1, 1)


@pytest.mark.parametrize("layout", ["single", "super_resolution"])
def test_one_set_of_shards_is_one_domain(tmp_path: Path, layout: str) -> None:
    for number in range(2):
        write_tar(tmp_path / f"x-{number}.tar", images(6, 10 * number))
    found = source(str(tmp_path / "x-{0..1}.tar"), layout=layout).domains
    assert len(found[0].train) + len(found[0].test) == 12  # equal names in both


def test_inspection_counts_what_is_left_out_of_shards(tmp_path: Path) -> None:
    a = write_tar(
        tmp_path / "a.tar",
        images(4) | {"broken.png": b"no image", "x.json": b"{}", "__MACOSX/._1.png": b"x",
                     ".hidden.png": png(1), "photo": png(77)},
    )  # fmt: skip
    b = write_tar(tmp_path / "b.tar", images(4, 50))
    report = inspect(f"a={a},b={b}", PLAIN)
    assert [split.count for split in report.splits] == [6, 4]
    assert report.left_out == (
        "left out: 1 unreadable, 1 not an image (.json), 1 junk folder (__MACOSX), "
        "1 junk file (.hidden.png)"
    )
    assert report.splits[0].broken[0][0] == f"{a}/broken.png"


@pytest.mark.parametrize("method", ["stargan", "stargan_v2", "funit", "sketchygan"])
def test_methods_with_labels_say_that_they_read_no_shards(tmp_path: Path, method: str) -> None:
    shard = write_tar(tmp_path / "a.tar", images(4))
    kind = METHODS[method]
    for data in (str(shard), f"{tmp_path}/{{a,b}}.tar", f"cat={shard},dog={shard}"):
        with pytest.raises(ValueError, match=r"methods with labels don't read; unpack them"):
            find_source(data, kind.Config(), kind.layout)


def test_shards_and_folders_can_be_mixed(tmp_path: Path) -> None:
    flat(tmp_path / "more" / "9.png", 9)
    a = write_tar(tmp_path / "a.tar", images(4))
    b = write_tar(tmp_path / "b.tar", images(4, 50))
    found = source({"a": [str(tmp_path / "more"), str(a)], "b": [str(b)]}).domains
    assert len(found[0].train) == 5


def test_shards_without_images_or_of_links_say_what_to_do(tmp_path: Path) -> None:
    b = write_tar(tmp_path / "b.tar", images(4, 50))
    a = write_tar(tmp_path / "a.tar", {"x.json": b"{}"})
    with pytest.raises(ValueError, match=r"a\.tar: there is no image \(left out: 1 not an image"):
        source(f"a={a},b={b}")
    with tarfile.open(a, "w") as file:
        info = tarfile.TarInfo("x.png")
        info.type, info.linkname = tarfile.SYMTYPE, "/images/x.png"
        file.addfile(info)
    with pytest.raises(ValueError, match="make the tar file with `tar --dereference`"):
        source(f"a={a},b={b}")
    (tmp_path / "folder").mkdir()
    write_tar(tmp_path / "folder" / "a-0.tar", images(2))
    with pytest.raises(ValueError, match=r"for tar files, give .*folder/\*\.tar"):
        source(f"a={tmp_path / 'folder'},b={b}")
