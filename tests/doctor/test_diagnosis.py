import shlex
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from crossimage.config import Config
from crossimage.methods.cyclegan import CycleGAN, LossWeights
from tests.cli.conftest import crossimage
from tests.data.make.test_split import save, smooth
from tests.doctor.helpers import diagnosed, domains, label_maps, warned


def test_sound_data_is_ready(tmp_path: Path) -> None:
    diagnosis = diagnosed(domains(tmp_path, train=50))
    assert not diagnosis.problems and not diagnosis.warnings
    assert diagnosis.verdict == "Ready to train."
    assert [(c.domain, c.split) for c in diagnosis.colours] == [
        ("cats", "train"), ("cats", "test"), ("dogs", "train"), ("dogs", "test"),
    ]  # fmt: skip


def test_what_stops_training_is_the_verdict(tmp_path: Path) -> None:
    domains(tmp_path)
    for number in range(3):
        (tmp_path / "train/cats" / f"broken{number}.png").write_bytes(b"broken")
    diagnosis = diagnosed(tmp_path)
    assert diagnosis.verdict == "Training would stop: 1 problem."
    assert "3 of 7 images are broken" in diagnosis.problems[0]


@pytest.mark.parametrize("how", ["copy", "saved again", "smaller"])
def test_test_images_that_look_like_training_images_are_leaks(tmp_path: Path, how: str) -> None:
    domains(tmp_path, train=50)
    image, file = smooth(7), tmp_path / "test/cats/leak.jpg"
    save(file, image.resize((30, 30)) if how == "smaller" else image, quality=60)
    if how == "copy":
        file.write_bytes((tmp_path / "train/cats/cats7.png").read_bytes())
    diagnosis = diagnosed(tmp_path)
    assert diagnosis.verdict == "Ready to train, with 1 warning."
    assert "1 test image looks like training images" in warned(diagnosis)
    assert f"leak.jpg ({tmp_path / 'train/cats/cats7.png'})" in warned(diagnosis)
    (pair,) = diagnosis.alike
    assert (pair.domain, pair.splits) == ("cats", ("train", "test"))


def test_copies_across_the_held_out_images_are_leaks_and_the_command_keeps_them_together(
    tmp_path: Path,
) -> None:
    for number in range(40):  # twenty images, each saved twice
        for name, quality in (("a", 60), ("b", 90)):
            save(
                tmp_path / f"data/cats/{number % 20}{name}.jpg",
                smooth(number % 20),
                quality=quality,
            )
        save(tmp_path / "data/dogs" / f"{number}.png", smooth(100 + number))
    (warning,) = [w for w in diagnosed(tmp_path / "data").warnings if w.command]
    assert "look like training images" in warning.text or "looks like" in warning.text
    assert crossimage(*shlex.split(warning.command or "")[1:]) == 0
    divided = diagnosed(tmp_path / "data_split")
    assert "like training images" not in warned(divided)
    assert sum(split.count for split in divided.report.splits if split.split == "test") > 4


def test_the_same_image_in_two_domains_is_no_leak(tmp_path: Path) -> None:
    domains(tmp_path, train=50)
    save(tmp_path / "test/dogs/cat.png", smooth(7))
    assert not diagnosed(tmp_path).alike


@pytest.mark.parametrize("layout", ["unpaired", "paired"])
def test_training_images_in_both_unpaired_domains_are_named(tmp_path: Path, layout: str) -> None:
    for name in ("a", "b"):
        for number in range(10):
            different = 100 * (name == "b" and number > 2)
            save(tmp_path / "train" / name / f"{number}.png", smooth(number + different))
    said = warned(diagnosed(tmp_path, Config(resize=32, crop=(32, 32), holdout=0), layout=layout))
    first = f"{tmp_path / 'train/a/0.png'} ({tmp_path / 'train/b/0.png'})"
    assert ("3 training images are in more than one domain" in said) == (layout == "unpaired")
    assert (first in said) == (layout == "unpaired")


def test_many_frames_that_look_the_same_are_counted(tmp_path: Path) -> None:
    domains(tmp_path, train=50)
    for number in range(10):
        save(tmp_path / "train/cats" / f"frame{number}.jpg", smooth(3), quality=60 + number)
    diagnosis = diagnosed(tmp_path)
    assert diagnosis.copies == {("cats", "train"): 10}
    assert "10 of 60 training images of cats look like another one" in warned(diagnosis)


def test_side_by_side_pairs_are_compared_once(tmp_path: Path) -> None:
    for number, seed in enumerate((0, 1, 2, 2)):
        both = Image.new("RGB", (96, 48))
        both.paste(smooth(seed), (0, 0))
        both.paste(smooth(seed + 50), (48, 0))
        save(tmp_path / "train" / f"{number}.png", both)
    diagnosis = diagnosed(tmp_path)
    assert len(diagnosis.alike) == 1
    left, right = diagnosis.colours
    assert left.tone.mean != right.tone.mean


def test_label_maps_of_class_numbers_are_recognised_and_the_command_helps(tmp_path: Path) -> None:
    data = label_maps(tmp_path / "CamVid")
    diagnosis = diagnosed(data, layout="paired")
    (warning,) = [w for w in diagnosis.warnings if w.command]
    assert (
        "label are label maps of the class numbers 0 to 11, which are nearly black" in warning.text
    )
    assert warning.command and warning.command.endswith("--palette camvid")
    assert crossimage(*shlex.split(warning.command)[1:]) == 0
    coloured = diagnosed(tmp_path / "CamVid_colours", layout="paired")
    assert not [w for w in coloured.warnings if w.command]
    assert coloured.colours[0].tone.contrast > 10 * diagnosis.colours[0].tone.contrast


