"""Images as files."""

import errno
import os
from base64 import b64decode
from pathlib import Path

import pytest
from PIL import Image

from crossimage.utils.writing.pictures import data_url, encoded, save_png

IMAGE = Image.effect_noise((96, 96), 80)


def test_an_image_is_the_same_in_memory_and_as_a_file(tmp_path: Path) -> None:
    save_png(IMAGE, tmp_path / "image.png")
    assert (tmp_path / "image.png").read_bytes() == encoded(IMAGE)
    assert Image.open(tmp_path / "image.png").tobytes() == IMAGE.tobytes()


def test_a_url_holds_the_content_of_the_file() -> None:
    head, _, content = data_url(IMAGE, "WEBP", quality=85).partition(",")
    assert head == "data:image/webp;base64"
    assert b64decode(content) == encoded(IMAGE, "WEBP", quality=85)


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="there is no device that is full")
def test_a_full_disk_is_called_so() -> None:
    with pytest.raises(OSError, match=os.strerror(errno.ENOSPC)) as caught:
        save_png(IMAGE, Path("/dev/full"))
    assert caught.value.errno == errno.ENOSPC
