"""A model shows itself in a console and in a notebook."""

import base64
import re
from io import BytesIO
from pathlib import Path

import pytest
import torch
from PIL import Image

import crossimage
from crossimage.checkpoints.model_file import save_model
from crossimage.config import build
from crossimage.inference.translator import Translator
from crossimage.methods import METHODS
from tests.conftest import small


def translator(method: str, **settings: object) -> Translator:
    cls = METHODS[method]
    return Translator(cls(build(cls.Config, small(method, **settings)), training=False), "cpu")


def shown_image(html: str) -> Image.Image:
    (data,) = re.findall(r'src="data:image/png;base64,([^"]+)"', html)
    return Image.open(BytesIO(base64.b64decode(data)))


@pytest.fixture
def run(tmp_path: Path) -> Path:
    model = translator("munit", domains="edges,shoes")
    save_model(tmp_path / "model.safetensors", model.networks)
    (tmp_path / "samples").mkdir()
    for step, width in ((2, 30), (10, 40)):
        Image.new("RGB", (width, 20), "red").save(tmp_path / "samples" / f"step-{step:08d}.png")
    return tmp_path


def test_a_console_shows_method_domains_sizes_and_device() -> None:
    model = translator("munit", domains="edges,shoes", channels="1,3", crop="16,32")
    assert repr(model) == (
        "Translator(method='munit', domains=('edges', 'shoes'), size='32x16', channels=(1, 3), "
        "device='cpu', precision='fp32')"
    )


def test_labels_stand_in_place_of_domains() -> None:
    text = repr(translator("stargan", domains="male,young"))
    assert "labels=('male', 'young')" in text and "domains" not in text


@pytest.mark.parametrize("name", ["", "model.safetensors"])
def test_a_notebook_shows_the_newest_samples_of_the_run(run: Path, name: str) -> None:
    html = crossimage.load(run / name, "cpu")._repr_html_()
    assert shown_image(html).size == (40, 20) and "step-00000010.png" in html
    assert "munit" in html and "edges, shoes" in html


def test_a_damaged_sheet_or_none_leaves_the_facts(run: Path) -> None:
    (run / "samples" / "step-00000010.png").write_bytes(b"damaged")
    assert "<img" not in crossimage.load(run, "cpu")._repr_html_()
    html = translator("munit")._repr_html_()
    assert "<img" not in html and "munit" in html


def test_a_model_of_noise_shows_samples_and_leaves_random_numbers_alone() -> None:
    model = translator("gan")
    before = torch.get_rng_state()
    html = model._repr_html_()
    assert torch.equal(torch.get_rng_state(), before)
    assert shown_image(html).size == (4 * 18 + 2, 4 * 18 + 2)
    assert html == model._repr_html_()
    assert "<img" not in translator("gan", channels="5")._repr_html_()


def test_nothing_is_requested_and_names_are_escaped() -> None:
    html = translator("stargan", domains="<b>,young")._repr_html_()
    assert "http" not in html and "&lt;b&gt;" in html
