import html
import json
import re
import shlex
from pathlib import Path

import pytest
from PIL import Image

from crossimage.config import Config
from crossimage.data.make.labels import make_labels
from crossimage.doctor.examination import Examination, examine
from crossimage.doctor.measure import Estimate
from crossimage.doctor.report import describe_estimate, sentences, write_report
from tests.data.make.test_photo_pairs import photos
from tests.data.make.test_split import save, smooth
from tests.doctor.helpers import domains, label_maps


def examined(data: Path, **known: object) -> Examination:
    config = Config(resize=32, crop=(32, 32)) if known else None
    return examine(str(data), None, None, config, {}, known=known)


def test_the_page_holds_everything_and_needs_no_network(tmp_path: Path) -> None:
    domains(tmp_path / "data")
    save(tmp_path / "data/test/cats/leak.jpg", smooth(1))
    (tmp_path / "data/train/dogs/<broken>.png").write_bytes(b"x")
    write_report(examined(tmp_path / "data"), tmp_path / "out")
    page = (tmp_path / "out/report.html").read_text("utf-8")
    assert not re.search(r"(src|href)=\"(?!data:)", page)
    assert "<broken>" not in page and "&lt;broken&gt;.png can&#39;t be read" in page
    assert "Training would stop: 1 problem." in page
    assert page.count("data:image/") >= 12 + 2
    images = re.findall(r"<img [^>]*>", page)
    assert all(re.search(r'alt="[^"]{8,}"', image) for image in images)
    assert 'alt="Training sample 0: cats"' in page
    assert "cats, in\n    train and test" in page
    command = shlex.join(["crossimage", "data", "inspect", str(tmp_path / "data")])
    assert f"{command}</pre>" in html.unescape(page)


def test_the_figures_are_plain_data(tmp_path: Path) -> None:
    data = label_maps(tmp_path / "camvid")
    write_report(examined(data, layout="paired"), tmp_path / "out")
    report = json.loads((tmp_path / "out/report.json").read_text("utf-8"))
    assert report["verdict"] == "warnings"
    assert report["problems"] == []
    assert any("data make labels" in (w["command"] or "") for w in report["warnings"])
    assert report["splits"][0]["images"] == 4
    assert report["colours"][0]["class_numbers"] == list(range(12))
    assert report["estimate"] is None
    assert report["next"].startswith("crossimage data make labels ")


def test_settings_in_sentences_are_shown_as_code(tmp_path: Path) -> None:
    for number in range(4):
        save(tmp_path / f"data/train/cats/{number}.png", smooth(number))
        image = smooth(9 + number).convert("RGBA")
        image.putalpha(smooth(number).convert("L"))
        save(tmp_path / f"data/train/dogs/{number}.png", image)
    write_report(examined(tmp_path / "data"), tmp_path / "out")
    page = (tmp_path / "out/report.html").read_text("utf-8")
    assert "set <code>channels=3,4</code> to keep their opacity." in page and "`" not in page


def test_a_folder_of_photos_is_read_although_it_has_no_domains(tmp_path: Path) -> None:
    photos(tmp_path / "photos", ["1.png", "2.png"], (48, 80))
    examination = examined(tmp_path / "photos")
    said = "\n".join(sentences(examination))
    assert "Methods that learn from two domains can't read this data: " in said
    assert "recipes and methods that fit: " in said and "srgan" in said
    assert said.endswith(f" edges --photos {tmp_path}/photos --out {tmp_path}/photos_edges")
    write_report(examination, tmp_path / "out")
    with pytest.raises(FileNotFoundError):
        examined(tmp_path / "nowhere")


def test_estimates_say_what_they_are_and_what_was_measured() -> None:
    said = describe_estimate(Estimate("this CPU, 2 threads", 6, 0.25, 1_500_000_000, 2000))
    assert said == (
        "Estimate from 6 steps on this CPU, 2 threads: 0.25 s per step and 1.5 GB of memory; the "
        "2,000 steps configured take about 8 minutes, without sample sheets and checkpoints."
    )
    late = describe_estimate(Estimate("this CPU, 1 thread", 0, float("inf"), None, 10))
    assert "a step takes more than 60 s" in late and "longer than 10 minutes" in late


def test_pairs_outside_a_folder_train_are_recognised_by_their_shape(tmp_path: Path) -> None:
    photos(tmp_path, ["1.png", "2.png", "3.png"], (16, 32))
    said = "\n".join(sentences(examined(tmp_path)))
    assert f"If these are side-by-side pairs, move them to {tmp_path}/train. " in said
    assert said.endswith(f" split --from {tmp_path} --out {tmp_path}_split")


def test_coloured_label_maps_alone_want_photos_and_tiny_images_a_training(
    tmp_path: Path,
) -> None:
    ids = label_maps(tmp_path, 2) / "train/label"
    for path in ids.iterdir():  # larger than digits
        with Image.open(path) as image:
            image.resize((96, 96), Image.Resampling.NEAREST).save(path)
    made = make_labels(tmp_path / "colours", originals=ids)
    assert "with the photos of the same names, in a folder PHOTOS" in made.summary
    *_, last = sentences(examined(tmp_path / "colours"))
    assert last == f"next: {made.following}"
    assert last.endswith(f"--b PHOTOS --out {tmp_path}/colours_pairs")
    *_, last = sentences(examined(ids))
    assert "make labels" in last, "they get their colours first"
    photos(tmp_path / "tiny", ["1.png", "2.png"], (28, 28))
    *_, last = sentences(examined(tmp_path / "tiny"))
    assert "crossimage train " in last
