"""Large files are read, translated and written in strips, with the same results as untiled."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile
import torch
from PIL import Image

import crossimage.inference.strips.engine as engine
from crossimage.config import build
from crossimage.data.images.checks.limit import max_pixels_kept, set_max_pixels
from crossimage.data.images.files import read_image
from crossimage.data.images.tiff import writing as tiff_writing
from crossimage.inference.files import large
from crossimage.inference.input_checks import CLASS_NUMBERS
from crossimage.inference.strips.budget import Budget
from crossimage.inference.translator import Translator
from crossimage.methods import METHODS
from tests.conftest import small

HEIGHT, WIDTH = 150, 96


def translator(name: str = "munit", memory: str = "auto", **settings: Any) -> Translator:
    torch.manual_seed(0)
    cls = METHODS[name]
    networks = cls(build(cls.Config, small(name, **settings)), training=False)
    return Translator(networks, "cpu", memory=memory)


def photo(channels: int = 3, dtype: str = "uint8") -> np.ndarray[Any, Any]:
    generator = np.random.default_rng(1)
    values = generator.random((HEIGHT, WIDTH, channels)) * 0.5
    values += np.linspace(0, 0.5, HEIGHT)[:, None, None]
    most = 1 if dtype == "float32" else np.iinfo(dtype).max
    return np.asarray(values * most).astype(dtype)


@pytest.fixture
def in_strips(monkeypatch: pytest.MonkeyPatch) -> list[Sequence[int]]:
    """Memory for strips only; the rows of the strips of each translation."""
    plans: list[Sequence[int]] = []
    monkeypatch.setattr(engine, "_MARGIN", 0)
    monkeypatch.setattr(large, "_USUAL", 10**9)
    monkeypatch.setattr(engine.StripEngine, "fits", lambda *_: False)
    monkeypatch.setattr(Budget, "available", lambda _: 10**6)
    plan = engine.StripEngine._plan

    def planned(*args: Any) -> Any:
        result = plan(*args)
        plans.append(result.rows)
        return result

    monkeypatch.setattr(engine.StripEngine, "_plan", planned)
    return plans


def whole(model: Translator, folder: Path, out: Path, **options: Any) -> list[Path]:
    """Untiled results, before anything is patched."""
    return model.translate_files(folder, out, seed=3, **options).written


def differences(one: Sequence[Path], other: Sequence[Path]) -> float:
    """The largest difference of the values in files, in levels of 8 bits."""
    assert [path.name for path in one] == [path.name for path in other]
    return max(
        float((read_image(a) - read_image(b)).abs().max()) * 127.5
        for a, b in zip(one, other, strict=True)
    )


TIFFS: dict[str, dict[str, Any]] = {
    "one_strip": {},
    "strips": {"rowsperstrip": 7},
    "compressed": {"rowsperstrip": 16, "compression": "zlib", "predictor": True},
    "tiles": {"tile": (32, 48)},
    "compressed_tiles": {"tile": (64, 32), "compression": "zlib"},
    "planes": {"planarconfig": "separate", "rowsperstrip": 9},
    "planes_of_tiles": {"planarconfig": "separate", "tile": (32, 32)},
    "big": {"bigtiff": True, "rowsperstrip": 20},
    "big_endian": {"byteorder": ">", "rowsperstrip": 20},
}


@pytest.mark.parametrize("kind", TIFFS)
@pytest.mark.parametrize("dtype", ["uint8", "uint16"])
def test_tiffs_in_strips_and_tiles_have_the_untiled_results(
    kind: str, dtype: str, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    values = photo(dtype=dtype)
    if "planarconfig" in TIFFS[kind]:
        values = values.transpose(2, 0, 1)
    (tmp_path / "in").mkdir()
    tifffile.imwrite(tmp_path / "in" / "x.tif", values, photometric="rgb", **TIFFS[kind])
    model = translator()
    expected = whole(model, tmp_path / "in", tmp_path / "whole")
    plans = request.getfixturevalue("in_strips")
    report = model.translate_files(tmp_path / "in", tmp_path / "out", seed=3)
    assert len(plans) == 1 and plans[0][-1] < HEIGHT
    assert differences(report.written, expected) <= (1 if dtype == "uint8" else 1 / 64)
    with tifffile.TiffFile(report.written[0]) as file:
        assert file.pages[0].dtype == dtype  # type: ignore[union-attr]
    assert not list((tmp_path / "out").glob(".*"))


@pytest.mark.parametrize("suffix", [".png", ".jpg", ".webp"])
def test_other_files_are_decoded_once_and_translated_in_strips(
    suffix: str, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    (tmp_path / "in").mkdir()
    Image.fromarray(photo()).save(tmp_path / "in" / f"x{suffix}", quality=95)
    model = translator()
    expected = whole(model, tmp_path / "in", tmp_path / "whole", samples=2)
    plans = request.getfixturevalue("in_strips")
    report = model.translate_files(tmp_path / "in", tmp_path / "out", seed=3, samples=2)
    assert len(plans) == 2
    assert differences(report.written, expected) <= (12 if suffix == ".jpg" else 1)


def test_opacity_gaps_and_the_place_on_the_map_are_kept(
    tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    (tmp_path / "in").mkdir()
    scale, tie = (2.0, 2.0, 0.0), (0.0, 0.0, 0.0, 500.0, 900.0, 0.0)
    geo = [(33550, "d", 3, scale, True), (33922, "d", 6, tie, True)]
    gaps = photo()
    gaps[40:70, 10:30] = 0
    gaps[:, 90:] = 0
    nodata = [*geo, (42113, "s", 0, "0", True)]
    tifffile.imwrite(
        tmp_path / "in" / "gaps.tif", gaps, photometric="rgb", extratags=nodata, rowsperstrip=11
    )
    tifffile.imwrite(
        tmp_path / "in" / "opacity.tif", photo(4), photometric="rgb", extratags=geo,
        extrasamples=["unassalpha"], tile=(32, 32),
    )  # fmt: skip
    model = translator()
    expected = whole(model, tmp_path / "in", tmp_path / "whole", alpha="keep")
    request.getfixturevalue("in_strips")
    report = model.translate_files(tmp_path / "in", tmp_path / "out", seed=3, alpha="keep")
    for path, other in zip(report.written, expected, strict=True):
        with tifffile.TiffFile(path) as file, tifffile.TiffFile(other) as untiled:
            page, same = file.pages[0], untiled.pages[0]
            for code in (33550, 33922, 42113):
                assert (code in page.tags) == (code in same.tags)  # type: ignore[union-attr]
                if code in same.tags:  # type: ignore[union-attr]
                    assert page.tags[code].value == same.tags[code].value  # type: ignore[union-attr]
            mine, theirs = page.asarray(), same.asarray()
            assert mine.shape == theirs.shape
            assert np.abs(mine.astype(int) - theirs.astype(int)).max() <= 1
            assert np.array_equal(mine[..., 3:], theirs[..., 3:])
            if path.name == "gaps.tif":
                assert np.array_equal((mine == 0).all(2), (theirs == 0).all(2))


@pytest.mark.parametrize("alpha", ["keep", "white"])
def test_super_resolution_writes_larger_files_in_strips(
    alpha: Any, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    (tmp_path / "in").mkdir()
    tifffile.imwrite(
        tmp_path / "in" / "x.tif", photo(4), photometric="rgb", extrasamples=["unassalpha"],
        rowsperstrip=13,
    )  # fmt: skip
    model = translator("srgan")
    expected = whole(model, tmp_path / "in", tmp_path / "whole", alpha=alpha)
    request.getfixturevalue("in_strips")
    report = model.translate_files(tmp_path / "in", tmp_path / "out", seed=3, alpha=alpha)
    mine, theirs = (tifffile.imread(path[0]) for path in (report.written, expected))
    assert mine.shape == theirs.shape == (2 * HEIGHT, 2 * WIDTH, 4 if alpha == "keep" else 3)
    assert np.abs(mine.astype(int) - theirs.astype(int)).max() <= 1


def test_labels_references_and_the_sheet_are_as_untiled(
    tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    for name in ("in", "references"):
        (tmp_path / name).mkdir()
        Image.fromarray(photo()[:: 1 if name == "in" else -1]).save(tmp_path / name / "x.png")
    labelled = translator("stargan", attributes="x,y,z")
    styled = translator()
    expected = [
        *whole(labelled, tmp_path / "in", tmp_path / "w1", to="all"),
        *whole(styled, tmp_path / "in", tmp_path / "w2", reference=tmp_path / "references"),
    ]
    request.getfixturevalue("in_strips")
    out = labelled.translate_files(tmp_path / "in", tmp_path / "o1", "all", seed=3).written
    out += styled.translate_files(
        tmp_path / "in", tmp_path / "o2", seed=3, reference=tmp_path / "references"
    ).written
    assert len(out) == 4
    assert differences(out, expected) <= 1
    sheets = [read_image(tmp_path / folder / "sheet.png") for folder in ("w1", "o1")]
    assert sheets[0].shape == sheets[1].shape
    assert (sheets[0] - sheets[1]).abs().mean() < 0.05


@pytest.mark.parametrize("suffix", [".png", ".tif"])
def test_label_maps_of_class_numbers_are_noted(
    suffix: str, tmp_path: Path, in_strips: list[Sequence[int]]
) -> None:
    numbers = np.kron(np.arange(12, dtype=np.uint8).reshape(4, 3), np.ones((24, 32), np.uint8))
    Image.fromarray(numbers).convert("RGB").save(path := tmp_path / f"x{suffix}")
    report = translator("cyclegan").translate_files(path, tmp_path / "out", "b")
    assert in_strips and f"1 input: {CLASS_NUMBERS} ({path})" in report.notes


def test_tiffs_may_have_more_pixels_than_are_decoded_at_once(tmp_path: Path) -> None:
    model = translator()
    path = tmp_path / "x.tif"
    tifffile.imwrite(path, photo(), photometric="rgb", rowsperstrip=10)
    expected = whole(model, path, tmp_path / "whole")
    Image.fromarray(photo()).save(tmp_path / "x.png")
    with max_pixels_kept():
        set_max_pixels(1000)
        report = model.translate_files(path, tmp_path / "out", seed=3)
        with pytest.raises(ValueError, match=r"x\.png has .*pixels"):
            model.translate_files(tmp_path / "x.png", tmp_path / "out")
    assert differences(report.written, expected) <= 1


def test_a_result_larger_than_the_disk_is_refused_before_anything_is_read(
    tmp_path: Path, in_strips: list[Sequence[int]]
) -> None:
    path = tmp_path / "x.tif"
    tifffile.imwrite(path, photo(), photometric="rgb", rowsperstrip=10)
    data = path.read_bytes()
    with tifffile.TiffFile(path) as file:
        tags = file.pages[0].tags  # type: ignore[union-attr]
        positions = [tags[code].valueoffset for code in (256, 257)]
    edited = bytearray(data)
    for position in positions:  # a header that announces a million times a million pixels
        edited[position : position + 4] = (10**6).to_bytes(4, "little")
    path.write_bytes(edited)
    with pytest.raises(ValueError, match=r"x\.tif"):
        translator().translate_files(path, tmp_path / "out")


def test_an_interrupted_translation_leaves_nothing(
    tmp_path: Path, in_strips: list[Sequence[int]]
) -> None:
    path = tmp_path / "x.tif"
    tifffile.imwrite(path, photo(), photometric="rgb", rowsperstrip=10)
    seen: list[tuple[str, int, int]] = []

    def interrupt(description: str, done: int, total: int) -> None:
        seen.append((description, done, total))
        if "rows" in description and done > total * 0.97:  # while the result is written
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        translator().translate_files(path, tmp_path / "out", progress=interrupt)
    assert [p.name for p in (tmp_path / "out").iterdir()] in ([], ["crossimage.jsonl"])
    rows = [(done, total) for text, done, total in seen if "rows" in text]
    assert rows[0] == (0, HEIGHT) and rows == sorted(rows)
    assert "x.tif" in seen[1][0]


def test_a_damaged_tiff_is_skipped_and_leaves_nothing(
    tmp_path: Path, in_strips: list[Sequence[int]]
) -> None:
    (tmp_path / "in").mkdir()
    good, bad = tmp_path / "in" / "good.tif", tmp_path / "in" / "bad.tif"
    for path in (good, bad):
        tifffile.imwrite(path, photo(), photometric="rgb", rowsperstrip=10)
    bad.write_bytes(bad.read_bytes()[:-9000])
    report = translator().translate_files(tmp_path / "in", tmp_path / "out", seed=3)
    assert [path.name for path in report.written] == ["good.tif"]
    ((path, reason),) = report.skipped
    assert path == bad and "bad.tif" in reason and "can't be" in reason
    assert not [p for p in (tmp_path / "out").iterdir() if "bad" in p.name]


def test_what_does_not_fit_even_in_strips_is_named_with_what_would_suffice(
    tmp_path: Path, in_strips: list[Sequence[int]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Budget, "available", lambda _: 1000)
    path = tmp_path / "x.tif"
    tifffile.imwrite(path, photo(), photometric="rgb", rowsperstrip=10)
    with pytest.raises(
        ValueError, match=r"x\.tif: 96 x 150 pixels do not fit .* give memory=\d+MB"
    ):
        translator(memory="1MB").translate_files(path, tmp_path / "out")


def test_results_may_be_bigtiffs_whose_missing_camera_data_is_noted(
    tmp_path: Path, in_strips: list[Sequence[int]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tiff_writing, "_CLASSIC", 1000)
    path = tmp_path / "x.tif"
    exif = Image.Exif()
    exif[270] = "a town"
    exif[34665] = {36867: "2026:11:28 15:26:00"}
    Image.fromarray(photo()).save(path, exif=exif.tobytes())
    report = translator().translate_files(path, tmp_path / "out", seed=3)
    with tifffile.TiffFile(report.written[0]) as file:
        assert file.is_bigtiff
        assert file.pages[0].tags[270].value == "a town"  # type: ignore[union-attr]
    assert any("camera data" in note for note in report.notes)
    again = translator().translate_files(report.written[0], tmp_path / "again", seed=3)
    with tifffile.TiffFile(again.written[0]) as file:
        assert file.pages[0].tags[270].value == "a town"  # type: ignore[union-attr]
