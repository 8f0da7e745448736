import io
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import tifffile
from PIL import Image
from rich.console import Console

from crossimage.config import Config, build
from crossimage.data.data_report import print_report
from crossimage.data.inspect import inspect
from crossimage.labels import LabelledConfig
from crossimage.methods.srgan import SRGANConfig


@pytest.fixture
def data(tmp_path):
    for folder in ("trainA", "trainB", "testB"):
        (tmp_path / folder).mkdir()
    Image.new("RGB", (30, 20)).save(tmp_path / "trainA" / "1.png")
    Image.new("L", (80, 60)).save(tmp_path / "trainA" / "2.png")
    Image.new("RGB", (50, 40)).save(tmp_path / "trainA" / "3.jpg")
    (tmp_path / "trainA" / "4.png").write_bytes(b"broken")
    Image.new("RGB", (64, 64)).save(tmp_path / "trainB" / "1.png")
    Image.new("RGB", (64, 64)).save(tmp_path / "testB" / "1.png")
    return tmp_path


def shown(report):
    console = Console(width=100, file=io.StringIO())
    print_report(report, console)
    return console.file.getvalue()


def test_counts_sizes_modes_and_broken_files(data):
    config = Config(resize=0, crop=(32, 32), batch_size=2, steps=10)
    report = inspect(str(data), replace(config, domains=("x", "y")))
    assert [(s.domain, s.split, s.count) for s in report.splits] == [
        ("x", "train", 4),
        ("y", "train", 1),
        ("y", "test", 1),
    ]
    train = report.splits[0]
    assert train.sizes == [(30, 20), (50, 40), (80, 60)]
    assert train.modes == {"RGB": 2, "L": 1}
    assert train.channels == {3: 2, 1: 1}
    assert [Path(path).name for path, _ in train.broken] == ["4.png"]
    assert train.enlarged == 1
    assert report.problems == [
        "x (train): 1 of 4 images is broken, more than 5 %; remove or repair them."
    ]
    text = shown(report)
    assert "4.png can't be read" in text
    assert "1 of 4 images of x is smaller and would be enlarged" in text
    assert "crop 32 x 32" in text
    assert "seen within 2 steps, and 5.0 times" in text


def test_one_broken_image_of_twenty_is_no_problem(data):
    for number in range(5, 21):
        Image.new("RGB", (30, 20)).save(data / "trainA" / f"{number}.png")
    assert not inspect(str(data)).problems


def test_the_config_names_the_domains_and_must_fit_them(data):
    config = Config(domains=("x", "y"))
    assert {split.domain for split in inspect(str(data), config=config).splits} == {"x", "y"}
    with pytest.raises(ValueError, match="channels holds 3 numbers"):
        inspect(str(data), config=Config(channels=(3, 3, 3)))


def test_pairs_are_reported_as_halves(tmp_path):
    (tmp_path / "train").mkdir()
    for number in range(3):
        Image.new("RGB", (128, 64)).save(tmp_path / "train" / f"{number}.png")
    report = inspect(str(tmp_path))
    assert report.splits[0].sizes == [(64, 64)] * 3
    assert "split in the middle" in shown(report)


def test_what_would_stop_training_is_said(tmp_path):
    for folder in ("trainA", "trainB"):
        (tmp_path / folder).mkdir()
    tifffile.imwrite(tmp_path / "trainA" / "1.tif", np.zeros((5, 40, 40), np.float32))
    for number in range(3):
        (tmp_path / "trainB" / f"{number}.png").write_bytes(b"broken")
    text = "\n".join(inspect(str(tmp_path)).problems)
    assert "a (train): 1 image has 5 channels, expected 3" in text
    assert "set `value_range=low,high`" in text
    assert "b (train): 3 of 3 images are broken" in text
    sound = inspect(str(tmp_path), config=Config(channels=(5, 3), value_range=(0, 1)))
    assert len(sound.problems) == 1


def test_lonely_and_unequal_images_of_pairs_are_named(tmp_path):
    for letter, size in (("A", (40, 30)), ("B", (40, 30))):
        (tmp_path / f"train{letter}").mkdir()
        for number in range(3):
            Image.new("RGB", size).save(tmp_path / f"train{letter}" / f"{number}.png")
    config = Config(resize=0, crop=(16, 16))
    report = inspect(str(tmp_path), config=config, layout="paired")
    assert not report.problems
    assert "The images of a pair are cropped at the same position" in shown(report)
    assert "of a pair" not in shown(inspect(str(tmp_path), config=config))

    Image.new("RGB", (41, 30)).save(tmp_path / "trainB" / "1.png")
    (tmp_path / "trainA" / "2.png").write_bytes(b"broken")
    report = inspect(str(tmp_path), config=config, layout="paired")
    for split in report.splits:
        assert [Path(path).name for path, _ in split.broken] == ["1.png", "2.png"]
    text = shown(report)
    assert "2 broken:" in text
    assert (
        f"{tmp_path}/trainA/1.png is 40 x 30 and {tmp_path}/trainB/1.png is 41 x 30; expected "
        "images of the same size in a pair"
    ) in text
    assert "b (train): 2 of 3 images are broken, more than 5 %; remove or repair them." in text

    for name in ("trainA/5.png", "trainB/6.png", "trainB/7.png"):
        Image.new("RGB", (40, 30)).save(tmp_path / name)
    text = "\n".join(inspect(str(tmp_path), config=config, layout="paired").problems)
    assert text.count("has no partner") == 3
    assert text.count("if these are not pairs, `crossimage train munit/photos_small --data") == 1
    assert "trainA/5.png has no partner" in text and "trainB/7.png has no partner" in text


