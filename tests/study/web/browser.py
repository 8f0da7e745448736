"""Chromium, driven by Selenium, for tests of pages in a real browser."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress

import pytest
from selenium import webdriver
from selenium.common.exceptions import TimeoutException
from selenium.webdriver.chrome.service import Service
from selenium.webdriver.support.ui import WebDriverWait


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


LOADED = """
return [...document.querySelectorAll("main img")].every(
  (e) => e.complete || !e.getClientRects().length);
"""

FAULTS = """
const luminance = (rgb) => {
  const [r, g, b] = rgb.map((v) => v / 255).map(
    (v) => v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4);
  return 0.2126 * r + 0.7152 * g + 0.0722 * b;
};
const parse = (text) => text.match(/[\\d.]+/g).map(Number);
const behind = (element) => {
  for (let e = element; e; e = e.parentElement) {
    const colour = parse(getComputedStyle(e).backgroundColor);
    if (colour.length < 4 || colour[3] > 0) return colour.slice(0, 3);
  }
  return [255, 255, 255];
};
const contrast = (e) => {
  const paper = behind(e), style = getComputedStyle(e);
  let opacity = 1;
  for (let p = e; p; p = p.parentElement) opacity *= getComputedStyle(p).opacity;
  const ink = parse(e instanceof SVGElement ? style.fill : style.color).slice(0, 3).map(
    (v, i) => v * opacity + paper[i] * (1 - opacity));
  const pair = [luminance(ink), luminance(paper)];
  return (Math.max(...pair) + 0.05) / (Math.min(...pair) + 0.05);
};
const root = document.documentElement, found = [];
if (root.scrollWidth > root.clientWidth) found.push(`${root.scrollWidth} px wide`);
for (const e of document.querySelectorAll("main *")) {
  if (e.matches("title, script, style") || !e.getClientRects().length) continue;
  const own = [...e.childNodes].filter((n) => n.nodeType === 3);
  const text = own.map((n) => n.textContent).join("").trim();
  if (text && contrast(e) < 4.5) found.push(`${e.tagName} ${text.slice(0, 40)} ${contrast(e)}`);
  if (e.tagName === "IMG" && !(e.naturalWidth && e.alt)) found.push(`image ${e.src} '${e.alt}'`);
  if (e.matches("svg[role], [role=img]") && !e.getAttribute("aria-label")) found.push(e.outerHTML);
}
return found;
"""


def faults(browser: webdriver.Chrome) -> list[str]:
    """Return what is wrong with a page for its readers, nothing if all is well.

    Text has a contrast of 4.5 or more, all images are loaded and have a text, and the page is not
    wider than the screen. Images that are loaded lazily, after the page, get 20 seconds.
    """
    with suppress(TimeoutException):
        WebDriverWait(browser, 20).until(lambda b: b.execute_script(LOADED))
    found: list[str] = browser.execute_script(FAULTS)
    return found


def prefer(browser: webdriver.Chrome, scheme: str) -> None:
    """Choose ``light`` or ``dark`` colours, as the reader's system does."""
    features = [{"name": "prefers-color-scheme", "value": scheme}]
    browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": features})
