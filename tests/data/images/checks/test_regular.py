import os
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from crossimage.data.images.files import probe, read_image, verify
from crossimage.data.images.metadata import read_metadata
from crossimage.data.images.pixels import ImageError


@pytest.fixture
def special(tmp_path: Path) -> Iterator[Path]:
    """Things that look like images by name."""
    os.mkfifo(tmp_path / "pipe.png")
    (tmp_path / "folder.png").mkdir()
    (tmp_path / "loop.png").symlink_to("loop.png")
    (tmp_path / "zero.tif").symlink_to("/dev/zero")
    (tmp_path / "dangling.png").symlink_to("gone.png")
    with socket.socket(socket.AF_UNIX) as opened:
        opened.bind(str(tmp_path / "socket.png"))
        yield tmp_path


@pytest.mark.parametrize("read", [probe, verify, read_image])
@pytest.mark.parametrize(
    ("name", "sentence"),
    [
        ("pipe.png", "it is a named pipe; expected an image file"),
        ("folder.png", "it is a folder; expected an image file"),
        ("zero.tif", "it is a device; expected an image file"),
        ("socket.png", "it is a socket; expected an image file"),
        ("loop.png", "it is a link that leads to itself"),
    ],
)
def test_only_regular_files_are_opened(special, name, sentence, read):
    with pytest.raises(ImageError, match=f"{name} can't be read: {sentence}"):
        read(special / name)
    assert read_metadata(special / name).exif is None


def test_a_link_to_nothing_is_named_with_what_it_leads_to(special):
    with pytest.raises(FileNotFoundError, match=r"dangling\.png .* link to gone\.png, which does"):
        read_image(special / "dangling.png")
