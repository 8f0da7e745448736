"""Finding images below a folder: formats, links, junk, and what is left out."""

import os
import shutil
import unicodedata

import numpy as np
import pytest
from PIL import Image

from crossimage.config import Config
from crossimage.data.inspect import inspect
from crossimage.data.left_out import describe
from crossimage.data.sources.domains.scan import scan_domains
from crossimage.data.sources.find import find_files, is_image_file, visible_folders
from crossimage.data.sources.labelled import find_labelled
from crossimage.data.sources.pairs import align
from crossimage.data.sources.tables.read import read_table
from crossimage.utils.manifest import SHEET, Entry, ManifestWriter, add_report
from crossimage.utils.reading import sha256_of
from tests.data.helpers import flat

SUFFIXES = [
    ".jpg", ".JPEG", ".jpe", ".jfif", ".jif", ".mpo", ".png", ".webp", ".tif", ".tiff", ".bmp",
    ".gif", ".avif", ".jp2", ".j2k", ".jpx", ".pbm", ".pgm", ".ppm", ".pnm", ".heic",
]  # fmt: skip


def save(path, image_format="PNG"):
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("RGB", (8, 8), (200, 40, 40)).save(path, image_format)


def found(folder, rules=2):
    return [path.relative_to(folder).as_posix() for path in find_files(folder, rules).images]


def left_out(folder):
    return describe(find_files(folder).left_out)


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_images_are_found_by_any_suffix_of_their_formats(tmp_path, suffix):
    save(tmp_path / f"x{suffix}")
    assert found(tmp_path) == [f"x{suffix}"]
    assert left_out(tmp_path) is None


@pytest.mark.parametrize("image_format", ["JPEG", "PNG", "WEBP", "TIFF", "BMP", "GIF", "JPEG2000"])
def test_images_without_a_suffix_are_found_by_their_content(tmp_path, image_format):
    save(tmp_path / "1", image_format)
    (tmp_path / "README").write_text("words")
    assert found(tmp_path) == ["1"]
    assert left_out(tmp_path) == "left out: 1 not an image (no suffix)"


def test_a_foreign_suffix_needs_a_content_that_cannot_be_mistaken(tmp_path):
    save(tmp_path / "web.jpg_large", "JPEG")
    save(tmp_path / "camera.nef", "TIFF")  # raw files begin like a TIFF
    for name in ("1.txt", "2.txt", "labels.csv"):
        (tmp_path / name).write_text("P5 is a peak\n")
    assert found(tmp_path) == ["web.jpg_large"]
    assert left_out(tmp_path) == (
        "left out: 3 not images (2 .txt, 1 .csv), 1 image of an unsupported format (.nef)"
    )


def test_an_earlier_run_finds_what_it_found(tmp_path):
    for name in ("1.png", "2.jfif", "3", "@eaDir/1.png", ".hidden.png"):
        save(tmp_path / name)
    save(tmp_path.parent / "store" / "4.png")
    (tmp_path / "linked").symlink_to(tmp_path.parent / "store")
    assert found(tmp_path, rules=1) == ["1.png", "@eaDir/1.png"]
    assert visible_folders(tmp_path, rules=1) == ["@eaDir", "linked"]
    assert not is_image_file(tmp_path / "2.jfif", rules=1)
    assert found(tmp_path) == ["1.png", "2.jfif", "3", "linked/4.png"]


def test_junk_is_left_out_and_counted(tmp_path):
    for folder in ("@eaDir", "__MACOSX", ".ipynb_checkpoints", "lost+found", "sub/@eaDir"):
        save(tmp_path / folder / "1.png")
    for name in ("1.png", "._1.png", "Thumbs.db", ".DS_Store", "desktop.ini", "2.png.part"):
        save(tmp_path / name)
    assert found(tmp_path) == ["1.png"]
    text = left_out(tmp_path)
    assert "5 junk folders (2 @eaDir, 1 " in text and "5 junk files (1 " in text


def test_junk_is_no_class(tmp_path):
    for name in ("cat", "dog", "@eaDir", "__MACOSX"):
        save(tmp_path / "train" / name / "1.png")
    (domain,) = find_labelled(str(tmp_path))
    assert domain.label_set.names == ("cat", "dog")
    assert "2 junk folders" in describe(domain.left_out)


def test_linked_files_and_folders_are_followed(tmp_path):
    store = tmp_path / "store"
    for number in range(3):
        save(store / "deep" / f"{number}.png")
    data = tmp_path / "data"
    (data / "train" / "own").mkdir(parents=True)
    save(tmp_path / "other.png")
    (data / "train" / "own" / "1.png").symlink_to(tmp_path / "other.png")
    (data / "train" / "linked").symlink_to(store)
    expected = ["linked/deep/0.png", "linked/deep/1.png", "linked/deep/2.png", "own/1.png"]
    assert found(data / "train") == expected
    assert [d.name for d in scan_domains(str(data))] == ["linked", "own"]


def test_links_that_lead_back_are_named_and_not_followed(tmp_path):
    save(tmp_path / "trainA" / "1.png")
    save(tmp_path / "trainB" / "1.png")
    save(tmp_path / "other" / "2.png")
    (tmp_path / "trainA" / "all").symlink_to(tmp_path)
    (tmp_path / "trainA" / "self").symlink_to(".")
    (tmp_path / "trainA" / "away").symlink_to("../other")
    (tmp_path / "other" / "back").symlink_to("../trainA")
    assert found(tmp_path / "trainA") == ["1.png", "away/2.png"]
    text = left_out(tmp_path / "trainA")
    assert "3 links to folders that contain them" in text
    assert all(f"{tmp_path}/trainA/{name}" in text for name in ("all", "away/back", "self"))


