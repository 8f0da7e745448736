"""Pages that translate in the visitor's browser."""

import json
from pathlib import Path

import pytest
from PIL import Image

from crossimage.export.web import write
from crossimage.export.web.write import STATIC, Site
from tests.inference.strips.test_engine import predictor


@pytest.fixture(autouse=True)
def no_runtime(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(write, "runtime_files", lambda folder: {"ort.wasm.min.js": b"runtime"})


def test_a_page_is_a_folder_of_static_files(tmp_path: Path) -> None:
    Image.new("RGB", (2000, 30)).save(tmp_path / "sample.png")
    (tmp_path / "m.onnx").write_bytes(b"graph")
    model = predictor("munit", domains=("edges", "shoes"))
    site = Site(model, tmp_path / "web", None, tmp_path / "sample.png")
    page = site.write(tmp_path / "m.onnx", "b", "shoes")
    names = {str(path.relative_to(tmp_path / "web")) for path in (tmp_path / "web").rglob("*.*")}
    assert names == {path.name for path in STATIC.iterdir()} | {
        "model.onnx", "model.json", "sample.png", "runtime/ort.wasm.min.js",
    }  # fmt: skip
    assert page.name == "index.html"
    facts = json.loads((tmp_path / "web" / "model.json").read_text())
    assert (facts["from"], facts["to"], facts["random"]) == ("edges", "shoes", True)
    with Image.open(tmp_path / "web" / "sample.png") as sample:
        assert sample.size == (1024, 15)
    Site(model, tmp_path / "web", None, None).write(tmp_path / "m.onnx", "b", "shoes")


def test_labels_are_vectors(tmp_path: Path) -> None:
    (tmp_path / "m.onnx").write_bytes(b"graph")
    model = predictor("stargan")
    Site(model, tmp_path / "web", None, None).write(tmp_path / "m.onnx", "x", "")
    facts = json.loads((tmp_path / "web" / "model.json").read_text())
    assert facts["labels"].keys() == set(model.targets) and not facts["random"]


def test_what_no_page_can_show_is_refused_first(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="the styles of a funit are from reference images"):
        Site(predictor("funit"), tmp_path / "web", None, None)
    with pytest.raises(ValueError, match="this model's have 2; leave out --web"):
        Site(predictor("cyclegan", channels=(2, 2)), tmp_path / "web", None, None)
    for channels in ((3, 3), (1, 3)):
        maps = predictor("pix2pix", classes=channels[0], channels=channels)
        with pytest.raises(ValueError, match="translates label maps of class numbers, which the"):
            Site(maps, tmp_path / "web", None, None)
    (tmp_path / "file").touch()
    for folder in (tmp_path / "file", tmp_path / "file" / "web"):
        with pytest.raises(ValueError, match="file is a file; expected a folder for the page"):
            Site(predictor("cut"), folder, None, None)
    (tmp_path / "web").mkdir()
    (tmp_path / "web" / "thesis.tex").touch()
    with pytest.raises(ValueError, match="web holds other files than a page of crossimage"):
        Site(predictor("cut"), tmp_path / "web", None, None)
    with pytest.raises(FileNotFoundError, match=r"no\.png"):
        Site(predictor("cut"), tmp_path / "new", None, tmp_path / "no.png")


def test_pages_ask_no_other_host() -> None:
    for path in STATIC.iterdir():
        text = path.read_text(encoding="utf-8")
        assert "http://" not in text and "https://" not in text, path
    page = (STATIC / "index.html").read_text(encoding="utf-8")
    assert "default-src 'none'" in page and "<style" not in page and "onclick" not in page
