import shutil
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from crossimage.data.build import build_dataset, find_source
from crossimage.data.make.labels import make_labels
from crossimage.evaluation.networks.palette import read_palette
from crossimage.methods.pix2pix import Pix2Pix
from tests.data.make.test_photo_pairs import contents, photos


def label_map(seed: int, classes: int = 5, size: int = 32) -> np.ndarray:
    coarse = np.random.default_rng(seed).integers(classes, size=(size // 8, size // 8))
    return np.repeat(np.repeat(coarse, 8, 0), 8, 1)


def scenes(folder: Path, domain: str = "label", count: int = 3) -> Path:
    """Photos and label maps of class numbers, in training and test folders."""
    for split in ("train", "test"):
        names = [f"{split}/photo/{number}.jpg" for number in range(count)]
        photos(folder, names, (32, 32))
        (folder / split / domain).mkdir()
        for number in range(count):
            ids = Image.fromarray(label_map(number).astype(np.uint8))
            ids.save(folder / split / domain / f"{number}.png")
    return folder


def pixels(path: Path) -> np.ndarray:
    with Image.open(path) as image:
        assert image.mode == "RGB"
        return np.asarray(image)


def test_the_copy_has_coloured_label_maps_and_unchanged_photos(tmp_path: Path) -> None:
    given = scenes(tmp_path / "in")
    (given / "SOURCE.txt").write_text("where from")
    summary, following = make_labels(tmp_path / "out", originals=given, palette="camvid")
    assert summary == (
        "6 label maps in colours (test/label, train/label), 6 other images\n"
        "left out: 1 not an image (.txt)"
    )
    assert following.endswith("domains=label,photo")
    before, after = contents(given), contents(tmp_path / "out")
    assert {n for n in before if "photo" in n} == {n for n in after if before.get(n) == after[n]}
    painted = pixels(tmp_path / "out/train/label/0.png")
    camvid = [(128, 128, 128), (128, 0, 0), (192, 192, 128), (128, 64, 128), (60, 40, 222)]
    assert (painted == np.array(camvid, np.uint8)[label_map(0)]).all()


def test_pix2pix_reads_them_from_labels_to_photos(tmp_path: Path) -> None:
    _, following = make_labels(tmp_path / "out", originals=scenes(tmp_path / "in", "zones"))
    domains = tuple(following.split("domains=")[1].split(","))
    assert domains == ("zones", "photo")
    config = Pix2Pix.Config(domains=domains, resize=32, crop=(32, 32), downsamples=5)
    source = find_source(str(tmp_path / "out"), config, "paired")
    sample = build_dataset(source, config.complete(source.facts))[0]
    assert sample.images["a"].std() > 0.2


@pytest.mark.parametrize(("labels", "settings"), [("A", []), ("B", ["direction=b-to-a"])])
def test_folders_with_letters_are_trained_from_the_labels(
    tmp_path: Path, labels: str, settings: list[str]
) -> None:
    given, other = tmp_path / "in", "B" if labels == "A" else "A"
    scenes(given)
    (given / "train/label").rename(given / f"train{labels}")
    (given / "train/photo").rename(given / f"train{other}")
    (given / "train").rmdir()
    shutil.rmtree(given / "test")
    _, following = make_labels(tmp_path / "out", originals=given)
    assert following.split("/out")[1].split() == settings


def test_the_table_of_colours_serves_evaluation(tmp_path: Path) -> None:
    make_labels(tmp_path / "out", originals=scenes(tmp_path / "in"), palette="cityscapes_train")
    palette = read_palette(tmp_path / "out/palette.csv")
    assert palette.names == ("road", "sidewalk", "building", "wall", "fence")
    assert palette.colours[0] == (128, 64, 128)


def test_sixteen_bits_instances_and_gray_palettes_are_class_numbers(tmp_path: Path) -> None:
    given = tmp_path / "in"
    given.mkdir()
    ids = label_map(1)
    Image.fromarray(ids.astype(np.uint16)).save(given / "deep.png")
    Image.fromarray(np.where(ids == 2, 2003, ids).astype(np.uint16)).save(given / "instances.png")
    gray = Image.fromarray(ids.astype(np.uint8)).convert("P")
    gray.putpalette([value for number in range(256) for value in (number,) * 3])
    gray.putdata(ids.ravel().tolist())
    gray.save(given / "gray palette.png")
    Image.fromarray(ids.astype(np.uint8)).save(given / "plain.tif")
    summary, _ = make_labels(tmp_path / "out", originals=given)
    assert summary.startswith("4 label maps in colours\n")
    files = sorted((tmp_path / "out").glob("*.png"))
    assert len(files) == 4
    for file in files:
        assert (pixels(file) == pixels(files[0])).all(), file
    assert len(np.unique(pixels(files[0]).reshape(-1, 3), axis=0)) == len(np.unique(ids))


def test_coloured_palettes_masks_and_gray_photos_are_left_as_they_are(tmp_path: Path) -> None:
    given = scenes(tmp_path / "in")
    masks, gray, colours = (given / "train" / name for name in ("masks", "gray", "colours"))
    for folder in (masks, gray, colours):
        folder.mkdir()
    Image.fromarray((label_map(0, 2) * 255).astype(np.uint8)).save(masks / "0.png")
    noise = np.random.default_rng(0).integers(256, size=(32, 32), dtype=np.uint8)
    Image.fromarray(noise).save(gray / "0.png")
    known = Image.fromarray(label_map(0).astype(np.uint8)).convert("P")
    known.putpalette([7, 200, 90, 255, 0, 0] * 4)
    known.save(colours / "0.png")
    summary, _ = make_labels(tmp_path / "out", originals=given)
    assert summary.startswith("6 label maps in colours (test/label, train/label), 9 other images")
    before, after = contents(given), contents(tmp_path / "out")
    for folder in ("masks", "gray", "colours"):
        assert before[f"train/{folder}/0.png"] == after[f"train/{folder}/0.png"]


def test_what_cannot_be_read_is_counted_and_other_problems_are_one_sentence(
    tmp_path: Path,
) -> None:
    given = scenes(tmp_path / "in")
    (given / "train/label/broken.png").write_bytes(b"broken")
    summary, _ = make_labels(tmp_path / "out", originals=given)
    assert "left out: 1 unreadable" in summary and "broken.png" in summary
    Image.fromarray(label_map(0, 15).astype(np.uint8)).save(given / "train/label/0.png")
    with pytest.raises(ValueError, match=r"0\.png holds the class 1[234] at column .*camvid lacks"):
        make_labels(tmp_path / "more", originals=given, palette="camvid")
    assert not (tmp_path / "more").exists()
    with pytest.raises(ValueError, match="exists and is not empty"):
        make_labels(tmp_path / "out", originals=given)
    photos(tmp_path / "photos", ["1.png", "2.jpg"])
    with pytest.raises(ValueError, match="no label maps of class numbers among 2 images"):
        make_labels(tmp_path / "more", originals=tmp_path / "photos")
    with pytest.raises(FileNotFoundError, match="did you mean 'camvid'"):
        make_labels(tmp_path / "more", originals=given, palette="camvod")


def test_files_do_not_depend_on_the_number_of_workers(tmp_path: Path) -> None:
    given = scenes(tmp_path / "in")
    for workers in (1, 4):
        make_labels(tmp_path / str(workers), originals=given, workers=workers)
    assert contents(tmp_path / "1") == contents(tmp_path / "4")


def test_photos_beside_their_label_maps_are_not_replaced_by_them(tmp_path: Path) -> None:
    for number in range(3):
        photos(tmp_path / "in", [f"{number}.png"], (32, 32))
        ids = Image.fromarray(label_map(number).astype(np.uint8))
        ids.save(tmp_path / "in" / f"{number}.bmp")
    before = contents(tmp_path / "in")
    make_labels(tmp_path / "out", originals=tmp_path / "in")
    after = contents(tmp_path / "out")
    assert {*after} == {f"{n}{end}" for n in range(3) for end in (".png", ".bmp.png")} | {
        "palette.csv"
    }
    assert all(after[f"{number}.png"] == before[f"{number}.png"] for number in range(3))


def test_a_dark_photo_among_others_is_no_label_map(tmp_path: Path) -> None:
    given = scenes(tmp_path / "in")
    dark = given / "train/photo/3.png"
    Image.new("L", (32, 32), 3).save(dark)
    summary, following = make_labels(tmp_path / "out", originals=given)
    assert summary.startswith("6 label maps in colours (test/label, train/label), 7 other images")
    assert following.endswith("domains=label,photo")
    assert (tmp_path / "out/train/photo/3.png").read_bytes() == dark.read_bytes()