def test_images_are_counted_by_class(tmp_path):
    for name, count in (("cat", 3), ("dog", 2)):
        (tmp_path / "trainA" / name).mkdir(parents=True)
        for number in range(count):
            Image.new("RGB", (40, 30)).save(tmp_path / "trainA" / name / f"{number}.png")
    (tmp_path / "trainB").mkdir()
    Image.new("RGB", (40, 30)).save(tmp_path / "trainB" / "1.png")
    report = inspect(str(tmp_path), class_letters=("a",))
    assert report.splits[0].classes == {"cat": 3, "dog": 2}
    assert "classes of a (train): cat 3, dog 2" in shown(report)
    assert "classes" not in shown(inspect(str(tmp_path)))
    with pytest.raises(ValueError, match="trainB holds no class folders"):
        inspect(str(tmp_path), class_letters=("b",))


def test_epochs_are_told_in_steps(data):
    config = Config(resize=0, crop=(32, 32), batch_size=2, epochs=3)
    assert "in the 6 steps configured" in shown(inspect(str(data), config=config))


def test_labels_are_counted_by_data_set_and_split(tmp_path):
    lines = ["file,split,Male,Young"]
    for number in range(6):
        Image.new("RGB", (40, 30)).save(tmp_path / f"{number}.png")
        lines.append(f"{number}.png,{'test' if number > 3 else 'train'},{number % 2},{number < 1}")
    (tmp_path / "faces.csv").write_text("\n".join(lines))
    for name in ("cat", "dog", "dog/deep"):
        (tmp_path / "pets" / "train" / name).mkdir(parents=True)
        Image.new("L", (40, 30)).save(tmp_path / "pets" / "train" / name / "1.png")
    config = LabelledConfig(channels=(3,), batch_size=2, steps=10)
    data = f"{tmp_path / 'faces.csv'},{tmp_path / 'pets'}"
    report = inspect(data, config, layout="labelled")
    assert not report.problems
    assert [(split.domain, split.split, split.count) for split in report.splits] == [
        ("faces", "train", 4),
        ("faces", "test", 2),
        ("pets", "train", 3),
    ]
    assert report.splits[1].attributes == {"Male": 1, "Young": 0}
    text = shown(report)
    assert "attributes of faces (train): Male 2 yes / 2 no, Young 1 yes / 3 no" in text
    assert "attributes of faces (test): Male 1 yes / 1 no, Young 0 yes / 2 no" in text
    assert "classes of pets (train): cat 1, dog 2" in text
    assert "The data sets take turns" in text
    assert "every image is seen within 4 steps" in text
    problems = inspect(data, replace(config, channels=(5,)), layout="labelled").problems
    assert problems[0].startswith("faces (train): 4 images have 3 channels, expected 5")


def test_a_folder_of_images_alone_is_reported(data):
    config = Config(channels=(1,), resize=0, crop=(16, 16), batch_size=2, steps=10)
    report = inspect(str(data / "trainA"), config, layout="single")
    assert [(split.domain, split.count) for split in report.splits] == [("trainA", 4)]
    assert report.problems == [
        "trainA (train): 1 of 4 images is broken, more than 5 %; remove or repair them."
    ]


