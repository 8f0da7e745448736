"""Where the members of tar files are."""

import bz2
import gzip
import io
import lzma
import os
import random
import subprocess
import tarfile
from pathlib import Path

import pytest

from crossimage.data.shards.index import (
    DEVICE,
    LINK,
    OUTSIDE,
    REPLACED,
    SPARSE,
    find_member,
    is_shard,
    read_index,
)
from tests.data.shards.helpers import images, png, write_tar

FORMATS = (tarfile.USTAR_FORMAT, tarfile.GNU_FORMAT, tarfile.PAX_FORMAT)


@pytest.mark.parametrize("kind", FORMATS)
@pytest.mark.parametrize("seed", range(4))
def test_members_are_where_tarfile_finds_them(tmp_path: Path, kind: int, seed: int) -> None:
    random_ = random.Random(seed)
    members = {}
    for number in range(20):
        folders = "/".join("d" * random_.choice((1, 30, 60)) for _ in range(random_.randrange(4)))
        long = kind != tarfile.USTAR_FORMAT and random_.random() < 0.3
        name = f"{folders}/{'é' * 120 if long else 'n'}{number}.png"
        members[name.lstrip("/")] = random_.randbytes(random_.choice((0, 1, 511, 512, 513, 3000)))
    if kind == tarfile.USTAR_FORMAT:
        members = {name[-90:].lstrip("/"): data for name, data in members.items()}
    shard = write_tar(tmp_path / "a.tar", members, kind)
    found = {member.inside: member.read_bytes() for member in read_index(shard).members}
    assert found == members
    assert not read_index(shard).not_used


def test_a_tar_file_of_the_system_is_read(tmp_path: Path) -> None:
    for name in ("1.png", "sub/2.png", "long" * 15 + "/" + "name" * 24 + ".png"):
        path = tmp_path / "photos" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(png(len(name)))
    for kind in ("gnu", "pax", "ustar"):
        shard = tmp_path / f"{kind}.tar"
        command = [
            "tar",
            f"--format={kind}",
            "-cf",
            str(shard),
            "-C",
            str(tmp_path / "photos"),
            ".",
        ]
        try:
            subprocess.run(command, check=True, capture_output=True)
        except (OSError, subprocess.CalledProcessError) as error:
            pytest.skip(f"no GNU tar here: {error}")
        found = {member.inside: member.read_bytes() for member in read_index(shard).members}
        assert found == {
            path.relative_to(tmp_path / "photos").as_posix(): path.read_bytes()
            for path in (tmp_path / "photos").rglob("*.png")
        }


def test_what_is_no_plain_file_is_left_out_by_reason(tmp_path: Path) -> None:
    shard = tmp_path / "a.tar"
    with tarfile.open(shard, "w", format=tarfile.GNU_FORMAT) as file:
        for name, kind in (
            ("soft.png", tarfile.SYMTYPE), ("hard.png", tarfile.LNKTYPE),
            ("pipe.png", tarfile.FIFOTYPE), ("sparse.png", tarfile.GNUTYPE_SPARSE),
            ("folder", tarfile.DIRTYPE),
        ):  # fmt: skip
            info = tarfile.TarInfo(name)
            info.type, info.linkname = kind, "x.png"
            file.addfile(info)
        for name, data in (("../up.png", b"1"), ("x.png", b"22"), ("./x.png", b"333")):
            info = tarfile.TarInfo(name)
            info.size = len(data)
            file.addfile(info, io.BytesIO(data))
    index = read_index(shard)
    assert [entry.reason for entry in index.not_used] == [
        LINK, LINK, DEVICE, SPARSE, OUTSIDE, REPLACED
    ]  # fmt: skip
    assert [(m.inside, m.read_bytes()) for m in index.members] == [("x.png", b"333")]


def test_a_sparse_file_of_the_system_is_left_out(tmp_path: Path) -> None:
    with open(tmp_path / "holes.png", "wb") as file:
        for block in range(0, 60, 2):  # more pieces than a header holds
            file.seek(block * 65536)
            file.write(b"x" * 4096)
    (tmp_path / "x.png").write_bytes(png(3))
    for kind in ("gnu", "pax"):
        shard = tmp_path / f"{kind}.tar"
        command = ["tar", "-S", f"--format={kind}", "-cf", str(shard), "-C", str(tmp_path)]
        try:
            subprocess.run([*command, "holes.png", "x.png"], check=True, capture_output=True)
        except (OSError, subprocess.CalledProcessError) as error:
            pytest.skip(f"no GNU tar here: {error}")
        index = read_index(shard)
        assert [m.inside for m in index.members if m.read_bytes() == png(3)] == ["x.png"]
        if shard.stat().st_size < 10**6:  # the file system keeps holes
            assert [entry.reason for entry in index.not_used] == [SPARSE]


