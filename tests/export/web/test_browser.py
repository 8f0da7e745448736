"""A page in a real browser, against the networks in PyTorch."""

import base64
import functools
import http.server
import os
import threading
from collections.abc import Iterator
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

import crossimage
from crossimage.checkpoints.model_file import save_model
from crossimage.cli.app import main
from crossimage.export.web.runtime import runtime_files
from tests.inference.strips.test_engine import image, predictor

pytest.importorskip("onnxscript", reason="the extra `export` is not installed")
pytest.importorskip("selenium", reason="selenium is not installed")

from selenium.webdriver.common.by import By  # noqa: E402
from selenium.webdriver.support.ui import WebDriverWait  # noqa: E402

from tests.study.web.browser import chromium  # noqa: E402

pytestmark = pytest.mark.slow

_RUN = """
const [values, height, width, style, done] = arguments;
import("./model.js").then(async ({ Model }) => {
  const model = window.model ??= await Model.load();
  const data = Float32Array.from(values);
  const chosen = style && Float32Array.from(style);
  const began = performance.now();
  const made = await model.run(data, height, width, chosen, "");
  done({ values: [...made.values], took: performance.now() - began });
}).catch((error) => done(String(error)));
"""


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, Path, Path]]:
    try:
        runtime_files(None)
    except (ConnectionError, FileNotFoundError) as error:
        pytest.skip(str(error))
    root = tmp_path_factory.mktemp("site")
    model = predictor("munit", domains=("edges", "shoes"), crop=64, resize=64)
    save_model(root / "m.safetensors", model.networks)
    rng = np.random.default_rng(0)
    pixels = np.kron(rng.integers(0, 256, (6, 8, 3), np.uint8), np.ones((8, 8, 1), np.uint8))
    Image.fromarray(pixels).save(root / "sample.png")
    words = ["export", root / "m.safetensors", root / "m.onnx", "--to", "shoes"]
    words += ["--web", root / "web", "--sample", root / "sample.png"]
    assert main([str(word) for word in words]) == 0

    class Quiet(http.server.SimpleHTTPRequestHandler):
        def log_message(self, *_: Any) -> None:
            pass

    handler = functools.partial(Quiet, directory=str(root / "web"))
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}/", root / "m.safetensors", root / "sample.png"
    server.shutdown()
    server.server_close()


def shot(browser: Any, name: str) -> None:
    """Keep a screenshot where somebody wants to look at it."""
    if folder := os.environ.get("SCREENSHOTS"):
        browser.save_screenshot(str(Path(folder) / f"{name}.png"))


def wait_for(browser: Any, text: str) -> None:
    def there(browser: Any) -> bool:
        said = browser.find_element(By.ID, "status").text
        assert "could not" not in said, said
        return text in said

    WebDriverWait(browser, 60).until(there)


def test_the_browser_translates_as_pytorch_does(site: tuple[str, Path, Path]) -> None:
    url, path, sample = site
    model = crossimage.load(path, "cpu")
    with chromium(1100, 900) as browser:
        browser.set_script_timeout(60)
        browser.get(url)
        wait_for(browser, "Choose an image")
        x = image(model.networks, 64, 96)
        style = torch.randn(1, model.networks.style_dim)
        values, shape = x.flatten().tolist(), (64, 96)
        given = (values, *shape, style[0].tolist())
        for _ in range(3):
            found = browser.execute_async_script(_RUN, *given)
            assert isinstance(found, dict), found
        expected = model.translate(x, "shoes", style=style).flatten()
        assert (torch.tensor(found["values"]) - expected).abs().max() < 1e-3
        print(f"{found['took']:.0f} ms for 64 x 96 pixels")

        # an image of 48 rows, chosen as a file, at its own size: the same pixels as in Python
        code = browser.execute_async_script(
            "const done = arguments[0]; import('./pixels.js').then(({ normal }) => "
            f"done([...normal(7, {model.networks.style_dim})]));"
        )
        browser.execute_script(
            "for (const [id, value] of [['size', 48], ['seed', 7]]) "
            "document.getElementById(id).value = value;"
        )
        browser.find_element(By.ID, "file").send_keys(str(sample))
        wait_for(browser, "64 × 48 pixels in")
        shot(browser, "web")
        address = browser.execute_script("return document.getElementById('result').toDataURL()")
        content = base64.b64decode(address.partition(",")[2])
        with Image.open(BytesIO(content)) as made, Image.open(sample) as original:
            style = torch.tensor([code])
            x = torch.from_numpy(np.array(original)).permute(2, 0, 1)[None] / 127.5 - 1
            y = model.translate(x, "shoes", style=style).clamp(-1, 1)
            pixels = torch.from_numpy(np.array(made.convert("RGB"))).permute(2, 0, 1)
            assert ((y[0] + 1) * 127.5 - pixels).abs().max() < 1
        errors = [line for line in browser.get_log("browser") if line["level"] == "SEVERE"]
        assert not errors
        assert {"shoes" in browser.title, "edges" in browser.title} == {True}


def test_a_phone_shows_the_sample_with_another_style(site: tuple[str, Path, Path]) -> None:
    with chromium(390, 800, 2.0) as browser:
        browser.get(site[0])
        wait_for(browser, "Choose an image")
        browser.find_element(By.ID, "sample").click()
        wait_for(browser, "pixels in")
        picture = "return document.getElementById('result').toDataURL()"
        first = browser.execute_script(picture)
        browser.find_element(By.ID, "another").click()
        WebDriverWait(browser, 60).until(lambda b: b.execute_script(picture) != first)
        wait_for(browser, "pixels in")
        shot(browser, "web-phone")
        wide = "return document.documentElement.scrollWidth - innerWidth"
        assert browser.execute_script(wide) <= 0
        bare = (
            "return [...document.querySelectorAll('input,select')]"
            ".filter((each) => !each.labels.length).length"
        )
        assert browser.execute_script(bare) == 0
