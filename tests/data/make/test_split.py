import shlex
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from crossimage.config import Config
from crossimage.data.build import find_source
from crossimage.data.make.split import make_split
from tests.data.make.test_photo_pairs import contents, photos


def smooth(seed: int, size: int = 48) -> Image.Image:
    """An image with large structures, as photos have."""
    small = np.random.default_rng(seed).integers(256, size=(5, 5, 3), dtype=np.uint8)
    return Image.fromarray(small).resize((size, size), Image.Resampling.BICUBIC)


def save(path: Path, image: Image.Image, **options: object) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    image.save(path, **options)


def split_of(out: Path) -> dict[str, str]:
    """The split of each image, by its path below the splits."""
    return {"/".join(Path(n).parts[1:]): Path(n).parts[0] for n in contents(out)}


def test_a_tenth_is_for_testing_and_a_tenth_for_validation(tmp_path: Path) -> None:
    for number in range(40):
        save(tmp_path / "in" / ("cats" if number % 2 else "dogs") / f"{number}.png", smooth(number))
    summary, following = make_split(tmp_path / "out", originals=tmp_path / "in")
    assert summary == "32 train, 4 val, 4 test images"
    assert following == shlex.join(["crossimage", "data", "inspect", str(tmp_path / "out")])
    counts = Counter(tuple(Path(name).parts[:2]) for name in contents(tmp_path / "out"))
    assert counts == {
        ("train", "cats"): 16, ("val", "cats"): 2, ("test", "cats"): 2,
        ("train", "dogs"): 16, ("val", "dogs"): 2, ("test", "dogs"): 2,
    }  # fmt: skip
    source = find_source(str(tmp_path / "out"), Config())
    assert [(d.name, len(d.train), len(d.test)) for d in source.domains] == [
        ("cats", 16, 2), ("dogs", 16, 2),
    ]  # fmt: skip


def test_pairs_stay_together(tmp_path: Path) -> None:
    for number in range(20):
        save(tmp_path / "in/photo" / f"{number}.jpg", smooth(number))
        save(tmp_path / "in/label" / f"{number}.png", smooth(100 + number))
    make_split(tmp_path / "out", originals=tmp_path / "in", test_count=3, val_count=0)
    source = find_source(str(tmp_path / "out"), Config(channels=(3, 3)), "paired")
    assert [(len(d.train), len(d.test)) for d in source.domains] == [(17, 3), (17, 3)]


def test_copies_never_straddle_however_they_were_saved(tmp_path: Path) -> None:
    for number in range(30):
        image, base = smooth(number), tmp_path / "in"
        save(base / f"{number}-png.png", image)
        save(base / f"copy/{number}-jpeg.jpg", image, quality=70)
        save(base / f"{number}-small.webp", image.resize((30, 30)))
    make_split(tmp_path / "out", originals=tmp_path / "in", test_count=15, val_count=15)
    sides: dict[str, set[str]] = {}
    for name, split in split_of(tmp_path / "out").items():
        sides.setdefault(Path(name).name.split("-")[0], set()).add(split)
    assert all(len(splits) == 1 for splits in sides.values())
    counts = Counter(split for splits in sides.values() for split in splits)
    assert counts["test"] >= 3 and counts["val"] >= 3


def test_the_choice_depends_on_content_not_on_names_or_workers(tmp_path: Path) -> None:
    for number in range(20):
        save(tmp_path / "in" / f"{number}.png", smooth(number))
        save(tmp_path / "renamed" / f"z{99 - number}.png", smooth(number))
    for name, folder, workers in (("1", "in", 1), ("2", "in", 5), ("3", "renamed", 2)):
        make_split(tmp_path / name, originals=tmp_path / folder, workers=workers)
    assert contents(tmp_path / "1") == contents(tmp_path / "2")
    digests = [
        {(Path(name).parts[0], digest) for name, digest in contents(tmp_path / number).items()}
        for number in "13"
    ]
    assert digests[0] == digests[1]


def test_a_video_of_a_fixed_camera_does_not_fill_the_test_images(tmp_path: Path) -> None:
    for number in range(30):
        still = np.asarray(smooth(0)).copy()
        still[number, 4] = 255
        save(tmp_path / "in" / f"still{number}.png", Image.fromarray(still))
        save(tmp_path / "in" / f"photo{number}.png", smooth(number + 1))
    make_split(tmp_path / "out", originals=tmp_path / "in")
    stills = {s for name, s in split_of(tmp_path / "out").items() if name.startswith("still")}
    assert stills == {"train"}
    assert Counter(split_of(tmp_path / "out").values()) == {"train": 48, "val": 6, "test": 6}


def test_a_pair_with_a_broken_image_is_left_out_and_counted(tmp_path: Path) -> None:
    for number in range(10):
        save(tmp_path / "in/photo" / f"{number}.jpg", smooth(number))
        save(tmp_path / "in/label" / f"{number}.png", smooth(100 + number))
    (tmp_path / "in/label/3.png").write_bytes(b"broken")
    (tmp_path / "in/notes.txt").write_text("-")
    summary, _ = make_split(tmp_path / "out", originals=tmp_path / "in", workers=2)
    assert summary.startswith(
        "14 train, 2 val, 2 test images\nleft out: 1 unreadable, 1 not an image (.txt), "
        "1 image whose partner is unreadable (3.jpg)\n"
    )
    assert not any(Path(name).stem == "3" for name in split_of(tmp_path / "out"))


def test_images_of_unknown_range_are_split_by_their_files(tmp_path: Path) -> None:
    for number in range(10):
        values = np.random.default_rng(number).normal(size=(8, 8)).astype(np.float32)
        save(tmp_path / "in" / f"{number}.tif", Image.fromarray(values))
    assert make_split(tmp_path / "out", originals=tmp_path / "in").summary.startswith("8 train")


def test_impossible_requests_are_one_sentence(tmp_path: Path) -> None:
    photos(tmp_path / "in", ["1.png", "2.png"])
    for options, message in (
        ({"test_count": -1}, "test-count must be at least 0"),
        ({"test_count": 2}, "no training images"),
    ):
        with pytest.raises(ValueError, match=message):
            make_split(tmp_path / "out", originals=tmp_path / "in", **options)
    photos(tmp_path / "done", ["trainA/1.png", "trainB/2.png"])
    with pytest.raises(ValueError, match=r"divided already \(trainA, trainB\)"):
        make_split(tmp_path / "out", originals=tmp_path / "done")
    (tmp_path / "empty").mkdir()
    with pytest.raises(ValueError, match="no images that can be read; it is empty"):
        make_split(tmp_path / "out", originals=tmp_path / "empty")
    assert not (tmp_path / "out").exists()
