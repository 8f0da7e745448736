from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from crossimage.data.images.files import verify
from crossimage.doctor.appearance import Appearance, Appearances, mean_tone, numbers_of


def appearance_of(path: Path) -> Appearance | None:
    appearances = Appearances()
    verify(path, on_image=lambda info, pixels: appearances.add(path, info, pixels))
    return appearances.get(path)


def test_the_tone_of_a_plain_image_is_its_colour(tmp_path: Path) -> None:
    Image.new("RGB", (300, 200), (200, 100, 0)).save(tmp_path / "1.png")
    appearance = appearance_of(tmp_path / "1.png")
    assert appearance is not None
    tone = appearance.tones[0]
    assert tone.mean == pytest.approx((200, 100, 0), abs=0.01)
    assert tone.hex == "#c86400"
    assert (tone.contrast, tone.saturation) == pytest.approx((0, 200), abs=0.01)
    assert tone.histogram[7] == 1  # a lightness of 118.5


def test_halves_have_tones_of_their_own(tmp_path: Path) -> None:
    image = Image.new("L", (64, 32), 0)
    image.paste(255, (32, 0, 64, 32))
    image.save(tmp_path / "1.png")
    appearance = appearance_of(tmp_path / "1.png")
    assert appearance is not None
    assert [tone.mean[0] for tone in appearance.tones] == pytest.approx([127.5, 0, 255], abs=0.01)
    mean = mean_tone(appearance.tones[1:])
    assert mean.mean == pytest.approx((127.5,) * 3, abs=0.01)
    assert sum(mean.histogram) == pytest.approx(1)
    assert mean.contrast == 0


def test_sixteen_bits_and_opacity_are_seen(tmp_path: Path) -> None:
    Image.fromarray(np.full((9, 9), 65535, np.uint16)).save(tmp_path / "deep.png")
    clear = Image.new("RGBA", (9, 9), (0, 0, 0, 255))
    clear.putpixel((4, 4), (0, 0, 0, 0))
    clear.save(tmp_path / "clear.png")
    Image.new("RGBA", (9, 9), (0, 0, 0, 255)).save(tmp_path / "opaque.png")
    deep, seen, opaque = (appearance_of(tmp_path / f"{n}.png") for n in ("deep", "clear", "opaque"))
    assert deep and seen and opaque
    assert deep.tones[0].mean == pytest.approx((255,) * 3)
    assert (deep.opacity, seen.opacity, opaque.opacity) == (False, True, False)


def test_images_of_unknown_range_have_no_look(tmp_path: Path) -> None:
    Image.fromarray(np.zeros((9, 9), np.float32)).save(tmp_path / "1.tif")
    assert appearance_of(tmp_path / "1.tif") is None


def test_class_numbers_are_those_of_all_images_or_of_none(tmp_path: Path) -> None:
    Image.fromarray(np.arange(16, dtype=np.uint8).reshape(4, 4)).save(tmp_path / "1.png")
    Image.fromarray(np.full((4, 4), 20, np.uint8)).save(tmp_path / "2.png")
    Image.new("RGB", (4, 4), (9, 1, 1)).save(tmp_path / "3.png")
    first, second, colour = (appearance_of(tmp_path / f"{n}.png") for n in (1, 2, 3))
    assert first and second and colour
    assert numbers_of([first, second]) == {*range(16), 20}
    assert numbers_of([first, colour]) == set()
