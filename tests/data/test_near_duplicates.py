import io

import numpy as np
import pytest
import torch
from PIL import Image, ImageEnhance

from crossimage.data.near_duplicates import Fingerprint, families, find_near_duplicates, fingerprint
from tests.data.make.test_split import smooth


def of(image: Image.Image) -> Fingerprint:
    return fingerprint(torch.from_numpy(np.asarray(image).copy()).permute(2, 0, 1))


def as_jpeg(image: Image.Image) -> Image.Image:
    file = io.BytesIO()
    image.save(file, "JPEG", quality=40)
    return Image.open(file).convert("RGB")


RELATIVES = {
    "saved again": as_jpeg,
    "halved": lambda image: image.resize((64, 64)),
    "enlarged": lambda image: image.resize((300, 300)),
    "brighter": lambda image: image.point(lambda value: min(255, value + 8)),
    "of more contrast": lambda image: ImageEnhance.Contrast(image).enhance(1.1),
}


@pytest.mark.parametrize("change", RELATIVES.values(), ids=RELATIVES)
def test_relatives_of_an_image_look_the_same(change) -> None:  # type: ignore[no-untyped-def]
    images = [smooth(seed, 128) for seed in range(12)]
    prints = [of(image) for image in images] + [of(change(image)) for image in images]
    assert [(p.first, p.second) for p in find_near_duplicates(prints)] == [
        (n, n + 12) for n in range(12)
    ]


def test_other_images_do_not() -> None:
    prints = [of(smooth(seed)) for seed in range(300)]
    assert not find_near_duplicates(prints)
    mirrored = smooth(0).transpose(Image.Transpose.FLIP_LEFT_RIGHT)
    assert not find_near_duplicates([prints[0], of(mirrored)])
    assert not find_near_duplicates(prints[:1]) and not find_near_duplicates([])


def test_plain_images_look_the_same_only_if_they_are_equal() -> None:
    plain = [of(Image.new("RGB", (9, 9), (level,) * 3)) for level in (255, 255, 250, 0)]
    assert [(p.first, p.second) for p in find_near_duplicates(plain)] == [(0, 1)]
    red, gray = Image.new("RGB", (9, 9), (90, 60, 60)), Image.new("RGB", (9, 9), (70, 70, 70))
    assert not find_near_duplicates([of(red), of(gray)])


def test_label_maps_of_class_numbers_are_told_apart_although_they_are_nearly_black() -> None:
    maps = [
        Image.fromarray(np.random.default_rng(seed).integers(4, size=(20, 20), dtype=np.uint8))
        for seed in range(20)
    ]
    prints = [of(ids.resize((200, 200), Image.Resampling.NEAREST).convert("RGB")) for ids in maps]
    prints.append(of(maps[7].resize((80, 80), Image.Resampling.NEAREST).convert("RGB")))
    assert [(p.first, p.second) for p in find_near_duplicates(prints)] == [(7, 20)]


def test_thousands_of_copies_are_one_family() -> None:
    prints = [of(smooth(0))] * 2500 + [of(smooth(1))]
    alike = [(pair.first, pair.second) for pair in find_near_duplicates(prints)]
    assert len(alike) < 2500 * 60
    assert sorted(map(len, families(2501, alike))) == [1, 2500]


def test_families_are_chains_of_images_that_are_alike() -> None:
    assert families(6, [(4, 1), (1, 2), (5, 5)]) == [[0], [1, 2, 4], [3], [5]]
