import warnings
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from crossimage.data.images.files import verify
from crossimage.data.make.parallel import threads


def test_sixteen_bit_images_are_read_by_several_threads(tmp_path: Path) -> None:
    for number in range(8):
        pixels = np.random.default_rng(number).integers(60000, size=(9, 9), dtype=np.uint16)
        Image.fromarray(pixels).save(tmp_path / f"{number}.png")
    files = sorted(tmp_path.iterdir()) * 20
    with threads(4) as pool:
        assert {info.depth for info in pool.map(verify, files)} == {"16-bit"}


def test_warnings_are_as_before_afterwards() -> None:
    with threads(2) as pool:
        pool.submit(warnings.warn, "silent", stacklevel=1).result()
    with pytest.warns(UserWarning, match="heard"):
        warnings.warn("heard", stacklevel=1)


def test_a_wrong_number_is_refused() -> None:
    with pytest.raises(ValueError, match="workers must be at least 1, found 0"), threads(0):
        pass