@pytest.mark.parametrize("cut", [700, 1000, 1536 + 100, 2047])
def test_a_shard_that_is_cut_short_is_refused(tmp_path: Path, cut: int) -> None:
    shard = write_tar(tmp_path / "a.tar", {"1.png": b"x" * 600, "2.png": b"x" * 300})
    os.truncate(shard, cut)
    with pytest.raises(ValueError, match=r"a\.tar can't be read: .*cut short|no header at byte"):
        read_index(shard)


def test_a_shard_without_an_end_mark_can_be_given_one(tmp_path: Path) -> None:
    shard = write_tar(tmp_path / "a.tar", {"1.png": b"x" * 600, "2.png": b"y" * 300})
    os.truncate(shard, 2 * 1536 - 512)
    with pytest.raises(ValueError, match="it has no end mark, as if cut short") as caught:
        read_index(shard)
    command = str(caught.value).rpartition("add it: ")[2]
    subprocess.run(command, shell=True, check=True)
    assert [member.inside for member in read_index(shard).members] == ["1.png", "2.png"]


def test_any_damage_to_headers_is_one_sentence(tmp_path: Path) -> None:
    whole = write_tar(tmp_path / "a.tar", images(3) | {"ü" * 200: b"x"}).read_bytes()
    random_ = random.Random(0)
    for number in range(150):
        data = bytearray(whole)
        for _ in range(random_.choice((1, 3, 50))):
            data[random_.randrange(len(data))] = random_.randrange(256)
        shard = tmp_path / f"{number}.tar"
        shard.write_bytes(data[: random_.choice((len(data), random_.randrange(len(data))))])
        try:
            for member in read_index(shard).members:
                member.read_bytes()
        except ValueError as error:
            assert str(shard) in str(error) and "\n" not in str(error)


def test_sizes_that_are_negative_or_huge_are_refused(tmp_path: Path) -> None:
    for size in (-512, -(2**40), 2**60):
        info = tarfile.TarInfo("x.png")
        info.size = size
        header = info.tobuf(tarfile.GNU_FORMAT)
        shard = tmp_path / "a.tar"
        shard.write_bytes(header + bytes(2048))
        with pytest.raises(ValueError, match="states a size of|ends within x.png"):
            read_index(shard)
        shard.unlink()
    info = tarfile.TarInfo("././@LongLink")
    info.type, info.size = tarfile.GNUTYPE_LONGNAME, 2**40
    shard.write_bytes(info.tobuf(tarfile.GNU_FORMAT) + bytes(2048))
    with pytest.raises(ValueError, match="announces a name or attributes of 1,099,511,627,776"):
        read_index(shard)


COMPRESSIONS = [(gzip, "gz"), (bz2, "bz2"), (lzma, "xz")]


@pytest.mark.parametrize(("module", "suffix"), COMPRESSIONS)
@pytest.mark.parametrize("named", [True, False])
def test_a_compressed_shard_is_refused_with_the_command_that_unpacks_it(
    tmp_path: Path, module, suffix: str, named: bool
) -> None:
    plain = write_tar(tmp_path / "plain.tar", images(2)).read_bytes()
    shard = tmp_path / (f"a b.tar.{suffix}" if named else "a b.tar")
    shard.write_bytes(module.compress(plain))
    assert is_shard(shard)
    with pytest.raises(ValueError, match="is compressed") as caught:
        read_index(shard)
    command = str(caught.value).split("`")[1]
    subprocess.run(command, shell=True, check=True)
    assert (tmp_path / "a b.tar").read_bytes() == plain


def test_other_files_are_no_tar_files(tmp_path: Path) -> None:
    shard = tmp_path / "a.tar"
    shard.write_bytes(png(3) * 10)
    with pytest.raises(ValueError, match=r"a\.tar is not a tar file"):
        read_index(shard)
    shard.write_bytes(b"")
    with pytest.raises(ValueError, match=r"a\.tar is empty"):
        read_index(shard)
    shard.write_bytes(bytes(1024))
    assert read_index(shard).members == ()


def test_a_member_is_found_by_its_address(tmp_path: Path) -> None:
    shard = write_tar(tmp_path / "a.tar", {"x/1.png": png(7)})
    found = find_member(f"{shard}/x/1.png")
    assert found is not None
    assert found.read_bytes() == png(7)
    assert find_member(f"{shard}/x/2.png") is None
    assert find_member(tmp_path / "none.tar" / "x.png") is None
