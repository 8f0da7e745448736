"""Chromium, driven by Selenium, for tests of pages in a real browser."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from selenium import webdriver
from selenium.webdriver.chrome.service import Service


@contextmanager
def chromium(
    width: int, height: int, ratio: float = 1.0, camera: bool = False
) -> Iterator[webdriver.Chrome]:
    """Open a browser with a window of a size in CSS pixels; a ratio other than 1 is a phone's.

    Its camera, if it has one, shows a test pattern and needs no permission.
    """
    binary, driver = shutil.which("chromium"), shutil.which("chromedriver")
    if not binary or not driver:
        pytest.skip("Chromium and its driver are not installed (Debian: chromium chromium-driver)")
    options = webdriver.ChromeOptions()
    options.binary_location = binary
    for argument in ("--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage"):
        options.add_argument(argument)
    options.add_argument(f"--window-size={width},{height}")
    if camera:
        options.add_argument("--use-fake-device-for-media-stream")
        options.add_argument("--use-fake-ui-for-media-stream")
    if ratio != 1.0:
        metrics = {"width": width, "height": height, "pixelRatio": ratio, "touch": True}
        options.add_experimental_option("mobileEmulation", {"deviceMetrics": metrics})
    os.environ["SE_OFFLINE"] = "true"
    browser = webdriver.Chrome(options=options, service=Service(driver))
    try:
        browser.set_page_load_timeout(60)
        yield browser
    finally:
        browser.quit()