def test_blank_images_are_counted_by_domain_and_split(tmp_path):
    noise = np.random.default_rng(0).integers(0, 256, (32, 32, 4), dtype=np.uint8)
    for folder in ("trainA", "trainB", "testB"):
        (tmp_path / folder).mkdir()
        Image.fromarray(noise[..., :3]).save(tmp_path / folder / "noise.png")
    train, other = tmp_path / "trainA", tmp_path / "trainB"
    for name, colour in (("black", 0), ("white", 255), ("grey", 99)):
        Image.new("L", (32, 32), colour).save(train / f"{name}.png")
    Image.new("RGB", (32, 32), (9, 99, 199)).save(train / "colour.jpg")
    Image.fromarray(noise * np.uint8([1, 1, 1, 0])).save(train / "transparent.png")
    Image.fromarray(np.full((32, 32), 40_000, np.uint16)).save(train / "deep.png")
    tifffile.imwrite(train / "float.tif", np.full((32, 32), 0.25, np.float32))
    Image.fromarray(noise[..., :3] * np.uint8([1, 0, 1])).save(other / "no green.png")
    dot = np.zeros((32, 32), np.uint8)
    dot[3, 4] = 1
    Image.fromarray(dot).save(other / "dot.png")
    Image.fromarray(np.uint8([9, 9, 9, 0]) + noise * np.uint8([0, 0, 0, 1])).save(
        other / "veil.png"
    )
    Image.new("L", (32, 32)).save(tmp_path / "testB" / "blank.png")
    report = inspect(str(tmp_path), Config(resize=0, crop=(8, 8), value_range=(0, 1)))
    names = [[Path(path).name for path in split.blank] for split in report.splits]
    blank = ["black.png", "colour.jpg", "deep.png", "float.tif", "grey.png", "transparent.png"]
    assert names == [[*blank, "white.png"], [], ["blank.png"]]
    flat = [[Path(path).name for path in split.flat_channels] for split in report.splits]
    assert flat == [[], ["no green.png"], []]
    text = shown(report)
    assert "a (train): 7 of 8 images are blank" in text and "and 2 more" in text
    assert "b (test): 1 of 2 images is blank" in text and "blank.png" in text
    assert "b (train): 1 of 4 images has a channel that is the same everywhere" in text
    assert not report.problems


def test_a_blank_half_of_a_pair_is_that_of_its_domain(tmp_path):
    (tmp_path / "train").mkdir()
    noise = np.random.default_rng(0).integers(0, 256, (16, 16, 3), dtype=np.uint8)
    for number, halves in enumerate([(noise, noise), (noise * 0, noise), (noise, noise * 0)]):
        Image.fromarray(np.concatenate(halves, 1)).save(tmp_path / "train" / f"{number}.png")
    report = inspect(str(tmp_path), Config(resize=0, crop=(8, 8)), layout="paired")
    assert [[Path(path).name for path in split.blank] for split in report.splits] == [
        ["1.png"], ["2.png"],
    ]  # fmt: skip


def test_what_becomes_of_the_values_is_said(tmp_path):
    for letter in "AB":
        (tmp_path / f"train{letter}").mkdir()
    deep = np.linspace(0, 4095, 40 * 40).astype(np.uint16).reshape(40, 40)
    tifffile.imwrite(tmp_path / "trainA" / "1.tif", deep)
    scene = deep.astype(np.float32)
    scene[:2, :3] = np.nan
    tifffile.imwrite(tmp_path / "trainB" / "1.tif", scene)
    stack = np.zeros((3, 40, 40), np.float32)
    tifffile.imwrite(
        tmp_path / "trainB" / "2.tif", stack, photometric="minisblack", metadata={"axes": "ZYX"}
    )
    gray = Image.new("L", (40, 40))
    gray.save(tmp_path / "trainB" / "3.png", icc_profile=b"no profile")
    config = Config(resize=0, crop=(16, 16), channels=(1, 1))
    report = inspect(str(tmp_path), config)
    text = shown(report)
    assert (
        "a (train): images of more than 8 bits hold 0 to 4095; 0 becomes black and 65535 white, "
        "unless `value_range=low,high` is set." in text
    )
    assert "b (train): 1 image holds 6 pixels without a value, which become black." in text
    assert "b (train): 1 image has a colour profile that cannot be used" in text
    assert report.problems == [
        "b (train): there are images of unknown range, which hold 0 to 4095; set "
        "`value_range=low,high`."
    ]
    assert f"left out: 2 further images in files ({tmp_path}/trainB/2.tif)" in text
    ranges = {"a": (0, 4095), "b": (0, 4095)}
    sound = inspect(str(tmp_path), replace(config, value_range=ranges))
    assert not sound.problems
    assert "hold 0 to 4095; 0 becomes black and 4095 white." in shown(sound)


def test_names_cannot_command_the_terminal(data):
    (data / "trainA" / "red\x1b[31m.png").write_bytes(b"broken")
    printed = shown(inspect(str(data)))
    assert "red\\x1b[31m.png" in printed and "\x1b" not in printed


def test_random_zoom_is_said(data):
    config = Config(domains=("x", "y"), smallest_zoom=0.25)
    assert "shrunk by random factors from 0.25 to 1" in " ".join(
        shown(inspect(str(data), config)).split()
    )


def test_rotation_is_said(data):
    config = build(SRGANConfig, {"rotate": True, "crop": 16})
    printed = " ".join(
        shown(inspect(str(data / "trainA"), config, layout="super_resolution")).split()
    )
    assert "rotated by 0, 90, 180 or 270 degrees at random" in printed
