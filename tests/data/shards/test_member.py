"""Members of shards as paths."""

import copy
import os
import pickle
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
import torch
from PIL import Image

from crossimage.data.images.files import decode, read_image, verify
from crossimage.data.images.pixels import ImageError
from crossimage.data.shards.index import read_index
from crossimage.data.shards.member import is_member
from tests.data.shards.helpers import images, png, write_tar


def test_a_member_has_the_names_of_a_path_and_the_bytes_of_its_place(tmp_path: Path) -> None:
    shard = write_tar(tmp_path / "a.tar", {"x/1.png": png(7), "x/2.png": png(8)})
    _, member = read_index(shard).members
    assert member == shard / "x" / "2.png" and hash(member) == hash(shard / "x" / "2.png")
    assert (member.name, member.suffix, member.inside) == ("2.png", ".png", "x/2.png")
    assert member.is_file() and member.exists() and not member.is_dir()
    assert member.stat().st_size == len(png(8))
    assert member.stat().st_mtime_ns == shard.stat().st_ctime_ns
    assert member.read_bytes() == png(8)
    with member.open("rb") as file:
        assert file.seek(-4, os.SEEK_END) == len(png(8)) - 4
        assert file.read() == png(8)[-4:]
        assert file.read() == b""


@pytest.mark.parametrize(
    "again", [copy.copy, copy.deepcopy, lambda m: pickle.loads(pickle.dumps(m))]
)
def test_copies_and_pickles_stay_members(tmp_path: Path, again) -> None:
    (member,) = read_index(write_tar(tmp_path / "a.tar", {"x/1.png": png(7)})).members
    assert is_member(again(member))
    assert again(member).read_bytes() == png(7)


def test_what_is_derived_from_a_member_is_an_ordinary_path(tmp_path: Path) -> None:
    (member,) = read_index(write_tar(tmp_path / "a.tar", {"x/1.png": png(7)})).members
    for path in (member.parent, member.with_suffix(".jpg"), member.with_name("y")):
        assert not is_member(path)
        assert not path.is_file() and not path.exists() and not path.is_dir()
        with pytest.raises(OSError):
            path.read_bytes()
        assert pickle.loads(pickle.dumps(path)) == path
    assert member.parent.parent.is_file()  # the shard


def test_members_are_read_by_many_threads_at_once(tmp_path: Path) -> None:
    shard = write_tar(tmp_path / "a.tar", images(50))
    members = read_index(shard).members
    with ThreadPoolExecutor(8) as pool:
        levels = pool.map(lambda member: int(decode(member)[0, 0, 0]), members * 4)
    assert list(levels) == [*range(50)] * 4


@pytest.mark.parametrize("suffix", ["png", "jpg", "tif", "bmp", "webp", "gif", "ppm", "jp2"])
def test_every_format_is_read_as_from_a_file(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"x.{suffix}"
    Image.linear_gradient("L").resize((40, 30)).convert("RGB").save(path)
    (member,) = read_index(write_tar(tmp_path / "a.tar", {path.name: path.read_bytes()})).members
    assert torch.equal(read_image(member), read_image(path))
    assert torch.equal(read_image(f"{tmp_path}/a.tar/{path.name}"), read_image(path))
    assert verify(member) == verify(path)


def test_a_shard_that_changes_is_noticed(tmp_path: Path) -> None:
    shard = write_tar(tmp_path / "a.tar", images(3))
    members = read_index(shard).members
    write_tar(shard, images(4, 100))
    with pytest.raises(ImageError, match=r"a\.tar has changed since its index was made"):
        read_image(members[1])
    assert len(read_index(shard).members) == 4
