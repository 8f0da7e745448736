from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from crossimage import train
from crossimage.config import build
from crossimage.data.images.files import read_image
from crossimage.data.images.resize import shrink
from crossimage.data.samples.datasets import ImageDataset
from crossimage.methods.srgan import SRGANConfig
from tests.conftest import open_dataset, small


def opened(data: Path, **changes: Any) -> ImageDataset:
    config = build(SRGANConfig, small("srgan", **changes))
    return open_dataset(data, config, "super_resolution")


@pytest.fixture
def pictures(tmp_path: Path) -> Path:
    generator = np.random.default_rng(0)
    for i in range(3):
        pixels = generator.integers(0, 256, (20 + i, 24, 3), np.uint8)
        Image.fromarray(pixels).save(tmp_path / f"{i}.png")
    return tmp_path


def test_a_sample_is_a_crop_of_the_file_as_it_is_and_its_small_version(pictures: Path) -> None:
    images = opened(pictures, flip=False)
    crops = [read_image(path).unfold(1, 16, 1).unfold(2, 16, 1) for path in pictures.glob("*.png")]
    for number in range(4):
        item = images[number]
        x_b = item.images["b"]
        assert any((c == x_b[:, None, None]).flatten(3).all(3).all(0).any() for c in crops)
        torch.testing.assert_close(item.images["a"], shrink(x_b[None], 2)[0])


def test_crops_differ_and_are_flipped(pictures: Path) -> None:
    found = {bytes(opened(pictures)[3 * i].images["b"].numpy()) for i in range(4)}
    assert len(found) == 4


def test_samples_are_pure_functions_of_their_number(pictures: Path) -> None:
    one, two = opened(pictures), opened(pictures)
    two[0]
    for letter in "ab":
        assert torch.equal(one[5].images[letter], two[5].images[letter])


def test_fixed_images_are_centre_crops_and_their_small_versions(pictures: Path) -> None:
    fixed = opened(pictures).fixed("test", 2).images
    first = read_image(pictures / "0.png")[:, 2:18, 4:20]
    assert torch.equal(fixed["b"][0], first)
    torch.testing.assert_close(fixed["a"], shrink(fixed["b"], 2))


def test_domains_are_low_and_high_unless_they_are_named(pictures: Path) -> None:
    assert opened(pictures).config.domains == ("low", "high")
    assert opened(pictures, domains="small,large").config.domains == ("small", "large")
    with pytest.raises(ValueError, match="domains=large names 1, expected two names"):
        opened(pictures, domains="large")


def test_images_come_from_a_train_folder_or_a_list_file_too(pictures: Path, tmp_path: Path) -> None:
    expected = opened(pictures)[0].images["b"]
    listing = tmp_path / "list.txt"
    listing.write_text("\n".join(path.name for path in pictures.glob("*.png")))
    assert torch.equal(opened(listing)[0].images["b"], expected)
    (tmp_path / "set").mkdir()
    (tmp_path / "set" / "train").symlink_to(pictures)
    assert torch.equal(opened(tmp_path / "set")[0].images["b"], expected)


def test_an_image_smaller_than_the_crop_is_skipped_and_named(pictures: Path) -> None:
    Image.new("RGB", (30, 12)).save(pictures / "tiny.png")
    skipped = [entry for number in range(4) for entry in opened(pictures)[number].unreadable]
    reasons = {reason for _, _, reason in skipped}
    expected = "tiny.png is 30 x 12, smaller than the crop of 16 x 16; set a smaller crop or remove"
    assert len(reasons) == 1 and expected in reasons.pop()


def test_too_many_small_images_stop_the_run(pictures: Path, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"can be read; .* smaller than the crop of 64 x 64"):
        train("srgan", pictures, tmp_path / "run", **small("srgan", crop=64))
    Image.new("RGB", (30, 12)).save(pictures / "tiny.png")
    with pytest.raises(ValueError, match=r"1 of 4 images .* more than 5 %.*tiny\.png is 30 x 12"):
        train("srgan", pictures, tmp_path / "run", **small("srgan"))


def test_random_zoom_is_refused(pictures: Path) -> None:
    with pytest.raises(ValueError, match="smallest_zoom shrinks images, .*; set it to 1"):
        opened(pictures, smallest_zoom=0.5)


def test_rotated_crops_come_in_all_eight_orientations(tmp_path: Path) -> None:
    pixels = np.random.default_rng(0).integers(0, 256, (16, 16, 3), np.uint8)
    Image.fromarray(pixels).save(tmp_path / "only.png")  # as large as the crop
    images, image = opened(tmp_path, rotate=True), read_image(tmp_path / "only.png")
    orientations = [
        mirrored.rot90(turns, (1, 2)) for mirrored in (image, image.flip(2)) for turns in range(4)
    ]
    found = set()
    for number in range(100):
        x_b = images[number].images["b"]
        found |= {i for i, turned in enumerate(orientations) if torch.equal(turned, x_b)}
        torch.testing.assert_close(images[number].images["a"], shrink(x_b[None], 2)[0])
    assert found == set(range(8))
    assert torch.equal(images.fixed("train", 1).images["b"][0], image)


def test_rotation_is_off_by_default_and_changes_no_other_draw(pictures: Path) -> None:
    plain, rotated = opened(pictures), opened(pictures, rotate=True)
    for number in range(8):
        x, y = plain[number].images["b"], rotated[number].images["b"]
        assert any(torch.equal(x.rot90(turns, (1, 2)), y) for turns in range(4))


def test_rotation_needs_a_square_crop() -> None:
    with pytest.raises(ValueError, match=r"rotate needs a square crop, found \(16, 32\); set crop"):
        build(SRGANConfig, small("srgan", rotate=True, crop=(16, 32)))