def test_broken_links_and_pipes_are_named(tmp_path):
    save(tmp_path / "1.png")
    (tmp_path / "2.png").symlink_to("gone.png")
    (tmp_path / "3.png").symlink_to("3.png")
    os.mkfifo(tmp_path / "4.png")
    assert found(tmp_path) == ["1.png"]
    text = left_out(tmp_path)
    assert f"2 broken links ({tmp_path}/2.png, {tmp_path}/3.png)" in text
    assert f"1 special file ({tmp_path}/4.png)" in text


def test_unreadable_folders_are_named(tmp_path, monkeypatch):
    save(tmp_path / "1.png")
    save(tmp_path / "locked" / "2.png")
    scandir = os.scandir

    def refuse(path):
        if os.path.basename(path) == "locked":
            raise PermissionError(13, "Permission denied", path)
        return scandir(path)

    monkeypatch.setattr(os, "scandir", refuse)
    assert found(tmp_path) == ["1.png"]
    assert left_out(tmp_path) == (
        f"left out: 1 unreadable folder ({tmp_path}/locked: Permission denied)"
    )


NFC, NFD = (unicodedata.normalize(form, "Café_ü") for form in ("NFC", "NFD"))


def test_pairs_have_equal_names_whatever_their_unicode_form(tmp_path):
    save(tmp_path / "trainA" / NFC / f"{NFC}.png")
    save(tmp_path / "trainB" / NFD / f"{NFD}.jpg")
    a, b = align(scan_domains(str(tmp_path)))
    assert len(a.train) == len(b.train) == 1


@pytest.mark.parametrize(("written", "stored"), [(NFC, NFD), (NFD, NFC)])
def test_lists_and_tables_find_names_whatever_their_unicode_form(tmp_path, written, stored):
    save(tmp_path / "sub" / stored / f"{stored}.png")
    (tmp_path / "list.txt").write_text(f"sub/{written}/{written}.png\n")
    a, _ = scan_domains(f"A={tmp_path}/list.txt,B={tmp_path}/list.txt")
    table = tmp_path / "table.csv"
    table.write_text(f"file,Male\nsub/{written}/{written}.png,1\n")
    for path in (a.train[0], read_table(table).rows[0].path):
        assert path.is_file() and path.name == f"{stored}.png"


def test_what_is_left_out_is_one_line_of_the_inspection(tmp_path):
    for number in range(30):
        flat(tmp_path / "trainA" / f"{number}.jpg", number, (40, 40))
        flat(tmp_path / "trainB" / f"{number}.png", number, (40, 40))
    for number in range(30):  # as if copied from a broken disk
        array = np.random.default_rng(number).integers(0, 256, (64, 64, 3), np.uint8)
        Image.fromarray(array).save(tmp_path / "trainA" / f"{number}.jpg")
    data = (tmp_path / "trainA" / "7.jpg").read_bytes()
    (tmp_path / "trainA" / "7.jpg").write_bytes(data[: len(data) // 3] + b"\xff\xd9")
    (tmp_path / "trainA" / "notes.txt").write_text("words")
    save(tmp_path / "trainB" / "@eaDir" / "1.png")
    report = inspect(str(tmp_path), Config(resize=0, crop=(32, 32)))
    assert report.left_out == (
        "left out: 1 unreadable, 1 not an image (.txt), 1 junk folder (@eaDir)"
    )
    assert "7.jpg can't be read: a part of it is missing" in report.splits[0].broken[0][1]


def test_results_sheets_and_reports_among_training_images_are_left_out_and_counted(tmp_path):
    for letter in "AB":
        for number in range(3):
            save(tmp_path / f"train{letter}" / f"{number}.png")
    folder = tmp_path / "trainA"
    for name in ("0_1.png", "0_2.png", "sheet.png"):
        save(folder / name)
    (folder / "report.html").write_text("<p>", encoding="utf-8")
    with ManifestWriter(folder) as manifest:
        for name in ("0_1.png", "0_2.png"):
            manifest.add(Entry(name, sha256_of(folder / name), input="0.png"))
        manifest.add(Entry("sheet.png", sha256_of(folder / "sheet.png"), kind=SHEET))
    add_report(folder / "report.html")
    a, b = scan_domains(str(tmp_path))
    assert [path.name for path in a.train] == [path.name for path in b.train]
    assert describe(a.left_out) == (
        f"left out: 1 contact sheet (sheet.png), 2 results of an earlier translation ({folder})"
    )
    shutil.rmtree(folder)
    for name in ("0_1.png", "0_2.png"):  # results alone are images like any others
        save(folder / name)
    with ManifestWriter(folder) as manifest:
        for name in ("0_1.png", "0_2.png"):
            manifest.add(Entry(name, sha256_of(folder / name), input="0.png"))
    assert len(scan_domains(str(tmp_path))[0].train) == 2


@pytest.mark.parametrize("place", ["", "train"])
def test_a_run_beside_domains_adds_none(place, tmp_path):
    for name in ("cats/1.png", "dogs/1.png", "samples/1.png"):
        save(tmp_path / place / name)
    assert visible_folders(tmp_path / place) == ["cats", "dogs", "samples"]
    (tmp_path / place / "checkpoints").mkdir()
    (tmp_path / place / "config.yaml").write_text("method: munit")
    assert visible_folders(tmp_path / place) == ["cats", "dogs"]
