"""A run's page in a real browser: readable everywhere, and its sheets are chosen by keys."""

import csv
import json
from pathlib import Path

import pytest
from PIL import Image
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys

from crossimage.training.run_page import write_page
from tests.study.web.browser import chromium, faults, prefer

pytestmark = pytest.mark.slow


@pytest.fixture
def page(tmp_path: Path) -> str:
    """The page of a run whose names hold what HTML, addresses and shells give a meaning to."""
    run = tmp_path / "it's <b>run</b> #1 & 50%"
    (run / "samples").mkdir(parents=True)
    for step in (0, 30, 600):
        Image.new("RGB", (900, 300), "red").save(run / "samples" / f"step-{step:08d}.jpg")
    with open(run / "metrics.csv", "w", newline="") as file:
        rows = [[step, step, 1e-4, 1 / step, 1e-5 * step] for step in (10, 20, 30)]
        names = ["step", "seconds", "learning_rate", "validation/kid", "generators/cycle"]
        csv.writer(file).writerows([names, *rows])
    command = "/bin/crossimage train munit --data 'it'\"'\"'s <b>' --out a-name-that-is-rather-long"
    (run / "environment.json").write_text(json.dumps({"command": command, "folder": "/a/<b>"}))
    write_page(run, title=run.name, facts={"data": "photos/" + 60 * "long"}, ended={"go on": "x"})
    return (run / "index.html").as_uri()


def test_the_page_can_be_read_on_every_screen_and_used_by_keys(page: str) -> None:
    for screen in [(1280, 900, 1.0), (390, 780, 3.0)]:
        with chromium(*screen) as browser:
            for scheme in ("light", "dark"):
                prefer(browser, scheme)
                browser.get(page)
                assert faults(browser) == []
            browser.find_element(By.ID, "pick").send_keys(Keys.ARROW_LEFT)
            sheet = browser.find_element(By.ID, "sheet")
            assert sheet.get_attribute("src").endswith("step-00000030.jpg")
            assert sheet.get_attribute("alt") == "Sample sheet at step 30, in full size"
            browser.find_element(By.CSS_SELECTOR, "[data-step='0']").send_keys(Keys.ENTER)
            assert sheet.get_attribute("src").endswith("step-00000000.jpg")
            assert browser.find_element(By.ID, "step").text == "step 0"
            assert [entry["message"] for entry in browser.get_log("browser")] == []