def test_no_command_is_given_for_label_maps_in_lists(tmp_path: Path) -> None:
    data = label_maps(tmp_path / "in")
    for name in ("label", "photo"):
        paths = sorted((data / "train" / name).iterdir())
        (tmp_path / f"{name}.txt").write_text("".join(f"{path}\n" for path in paths))
    diagnosis = diagnosed(f"label={tmp_path}/label.txt,photo={tmp_path}/photo.txt", layout="paired")
    (warning,) = [w for w in diagnosis.warnings if "label maps" in w.text]
    assert warning.command is None
    assert "copy them to a folder, and run `crossimage data make labels" in warning.text


@pytest.mark.parametrize(
    ("name", "classes", "palette"),
    [("cityscapes", 19, "cityscapes_train"), ("cityscapes", 34, "cityscapes"), ("mine", 12, None),
     ("camvid", 20, None)],
)  # fmt: skip
def test_the_palette_is_that_of_the_data_set(
    tmp_path: Path, name: str, classes: int, palette: str | None
) -> None:
    data = label_maps(tmp_path / name, classes=classes)
    (command,) = [w.command for w in diagnosed(data, layout="paired").warnings if w.command]
    words = shlex.split(command)
    assert (words[-1] if "--palette" in words else None) == palette


def test_dark_photos_masks_and_drawings_are_no_label_maps(tmp_path: Path) -> None:
    domains(tmp_path, train=50)
    for number in range(50):
        noise = np.random.default_rng(number).integers(0, 70, (48, 48))
        dark = (np.asarray(smooth(number).convert("L")) // 8 + noise).astype(np.uint8)
        save(
            tmp_path / "train/cats" / f"cats{number}.png",
            Image.fromarray((dark + noise).astype("u1")),
        )
        mask = np.asarray(smooth(number).convert("L")) > 128
        save(tmp_path / "train/dogs" / f"dogs{number}.png", Image.fromarray(mask))
    assert not [w for w in diagnosed(tmp_path).warnings if w.command]


@pytest.mark.parametrize(("suffix", "mode"), [("jpg", "L"), ("jpg", "RGB"), ("png", "RGB")])
def test_label_maps_that_lost_their_numbers_are_nearly_black(
    tmp_path: Path, suffix: str, mode: str
) -> None:
    data = label_maps(tmp_path / "streets")
    for path in (data / "train/label").glob("*.png"):
        with Image.open(path) as image:
            numbers = image.convert(mode)
        path.unlink()
        numbers.save(path.with_suffix(f".{suffix}"))
    assert "The images of label are nearly black" in warned(diagnosed(data, layout="paired"))


def test_photos_at_night_with_lights_and_blank_images_are_not_nearly_black(tmp_path: Path) -> None:
    domains(tmp_path, train=50)
    for number in range(50):
        night = np.asarray(smooth(number)) // 8
        night[20:24, 20:24] = 255
        save(tmp_path / "train/cats" / f"cats{number}.png", Image.fromarray(night))
        save(tmp_path / "train/dogs" / f"dogs{number}.png", Image.new("RGB", (48, 48)))
    assert "nearly black" not in warned(diagnosed(tmp_path))


def test_twelve_bits_in_sixteen_are_nearly_black_and_the_advice_helps(tmp_path: Path) -> None:
    domains(tmp_path, train=50)
    for number in range(50):
        deep = np.asarray(smooth(number).convert("L")).astype(np.uint16) * 16
        save(tmp_path / "train/dogs" / f"dogs{number}.png", Image.fromarray(deep))
    text = warned(diagnosed(tmp_path))
    assert "The 16-bit images of dogs hold values up to" in text
    assert "set `value_range.b=0,4095`" in text
    better = Config(resize=32, crop=(32, 32), value_range={"b": (0, 4095)})
    assert "value_range" not in warned(diagnosed(tmp_path, better))


def test_opacity_few_images_and_enlargement_are_warnings(tmp_path: Path) -> None:
    domains(tmp_path, train=49, test=0)
    clear = smooth(3).convert("RGBA")
    clear.putpixel((0, 0), (1, 2, 3, 0))
    save(tmp_path / "train/dogs/dogs3.png", clear)
    text = warned(diagnosed(tmp_path, Config(resize=64, crop=(64, 64), holdout=0)))
    assert "1 training image of dogs has transparent parts" in text
    assert "`channels=3,4`" in text
    assert "cats has 49 training images" in text
    assert "49 of 49 images of cats are smaller than training needs" in text
    alike = CycleGAN.Config(resize=64, crop=(64, 64), holdout=0, weights=LossWeights(identity=5))
    assert "`channels=4,4`" in warned(diagnosed(tmp_path, alike))
    kept = Config(resize=32, crop=(32, 32), channels=(3, 4), holdout=0)
    assert "transparent" not in warned(diagnosed(tmp_path, kept))


def test_a_few_broken_and_blank_images_are_warnings(tmp_path: Path) -> None:
    domains(tmp_path, train=50)
    (tmp_path / "train/cats/broken.png").write_bytes(b"broken")
    save(tmp_path / "train/dogs/white.png", Image.new("RGB", (48, 48), "white"))
    diagnosis = diagnosed(tmp_path)
    assert not diagnosis.problems
    assert "cats (train): 1 of 51 images can't be used" in warned(diagnosis)
    assert "dogs (train): 1 of 51 images is blank" in warned(diagnosis)
