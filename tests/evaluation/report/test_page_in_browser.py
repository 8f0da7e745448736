"""Reports in a real browser: on a phone, and compared by keys."""

import io
from pathlib import Path

import pytest
import torch
from PIL import Image
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys
from selenium.webdriver.support.ui import WebDriverWait

from crossimage.evaluation.report.page import write_report
from crossimage.evaluation.report.strips import Block, strip
from tests.evaluation.report.test_page import runs
from tests.study.web.browser import chromium, faults, prefer

pytestmark = pytest.mark.slow


def test_a_phone_shows_all_figures_without_sideways_scrolling_and_keys_compare_images(
    tmp_path: Path,
) -> None:
    dark, light = torch.zeros(3, 64, 64, dtype=torch.uint8), torch.full((3, 64, 64), 255)
    shown = strip("shoe.png", dark, [light.to(torch.uint8), dark], None)
    evaluations = runs()
    evaluations[0].blocks[:] = [Block("Random inputs", [shown])]
    _, path = write_report(tmp_path, "two models", {}, evaluations)
    with chromium(390, 800, 2.0) as browser:
        for scheme in ("dark", "light"):
            prefer(browser, scheme)
            browser.get(path.as_uri())
            assert faults(browser) == []
        wide = "return [...document.querySelectorAll('html, .scroll')].map(e => e.scrollWidth)"
        assert max(browser.execute_script(wide)) <= 390
        browser.find_element(By.CSS_SELECTOR, ".compare summary").send_keys(Keys.ENTER)
        pair = browser.find_element(By.CSS_SELECTOR, ".pair")
        seen = [Image.open(io.BytesIO(pair.screenshot_as_png)).convert("L").getpixel((300, 60))]
        pair.send_keys(Keys.ARROW_RIGHT * 4)
        WebDriverWait(browser, 10).until(
            lambda b: b.execute_script("return arguments[0].scrollLeft", pair) > 140
        )
        seen += [Image.open(io.BytesIO(pair.screenshot_as_png)).convert("L").getpixel((300, 60))]
        assert seen == [0, 255]  # the input, then the output
        assert str(pair.get_attribute("aria-label")).startswith("Before and after: shoe.png.")
