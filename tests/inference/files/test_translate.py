"""Translation of files, with networks that show what they were given."""

import os
import shutil
import threading
from collections.abc import Iterator
from dataclasses import replace
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile
import torch
from PIL import Image

from crossimage.checkpoints.model_file import model_hash
from crossimage.inference.files import job
from crossimage.inference.files.translate import TranslatedFiles
from crossimage.inference.translator import Translator
from crossimage.methods.munit import MUNIT, MUNITConfig
from crossimage.methods.settings import MultiScaleShape
from crossimage.utils.manifest import Entry, read_manifest
from crossimage.utils.reading import sha256_of

SHAPE: dict[str, Any] = dict(
    domains=("edges", "shoes"), width=2, residual_blocks=1, style_dim=3, style_downsamples=2,
    mlp_width=4, crop=(32, 32), discriminator=MultiScaleShape(width=2, layers=2, scales=1),
)  # fmt: skip


class Tint(MUNIT):
    """Keeps the content and adds the style to the colours; the style is an image's mean colour."""

    batches: list[tuple[int, ...]]

    def translate(
        self, x: torch.Tensor, to: str, style: torch.Tensor | None = None
    ) -> torch.Tensor:
        assert style is not None and to == "b"
        self.batches.append(tuple(x.shape))
        x = x.repeat_interleave(len(style) // len(x), 0)
        return (0.2 * x + 0.2 * style[:, :, None, None]).clamp(-1, 1)

    def encode_style(self, x: torch.Tensor, domain: str) -> torch.Tensor:
        assert domain == "b"
        return x.mean((2, 3))


@pytest.fixture
def model() -> Iterator[Translator]:
    networks = Tint(MUNITConfig(**SHAPE), training=False)
    networks.batches = []
    yield Translator(networks, "cpu")


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    folder = tmp_path / "photos"
    for i, (width, height) in enumerate([(16, 16), (20, 16), (16, 16), (16, 16), (20, 16)]):
        save(folder / f"{i}.png", (40 * i, 100, 200), (width, height))
    return folder


def save(path: Path, colour: Any, size: tuple[int, int] = (16, 16)) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("RGB", size, colour).save(path)
    return path


def pixels(path: Path) -> np.ndarray[Any, Any]:
    with Image.open(path) as image:
        return np.asarray(image).astype(int)


def test_names_and_sizes_stay(model: Translator, photos: Path, tmp_path: Path) -> None:
    save(photos / "deep" / "er" / "x.jpg", "red", (30, 17))
    report = model.translate_files(photos, tmp_path / "out", "shoes")
    names = [path.relative_to(tmp_path / "out").as_posix() for path in report.written]
    assert sorted(names) == ["0.png", "1.png", "2.png", "3.png", "4.png", "deep/er/x.jpg"]
    assert not report.skipped
    with Image.open(tmp_path / "out" / "deep" / "er" / "x.jpg") as image:
        assert image.size == (30, 17) and image.format == "JPEG"
    assert not [path for path in (tmp_path / "out").rglob("*") if path.name.startswith(".")]


def test_images_of_one_size_share_a_batch(model: Translator, photos: Path, tmp_path: Path) -> None:
    model.translate_files(photos, tmp_path / "out", "shoes", batch_size=3)
    assert sorted(model.networks.batches) == [(2, 3, 16, 20), (3, 3, 16, 16)]  # type: ignore[arg-type]


def test_more_images_than_are_read_ahead(model: Translator, tmp_path: Path) -> None:
    folder = tmp_path / "many"
    for i in range(23):
        save(folder / f"{i:02}.png", (10 * i, 0, 0), (8, 8))
    report = model.translate_files(folder, tmp_path / "out", same_style=True, batch_size=1)
    assert [path.name for path in report.written] == [f"{i:02}.png" for i in range(23)]
    reds = [pixels(path)[0, 0, 0] for path in report.written]
    assert reds == sorted(reds) and len(set(reds)) > 10


def test_the_networks_do_not_wait_for_files_being_written(
    model: Translator, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for i in range(5):
        save(tmp_path / "in" / f"{i}.png", (0, 0, 50 * i))
    goes_on = threading.Event()
    write, translate = job.fill_output, job._predict

    def slow(*arguments: Any) -> None:
        assert goes_on.wait(60)
        write(*arguments)

    def count(*arguments: Any) -> torch.Tensor | None:
        if len(model.networks.batches) == 4:  # type: ignore[arg-type]
            goes_on.set()  # the next images are translated, though none is written
        return translate(*arguments)

    monkeypatch.setattr(job, "fill_output", slow)
    monkeypatch.setattr(job, "_predict", count)
    report = model.translate_files(tmp_path / "in", tmp_path / "out", batch_size=1)
    assert len(report.written) == 5


def test_samples_differ_and_a_seed_repeats_them(
    model: Translator, photos: Path, tmp_path: Path
) -> None:
    a = model.translate_files(photos, tmp_path / "a", samples=3, seed=5)
    assert [path.name for path in a.written[:4]] == ["0_1.png", "0_2.png", "0_3.png", "1_1.png"]
    colours = {tuple(pixels(path)[0, 0]) for path in a.written}
    assert len(colours) == 15
    b = model.translate_files(photos, tmp_path / "b", samples=3, seed=5, batch_size=1)
    c = model.translate_files(photos / "3.png", tmp_path / "c", samples=2, seed=5)
    d = model.translate_files(photos / "3.png", tmp_path / "d", samples=2, seed=6)
    for path in b.written:
        assert (pixels(path) == pixels(tmp_path / "a" / path.name)).all()
    for path in c.written:
        assert (pixels(path) == pixels(tmp_path / "a" / path.name)).all()
    assert any((pixels(x) != pixels(y)).any() for x, y in zip(c.written, d.written, strict=True))


def test_one_style_for_all_inputs(model: Translator, tmp_path: Path) -> None:
    paths = [save(tmp_path / name, "gray") for name in ("x.png", "y.png")]
    same = model.translate_files(paths, tmp_path / "a", same_style=True, samples=2, seed=1).written
    own = model.translate_files(paths, tmp_path / "b", samples=2, seed=1).written
    assert (pixels(same[0]) == pixels(same[2])).all() and (pixels(same[1]) == pixels(same[3])).all()
    assert (pixels(same[0]) != pixels(same[1])).any()
    assert (pixels(own[0]) != pixels(own[2])).any()


def test_references_give_one_output_each(model: Translator, tmp_path: Path) -> None:
    x = save(tmp_path / "x.png", "gray")
    red, blue = save(tmp_path / "r.png", "red"), save(tmp_path / "b.png", "blue", (20, 9))
    one = model.translate_files(x, tmp_path / "one", reference=red)
    assert [path.name for path in one.written] == ["x.png"]
    assert pixels(one.written[0])[0, 0].argmax() == 0
    two = model.translate_files(x, tmp_path / "two", reference=[red, blue])
    assert [path.name for path in two.written] == ["x_1.png", "x_2.png"]
    assert [pixels(path)[0, 0].argmax() for path in two.written] == [0, 2]
    with pytest.raises(ValueError, match="samples and reference are mutually exclusive"):
        model.translate_files(x, tmp_path / "three", reference=red, samples=2)


def test_size_is_the_shortest_side(model: Translator, tmp_path: Path) -> None:
    x = save(tmp_path / "x.png", "gray", (40, 20))
    (path,) = model.translate_files(x, tmp_path / "out", size=10).written
    assert pixels(path).shape == (10, 20, 3)


def test_format(model: Translator, photos: Path, tmp_path: Path) -> None:
    report = model.translate_files(photos / "0.png", tmp_path / "out", format="WEBP")
    assert [path.name for path in report.written] == ["0.webp"]
    with Image.open(report.written[0]) as image:
        assert image.format == "WEBP"


def test_broken_inputs_are_skipped_and_named(
    model: Translator, photos: Path, tmp_path: Path
) -> None:
    (photos / "1.png").write_bytes((photos / "1.png").read_bytes()[:50])
    (photos / "9.png").write_text("no image")
    report = model.translate_files(photos, tmp_path / "out")
    assert sorted(path.name for path, _ in report.skipped) == ["1.png", "9.png"]
    assert all(reason for _, reason in report.skipped)
    assert [path.name for path in report.written] == ["0.png", "2.png", "3.png", "4.png"]
    with pytest.raises(ValueError, match=r"the input could not be translated: .*9\.png"):
        model.translate_files(photos / "9.png", tmp_path / "out")


def test_inputs_are_never_overwritten(
    model: Translator, photos: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = {path: path.read_bytes() for path in photos.iterdir()}
    with pytest.raises(ValueError, match=r"0\.png would overwrite an input"):
        model.translate_files(photos, photos)
    (tmp_path / "link").symlink_to(photos)
    with pytest.raises(ValueError, match="would overwrite an input"):
        model.translate_files(photos / "*.png", tmp_path / "link")
    with pytest.raises(ValueError, match=r"1\.png would overwrite an input"):
        save(tmp_path / "1.png", "red")
        model.translate_files(tmp_path / "1.png", photos, reference=photos / "1.png")
    with monkeypatch.context() as patch:  # a folder of two paths, as by a mount
        patch.setattr("os.path.realpath", lambda path, **_: os.path.abspath(path))
        with pytest.raises(ValueError, match=r"0\.png would overwrite an input"):
            model.translate_files(photos, tmp_path / "link")
    assert {path: path.read_bytes() for path in photos.iterdir()} == before
    assert len(model.translate_files(photos, photos, format="jpg").written) == 5


def test_failed_conversion_leaves_the_good_file(
    model: Translator, photos: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (good,) = model.translate_files(photos / "0.png", tmp_path / "out", seed=1).written
    content = good.read_bytes()

    def fail(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.fsync", fail)
    monkeypatch.setattr("os.replace", fail)
    with pytest.raises(OSError, match="No space left"):
        model.translate_files(photos / "0.png", tmp_path / "out", seed=2)
    assert good.read_bytes() == content
    assert [path.name for path in (tmp_path / "out").glob("*.png")] == ["0.png"]


def test_memory_that_does_not_suffice_is_one_sentence(
    model: Translator, photos: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object, **__: object) -> None:
        raise torch.OutOfMemoryError("CUDA out of memory")

    monkeypatch.setattr(model, "translate_batch", fail)
    with pytest.raises(
        ValueError, match=r"0\.png does not fit in memory at 16 x 16 pixels; shrink it with size"
    ):
        model.translate_files(photos, tmp_path / "out")


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"samples": 0}, "samples must be at least 1, found 0"),
        ({"batch_size": 0}, "batch_size must be at least 1"),
        ({"size": -3}, "size must be at least 1, found -3"),
        ({"reference": []}, "reference is an empty list"),
        ({"to": "boots"}, "no domain 'boots'"),
        ({"format": "gif"}, "format 'gif' is unknown"),
    ],
)
def test_options_that_do_not_fit(
    model: Translator, photos: Path, tmp_path: Path, options: dict[str, Any], message: str
) -> None:
    with pytest.raises(ValueError, match=message):
        model.translate_files(photos, tmp_path / "out", **options)
    assert not (tmp_path / "out").exists()


def test_out_is_a_file(model: Translator, photos: Path) -> None:
    with pytest.raises(ValueError, match=r"0\.png is a file; expected a folder"):
        model.translate_files(photos / "1.png", photos / "0.png")


def test_progress_bar(
    model: Translator, photos: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    model.translate_files(photos, tmp_path / "out", samples=2, progress=True)
    assert "10/10" in capsys.readouterr().err


def test_no_style_from_the_position_among_others(model: Translator, tmp_path: Path) -> None:
    x, y = save(tmp_path / "in" / "x.png", "gray"), save(tmp_path / "in" / "y.png", "gray")
    both = model.translate_files([x, y], tmp_path / "both", seed=0).written
    swapped = model.translate_files([y, x], tmp_path / "swapped", seed=0).written
    assert (pixels(both[0]) == pixels(swapped[1])).all()


def test_report_is_public() -> None:
    assert TranslatedFiles().written == []


def test_pixels_without_a_value_have_none_in_the_result(tmp_path: Path) -> None:
    ranges = {"a": (0.0, 100.0), "b": (-50.0, 50.0)}
    networks = Tint(MUNITConfig(**SHAPE, value_range=ranges), training=False)
    networks.batches = []
    scene = np.full((32, 32, 3), 60, np.float32)
    scene[4:8, 6:9] = -9999
    (tmp_path / "in").mkdir()
    tag = [(42113, "s", 0, "-9999", True)]
    tifffile.imwrite(tmp_path / "in" / "x.tif", scene, photometric="rgb", extratags=tag)
    scene[scene < 0] = np.nan
    tifffile.imwrite(tmp_path / "in" / "y.tif", scene, photometric="rgb")
    model = Translator(networks, "cpu")
    for size in (None, 16):
        model.translate_files(tmp_path / "in", tmp_path / "out", samples=2, seed=0, size=size)
        scale = 1 if size is None else 2
        for name in ("x_1", "x_2", "y_1", "y_2"):
            result = tifffile.imread(tmp_path / "out" / f"{name}.tif")
            empty = result == -9999 if name[0] == "x" else np.isnan(result)
            assert empty.any(-1).sum() == pytest.approx(12 / scale**2, abs=1)
            assert empty[4 // scale : 8 // scale, 8 // scale].all()
            assert result[~empty].min() >= -50 and result[~empty].max() <= 50
            assert result[~empty].min() < 0  # in the range of the target's domain
    model.translate_files(tmp_path / "in", tmp_path / "png", format="png", seed=0)
    assert (tmp_path / "png" / "x.png").is_file()


def test_what_folders_hold_beside_images_is_told(
    model: Translator, photos: Path, tmp_path: Path
) -> None:
    (photos / "notes.txt").write_text("words")
    save(photos / "@eaDir" / "0.png", "red")
    with tifffile.TiffWriter(photos / "pages.tif") as file:
        for _ in range(3):
            file.write(np.zeros((16, 16, 3), np.uint8), photometric="rgb")
    (photos / "0.png").rename(photos / "0")
    report = model.translate_files(photos, tmp_path / "out", "shoes")
    assert sorted(path.name for path in report.written) == [
        "0.png", "1.png", "2.png", "3.png", "4.png", "pages.tif"
    ]  # fmt: skip
    assert report.left_out == (
        "left out: 1 junk folder (@eaDir), 1 not an image (.txt), 2 further images in files "
        f"({photos}/pages.tif)"
    )


def test_images_far_larger_than_in_training_are_counted_once(
    model: Translator, tmp_path: Path
) -> None:
    for name, size in {"a": (70, 65), "b": (65, 80), "c": (90, 64)}.items():
        save(tmp_path / "in" / f"{name}.png", "teal", size)
    model.networks.config = replace(model.config, resize=0)
    assert model.translate_files(tmp_path / "in", tmp_path / "out").notes == [
        "2 images are more than twice as large as the crops that the model was trained on "
        "(shortest side 32 pixels); if these were whole images rather than parts, --size 32 "
        "shrinks images before they are translated, and the results with them"
    ]
    assert not model.translate_files(tmp_path / "in", tmp_path / "out", size=32).notes
    model.networks.config = replace(model.config, resize=40)
    assert not model.translate_files(tmp_path / "in", tmp_path / "out").notes
    (note,) = model.translate_files(save(tmp_path / "d.png", "red", (99, 81)), tmp_path / "d").notes
    assert note.startswith(
        "1 image is more than twice as large as those that the model was trained"
    )


def test_progress_may_go_to_a_callback(model: Translator, photos: Path, tmp_path: Path) -> None:
    calls: list[tuple[str, int, int]] = []
    model.translate_files(
        photos, tmp_path / "out", samples=2, progress=lambda *call: calls.append(call)
    )
    assert calls[0] == ("translating images", 0, 10) and calls[-1] == ("translating images", 10, 10)


def test_encoded_images_are_files_too(model: Translator, photos: Path, tmp_path: Path) -> None:
    data = (photos / "0.png").read_bytes()
    named = BytesIO(data)
    named.name = "folder/shoe.tif"  # type: ignore[attr-defined]
    with (photos / "1.png").open("rb") as file:
        report = model.translate_files([data, named, file], tmp_path / "out", reference=data)
    assert [path.name for path in report.written] == ["image.png", "shoe.tif", "1.png"]
    with pytest.raises(ValueError, match="the input could not be translated: .*the image can't be"):
        model.translate_files(b"no image", tmp_path / "out")


@pytest.mark.parametrize(
    "inputs",
    [
        Image.new("RGB", (8, 8)), [Image.new("RGB", (8, 8))], np.zeros((8, 8, 3), np.uint8),
        torch.zeros(1, 3, 8, 8), None, 3, [None], {"a.png": 1},
    ],
)  # fmt: skip
def test_images_in_memory_are_not_files(model: Translator, tmp_path: Path, inputs: Any) -> None:
    with pytest.raises(ValueError, match="expected (paths of images|the path of an image), found"):
        model.translate_files(inputs, tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_references_may_be_a_folder_a_pattern_or_a_list(
    model: Translator, photos: Path, tmp_path: Path
) -> None:
    x = save(tmp_path / "x.png", "gray")
    (photos / "notes.md").write_text("words")
    (tmp_path / "styles.txt").write_text("photos/0.png\nphotos/3.png\n")
    for reference, count in (
        (photos, 5), (photos / "[0-2].png", 3), (str(tmp_path / "styles.txt"), 2),
        ([photos / "4.png", photos], 6),
    ):  # fmt: skip
        report = model.translate_files(x, tmp_path / "out", reference=reference)
        assert len(report.written) == count
    assert report.left_out == "left out: 1 not an image (.md)"
    with pytest.raises(FileNotFoundError, match="nowhere"):
        model.translate_files(x, tmp_path / "out", reference=tmp_path / "nowhere")


def listed(folder: Path) -> dict[str, Entry]:
    return read_manifest(folder)


def test_results_are_listed_with_what_they_were_made_from(
    model: Translator, photos: Path, tmp_path: Path
) -> None:
    save(photos / "deep" / "x.png", "red")
    model.translate_files(photos, tmp_path / "out", samples=2, seed=4, size=16)
    entries = listed(tmp_path / "out")
    assert len(entries) == 12
    entry = entries["deep/x_2.png"]
    assert entry.input == (photos / "deep" / "x.png").as_posix()
    assert entry.input_sha256 == sha256_of(photos / "deep" / "x.png")
    assert entry.output_sha256 == sha256_of(tmp_path / "out" / "deep" / "x_2.png")
    assert (entry.target, entry.seed) == ("shoes", 4)
    assert entry.style == {"sample": 2, "by": "path"} and entries["0_1.png"].style == {"sample": 1}
    assert entry.settings["size"] == 16 and entry.model == model_hash(model.networks)


@pytest.mark.parametrize("given", [".", "*", "[0-9]*.png"])
def test_a_second_run_into_the_folder_of_the_inputs_leaves_its_results_out(
    model: Translator, photos: Path, given: str
) -> None:
    first = model.translate_files(photos / given, photos, samples=2)
    second = model.translate_files(photos / given, photos, samples=2)
    assert first.written == second.written and len(second.written) == 10
    assert second.left_out == f"left out: 10 results of an earlier translation ({photos})"


def test_results_of_another_folder_inside_the_inputs_are_left_out(
    model: Translator, photos: Path, tmp_path: Path
) -> None:
    model.translate_files(photos, photos / "results")
    second = model.translate_files(photos, tmp_path / "out")
    assert len(second.written) == 5
    assert "5 results of an earlier translation" in str(second.left_out)
    # alone, they are what is meant
    assert len(model.translate_files(photos / "results", tmp_path / "back").written) == 5


def test_existing_results_are_kept_unless_anything_about_them_changed(
    model: Translator, photos: Path, tmp_path: Path
) -> None:
    def again(**options: Any) -> tuple[list[str], int, list[str]]:
        report = model.translate_files(photos, out, skip_existing=True, **options)
        return [path.name for path in report.written], len(report.existing), report.notes

    out = tmp_path / "out"
    names = [f"{i}.png" for i in range(5)]
    assert again(seed=1) == (names, 0, [])
    assert again(seed=1) == ([], 5, []) == again()
    save(photos / "1.png", "white")
    (out / "2.png").unlink()
    (out / "3.png").write_bytes((out / "4.png").read_bytes())
    written, kept, notes = again(seed=1)
    assert (written, kept) == (["1.png", "2.png", "3.png"], 2)
    assert sorted(note.partition(": ")[2] for note in notes) == [
        "earlier results are altered since",
        "earlier results are made from another image, or with another model or other settings",
        "earlier results are missing",
    ]
    assert again(seed=2)[0] == names and again(seed=2, size=8)[0] == names
    parameter = next(model.networks.parameters())
    parameter.copy_(parameter + 1)
    assert again(seed=2, size=8)[0] == names


def test_random_styles_follow_the_path_below_the_folder(
    model: Translator, photos: Path, tmp_path: Path
) -> None:
    for folder in ("", "x", "y/x"):
        save(photos / folder / "same.png", "red")
    out = tmp_path / "out"
    model.translate_files(photos, out, seed=1)
    one = model.translate_files(photos / "same.png", tmp_path / "one", seed=1).written[0]
    nested = [pixels(out / folder / "same.png")[0, 0].tolist() for folder in ("", "x", "y/x")]
    assert nested[0] == pixels(one)[0, 0].tolist()  # by its name alone
    assert len(set(map(tuple, nested))) == 3


def test_an_input_that_is_replaced_by_one_of_its_length_is_translated_again(
    model: Translator, photos: Path, tmp_path: Path
) -> None:
    model.translate_files(photos, tmp_path, skip_existing=True, seed=1)
    before = (photos / "0.png").stat()
    save(photos / "new.png", (1, 0, 0))
    (photos / "new.png").replace(photos / "0.png")
    os.utime(photos / "0.png", ns=(before.st_atime_ns, before.st_mtime_ns))
    again = model.translate_files(photos, tmp_path, skip_existing=True, seed=1)
    assert [path.name for path in again.written] == ["0.png"]


def test_a_moved_folder_of_results_and_copied_inputs_are_recognised_by_their_contents(
    model: Translator, photos: Path, tmp_path: Path
) -> None:
    model.translate_files(photos, tmp_path / "out", seed=1)
    for name in ("photos", "out"):
        shutil.copytree(tmp_path / name, tmp_path / "copy" / name, copy_function=shutil.copyfile)
    again = model.translate_files(
        tmp_path / "copy" / "photos", tmp_path / "copy" / "out", skip_existing=True, seed=1
    )
    assert len(again.existing) == 5 and not again.written


def test_references_count_by_their_content(model: Translator, photos: Path, tmp_path: Path) -> None:
    def again(reference: Any) -> int:
        report = model.translate_files(
            photos / "0.png", tmp_path / "out", reference=reference, skip_existing=True
        )
        return len(report.written)

    red, same = save(tmp_path / "red.png", "red"), save(tmp_path / "same.png", "red")
    blue = save(tmp_path / "blue.png", "blue")
    with Image.open(blue) as image:
        image.load()
    assert [again(r) for r in (red, same, blue, red, image, image)] == [1, 0, 1, 1, 1, 0]


def test_a_long_name_is_shortened_and_failures_of_one_file_end_nothing(
    model: Translator, photos: Path, tmp_path: Path
) -> None:
    save(photos / f"{'n' * 251}.png", "red")
    (tmp_path / "out" / "1_2.png").mkdir(parents=True)
    report = model.translate_files(photos, tmp_path / "out", samples=2)
    assert [path.name for path, _ in report.skipped] == ["1.png"]
    names = [path.name for path in report.written]
    assert [name for name in names if not name.startswith("n")] == [
        "0_1.png", "0_2.png", "1_1.png", *(f"{i}_{k}.png" for i in (2, 3, 4) for k in (1, 2)),
    ]  # fmt: skip
    long = [name for name in names if name.startswith("n" * 200)]
    assert [name[-6:] for name in long] == ["_1.png", "_2.png"]
    assert {*listed(tmp_path / "out")} == {*names}


def test_batches_that_do_not_fit_in_memory_are_halved(
    model: Translator, photos: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    translate = model.translate_batch

    def limited(x: torch.Tensor, *rest: Any, **more: Any) -> torch.Tensor:
        if len(x) > 1 or x.shape[3] == 20 and x[0, 0, 0, 0] > 0:  # 20 pixels wide, and bright
            raise torch.OutOfMemoryError("out of memory")
        return translate(x, *rest, **more)

    whole = model.translate_files(photos, tmp_path / "whole", seed=1, samples=2)
    contents = {path.name: path.read_bytes() for path in whole.written}
    monkeypatch.setattr(model, "translate_batch", limited)
    report = model.translate_files(photos, tmp_path / "out", seed=1, samples=2)
    assert [path.name for path, _ in report.skipped] == ["4.png"]
    assert "does not fit in memory at 20 x 16 pixels" in report.skipped[0][1]
    assert len(report.written) == 8
    for path in report.written:
        assert path.read_bytes() == contents[path.name]


@pytest.mark.parametrize("error", [MemoryError(), RecursionError("deep")])
def test_one_file_may_be_too_much_to_read(
    model: Translator, photos: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch,
    error: Exception,
) -> None:  # fmt: skip
    load = job.load_image

    def limited(path: Path, *rest: Any) -> Any:
        if path.name == "2.png":
            raise error
        return load(path, *rest)

    monkeypatch.setattr(job, "load_image", limited)
    report = model.translate_files(photos, tmp_path / "out")
    assert len(report.written) == 4
    ((path, reason),) = report.skipped
    assert path.name == "2.png" and "2.png" in reason


def test_a_file_without_opacity_does_not_end_a_folder_of_four_channels(tmp_path: Path) -> None:
    networks = Tint(MUNITConfig(**SHAPE, channels=(4, 4)), training=False)
    networks.batches = []
    for name, mode in (("a.png", "RGBA"), ("b.png", "RGBA"), ("gray.png", "L")):
        Image.new(mode, (16, 16)).save(save(tmp_path / "in" / name, "red"))
    save(tmp_path / "in" / "photo.jpg", "red")

    def opaque(x: torch.Tensor, to: str, style: torch.Tensor | None = None) -> torch.Tensor:
        networks.batches.append(tuple(x.shape))
        return x

    networks.translate = opaque  # type: ignore[method-assign]
    model = Translator(networks, "cpu")
    report = model.translate_files(tmp_path / "in", tmp_path / "out")
    assert [path.name for path in report.written] == ["a.png", "b.png", "gray.png"]
    ((path, reason),) = report.skipped
    assert path.name == "photo.jpg" and ".jpg can't hold 4 channels; use .png" in reason
    report = model.translate_files(
        tmp_path / "in", tmp_path / "out", format="png", skip_existing=True, seed=1
    )
    assert "photo.png" in {path.name for path in report.written} and not report.skipped


def test_a_style_code_gives_the_style_of_all_results(
    model: Translator, photos: Path, tmp_path: Path
) -> None:
    first = model.translate_files(photos, tmp_path / "one", style=[0.5, -0.5, 0.0])
    assert len(first.written) == 5
    expected = model.translate(str(photos / "0.png"), style=[[0.5, -0.5, 0.0]])
    assert np.array_equal(np.array(Image.open(tmp_path / "one" / "0.png")), np.array(expected))
    assert {e.style["code"][0] for e in read_manifest(tmp_path / "one").values()} == {0.5}
    again = model.translate_files(
        photos, tmp_path / "one", style=[0.5, -0.5, 0.0], skip_existing=True
    )
    other = model.translate_files(
        photos, tmp_path / "one", style=[0.5, -0.5, 0.1], skip_existing=True
    )
    assert len(again.existing) == 5 and not other.existing
    with pytest.raises(ValueError, match="excludes reference, samples"):
        model.translate_files(photos, tmp_path / "two", style=[0.5, 0.0, 0.0], samples=2)
    with pytest.raises(ValueError, match=r"expected codes \(1, 3\)"):
        model.translate_files(photos, tmp_path / "two", style=[0.5])


def hashes(folder: Path) -> dict[str, str]:
    return {p.name: sha256_of(p) for p in folder.iterdir() if p.suffix != ".jsonl"}


def test_shards_of_any_number_give_what_one_process_gives(
    model: Translator, photos: Path, tmp_path: Path
) -> None:
    model.translate_files(photos, tmp_path / "whole", seed=1, samples=2, batch_size=1)
    out = tmp_path / "out"

    def shard(k: int, n: int) -> int:
        report = model.translate_files(photos, out, seed=1, samples=2, batch_size=1, shard=(k, n))
        return len(report.written)

    assert shard(2, 2) == 4
    next(out.glob("*_1.png")).unlink()  # one line without its file
    assert sum(shard(k, 3) for k in (1, 2, 3)) == 8
    assert shard(7, 7) == shard(1, 1) == 0
    assert hashes(out) == hashes(tmp_path / "whole")
    assert len(read_manifest(out)) == 10


@pytest.mark.parametrize("out", ["", "%06d.tar"])
def test_shards_that_run_together_have_no_inputs_in_common(
    model: Translator, photos: Path, tmp_path: Path, out: str
) -> None:
    refused = 0

    def started_while_another_runs(*progress: object) -> None:
        nonlocal refused
        with pytest.raises(ValueError, match="shard 1/2 shares inputs with 1/1"):
            model.translate_files(photos, tmp_path / "out" / out, seed=1, shard=(1, 2))
        refused += 1

    model.translate_files(
        photos, tmp_path / "out" / out, seed=1, shard=(1, 1), progress=started_while_another_runs
    )
    assert refused
    again = model.translate_files(photos, tmp_path / "out" / out, seed=1, shard=(1, 2))
    assert again.existing and not again.written


def test_shards_refuse_results_of_another_translation(
    model: Translator, photos: Path, tmp_path: Path
) -> None:
    model.translate_files(photos, tmp_path, seed=1, shard=(1, 2))
    for options, what in (
        ({"seed": 2}, "another seed"),
        ({"seed": 1, "size": 8}, "other settings"),
    ):
        with pytest.raises(ValueError, match=what):
            model.translate_files(photos, tmp_path, shard=(2, 2), **options)
    parameter = next(model.networks.parameters())
    parameter.copy_(parameter + 1)
    with pytest.raises(ValueError, match="another model"):
        model.translate_files(photos, tmp_path, seed=1, shard=(2, 2))
    with pytest.raises(ValueError, match="needs a seed"):
        model.translate_files(photos, tmp_path, shard=(1, 2))
    with pytest.raises(ValueError, match="3/2, expected K/N"):
        model.translate_files(photos, tmp_path, seed=1, shard=(3, 2))
