"""Reports in a real browser: on a phone, and compared by keys and by mouse."""

import io
from pathlib import Path

import pytest
import torch
from PIL import Image
from selenium.webdriver.common.action_chains import ActionChains
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys

from crossimage.evaluation.report.page import write_report
from crossimage.evaluation.report.strips import Block, strip
from tests.evaluation.report.test_page import runs
from tests.study.web.browser import chromium, faults, prefer

pytestmark = pytest.mark.slow


def compared_page(folder: Path) -> Path:
    """Write a report with a black input and a white output."""
    dark, light = torch.zeros(3, 64, 64, dtype=torch.uint8), torch.full((3, 64, 64), 255)
    shown = strip("shoe.png", dark, [light.to(torch.uint8), dark], None)
    evaluations = runs()
    evaluations[0].blocks[:] = [Block("Random inputs", [shown])]
    return write_report(folder, "two models", {}, evaluations)[1]


def test_a_phone_shows_all_figures_without_sideways_scrolling_and_keys_compare_images(
    tmp_path: Path,
) -> None:
    path = compared_page(tmp_path)
    with chromium(390, 800, 2.0) as browser:
        for scheme in ("dark", "light"):
            prefer(browser, scheme)
            browser.get(path.as_uri())
            assert faults(browser) == []
        wide = "return [...document.querySelectorAll('html, .scroll')].map(e => e.scrollWidth)"
        assert max(browser.execute_script(wide)) <= 390
        browser.find_element(By.CSS_SELECTOR, ".compare summary").send_keys(Keys.ENTER)
        pair = browser.find_element(By.CSS_SELECTOR, ".pair")
        edge = pair.find_element(By.CSS_SELECTOR, "input")

        def shade() -> int:
            """The grey value at 0.6 of the width: 0 is the input, 255 the output."""
            shown = Image.open(io.BytesIO(pair.screenshot_as_png)).convert("L")
            return int(shown.getpixel((shown.width * 6 // 10, 60)))

        assert shade() == 255  # the edge is in the middle
        edge.send_keys(Keys.ARROW_RIGHT * 20)
        assert shade() == 0
        assert (
            browser.execute_script("return getComputedStyle(arguments[0]).outlineWidth", pair)
            == "2px"
        )
        assert str(edge.get_attribute("aria-label")).endswith("shows the input: shoe.png")


def test_a_mouse_drags_the_edge_between_before_and_after(tmp_path: Path) -> None:
    with chromium(1280, 900) as browser:
        browser.get(compared_page(tmp_path).as_uri())
        browser.find_element(By.CSS_SELECTOR, ".compare summary").click()
        pair = browser.find_element(By.CSS_SELECTOR, ".pair")
        drag = ActionChains(browser).move_to_element(pair).click_and_hold()
        drag.move_by_offset(-100, 30).release().perform()
        edge = browser.execute_script("return arguments[0].style.getPropertyValue('--at')", pair)
        assert 8 <= float(edge.rstrip("%")) <= 14  # 28 of 256 pixels
