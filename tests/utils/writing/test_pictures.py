"""Images as files."""

import errno
import os
from pathlib import Path

import pytest
from PIL import Image

from crossimage.utils.writing.pictures import encoded, save_png

IMAGE = Image.effect_noise((96, 96), 80)


def test_an_image_is_the_same_in_memory_and_as_a_file(tmp_path: Path) -> None:
    save_png(IMAGE, tmp_path / "image.png")
    assert (tmp_path / "image.png").read_bytes() == encoded(IMAGE)
    assert Image.open(tmp_path / "image.png").tobytes() == IMAGE.tobytes()


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="there is no device that is full")
def test_a_full_disk_is_called_so() -> None:
    with pytest.raises(OSError, match=os.strerror(errno.ENOSPC)) as caught:
        save_png(IMAGE, Path("/dev/full"))
    assert caught.value.errno == errno.ENOSPC
