"""People try models on the page in a real browser: by mouse, by keys, with files, on a phone."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.request import urlopen

import numpy as np
import pytest
from PIL import Image
from selenium import webdriver
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys
from selenium.webdriver.support.ui import WebDriverWait

from tests.server.helpers import tiny
from tests.study.web.browser import chromium

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A page with the built-in model and one of labels."""
    labels = tmp_path_factory.mktemp("labels") / "labels.safetensors"
    names, sets = ("Fair_Hair", "Blond_Hair", "Young", "happy", "sad"), {"label_sets": (3, 2)}
    groups = {"exclusive": [names[:2]], "categorical": (False, True)}
    tiny("stargan", domains=names, **sets, **groups).save(labels)
    words = [sys.executable, "-m", "crossimage", "demo", "builtin:outlines", str(labels)]
    process = subprocess.Popen([*words, "--port", "0"], stdout=subprocess.PIPE, text=True)
    assert process.stdout
    try:
        yield process.stdout.readline().removeprefix("the page: ").strip()
    finally:
        process.terminate()
        assert process.wait(90) is not None
        process.stdout.close()


@pytest.fixture(scope="module")
def desktop() -> Iterator[webdriver.Chrome]:
    with chromium(1200, 900) as browser:
        yield browser


def wait(browser: webdriver.Chrome, condition: Any) -> Any:
    return WebDriverWait(browser, 90, 0.05).until(condition)


def command(browser: webdriver.Chrome, panel: int = 0) -> str:
    return str(browser.find_elements(By.CSS_SELECTOR, ".panel code")[panel].text)


def opened(browser: webdriver.Chrome, address: str) -> None:
    browser.get(address)
    wait(browser, lambda b: len(b.find_elements(By.CSS_SELECTOR, ".grid .thumb")) >= 8)
    wait(browser, lambda b: not b.find_elements(By.CSS_SELECTOR, ".thumb.waiting"))
    wait(browser, lambda b: "--seed 0" in command(b) and command(b, 1))


def test_the_first_click_needs_no_file(desktop: webdriver.Chrome, address: str) -> None:
    opened(desktop, address)
    desktop.find_elements(By.CSS_SELECTOR, ".grid .thumb")[3].click()
    wait(desktop, lambda b: "--seed 3" in command(b))
    desktop.find_element(By.CSS_SELECTOR, ".more").click()
    wait(desktop, lambda b: len(b.find_elements(By.CSS_SELECTOR, ".grid .thumb")) == 16)
    desktop.find_elements(By.CSS_SELECTOR, ".refs .thumb")[1].click()
    wait(desktop, lambda b: "--reference outlines/testB/00001.png" in command(b))
    names = "return performance.getEntriesByType('resource').map((one) => new URL(one.name).host)"
    assert set(desktop.execute_script(names)) == {address.split("/")[2]}
    assert not [e for e in desktop.get_log("browser") if e["level"] == "SEVERE"]


def test_programs_use_the_api_at_the_same_address(address: str) -> None:
    with urlopen(f"{address}v1/models") as answer:
        models = json.load(answer)["models"]
    assert [model["method"] for model in models] == ["munit", "stargan"]


def test_keys_suffice_for_styles_and_what_is_between_two_results(
    desktop: webdriver.Chrome, address: str
) -> None:
    opened(desktop, address)
    desktop.find_element(By.CSS_SELECTOR, ".sliders summary").send_keys(Keys.ENTER)
    desktop.find_element(By.CSS_SELECTOR, ".first").send_keys(Keys.ENTER)
    desktop.find_element(By.CSS_SELECTOR, ".axes input").send_keys(Keys.ARROW_RIGHT * 10)
    wait(desktop, lambda b: "--style=" in command(b))
    desktop.find_element(By.CSS_SELECTOR, ".second").send_keys(Keys.ENTER)
    wait(desktop, lambda b: b.find_element(By.CSS_SELECTOR, ".mix input").is_enabled())
    before = command(desktop)
    desktop.find_element(By.CSS_SELECTOR, ".mix input").send_keys(Keys.ARROW_LEFT * 5)
    wait(desktop, lambda b: command(b) != before and "--style=" in command(b))


def test_labels_are_toggles_and_what_a_model_lacks_is_hidden(
    desktop: webdriver.Chrome, address: str
) -> None:
    opened(desktop, address)
    panel = desktop.find_elements(By.CSS_SELECTOR, ".panel")[1]
    assert not panel.find_element(By.CSS_SELECTOR, ".styles").is_displayed()
    assert not panel.find_element(By.CSS_SELECTOR, ".reference").is_displayed()
    assert "Fair_Hair=1,Blond_Hair=0,Young=0" in command(desktop, 1)
    choose(desktop, panel, 1)
    wait(desktop, lambda b: "Fair_Hair=0,Blond_Hair=1,Young=0" in command(b, 1))
    choose(desktop, panel, 2)
    wait(desktop, lambda b: "Fair_Hair=0,Blond_Hair=1,Young=1" in command(b, 1))
    for _ in range(2):  # of another data set, where one is always chosen
        choose(desktop, panel, 4)
        wait(desktop, lambda b: "--to sad=1" in command(b, 1))
        choose(desktop, panel, 3)
        wait(desktop, lambda b: "--to happy=1" in command(b, 1))
    choose(desktop, panel, 3)
    assert panel.find_elements(By.CSS_SELECTOR, ".toggle input")[3].is_selected()


def choose(browser: webdriver.Chrome, panel: Any, number: int) -> None:
    toggle = panel.find_elements(By.CSS_SELECTOR, ".toggle input")[number]
    browser.execute_script("arguments[0].click()", toggle)


def test_labels_are_blended_between_two_results(desktop: webdriver.Chrome, address: str) -> None:
    opened(desktop, address)
    panel = desktop.find_elements(By.CSS_SELECTOR, ".panel")[1]
    for number, end in ((0, ".first"), (1, ".second")):
        panel.find_element(By.CSS_SELECTOR, end).send_keys(Keys.ENTER)
        if not number:
            choose(desktop, panel, 1)
            wait(desktop, lambda b: "Blond_Hair=1" in command(b, 1))
    wait(desktop, lambda b: "Fair_Hair=0.5,Blond_Hair=0.5,Young=0" in command(b, 1))
    panel.find_element(By.CSS_SELECTOR, ".mix input").send_keys(Keys.ARROW_RIGHT * 5)
    wait(desktop, lambda b: "Fair_Hair=0.25,Blond_Hair=0.75,Young=0" in command(b, 1))
    if folder := os.environ.get("SCREENSHOTS"):
        panel.screenshot(str(Path(folder) / "demo-labels.png"))


def test_another_target_keeps_the_input_where_it_can(
    desktop: webdriver.Chrome, address: str, tmp_path: Path
) -> None:
    opened(desktop, address)
    desktop.find_elements(By.CSS_SELECTOR, "#samples .thumb")[2].click()
    wait(desktop, lambda b: "testA/00002.png" in command(b) and "testA/00002.png" in command(b, 1))
    first, labels = desktop.find_elements(By.CSS_SELECTOR, ".panel")
    choose(desktop, labels, 1)
    wait(desktop, lambda b: "Blond_Hair=1" in command(b, 1))
    assert "testA/00002.png" in command(desktop, 1)
    choose(desktop, first, 0)  # to a, whose inputs are those of b
    wait(desktop, lambda b: "testB/00000.png" in command(b) and "testB/00000.png" in command(b, 1))
    Image.new("RGB", (64, 64), "red").save(tmp_path / "mine.png")
    field = desktop.find_element(By.ID, "file")
    for _ in range(2):  # the same file after a sample, too
        field.send_keys(str(tmp_path / "mine.png"))
        wait(desktop, lambda b: "mine.png" in command(b) and "mine.png" in command(b, 1))
        desktop.find_elements(By.CSS_SELECTOR, "#samples .thumb")[1].click()
        wait(desktop, lambda b: "00001.png" in command(b))
    field.send_keys(str(tmp_path / "mine.png"))
    wait(desktop, lambda b: "mine.png" in command(b))
    choose(desktop, first, 1)
    wait(desktop, lambda b: "--to b" in command(b))
    assert "mine.png" in command(desktop) and "mine.png" in command(desktop, 1)


def test_every_control_has_a_label(desktop: webdriver.Chrome, address: str) -> None:
    opened(desktop, address)
    unnamed = """
    return [...document.querySelectorAll('input, select, button, code')].filter((one) =>
      !one.labels?.length && !one.getAttribute('aria-label') && !one.textContent.trim()).length;
    """
    assert desktop.execute_script(unnamed) == 0


def test_files_of_a_visitor_and_what_is_not_an_image(
    desktop: webdriver.Chrome, address: str, tmp_path: Path
) -> None:
    opened(desktop, address)
    pixels = np.random.default_rng(0).integers(0, 256, (200, 300, 3), dtype=np.uint8)
    Image.fromarray(pixels).save(tmp_path / "mine.png")
    (tmp_path / "notes.png").write_text("no image")
    field = desktop.find_element(By.ID, "file")
    field.send_keys(str(tmp_path / "notes.png"))
    wait(desktop, lambda b: "notes.png" in b.find_element(By.ID, "status").text)
    field.send_keys(str(tmp_path / "mine.png"))
    wait(desktop, lambda b: "mine.png" in command(b))
    dropped = """
    const [data, canvas] = [new DataTransfer(), document.createElement('canvas')];
    canvas.width = canvas.height = 64;
    canvas.toBlob((blob) => {
      data.items.add(new File([blob], 'dropped.png', {type: 'image/png'}));
      document.body.dispatchEvent(new DragEvent('drop', {dataTransfer: data, bubbles: true}));
    });
    """
    desktop.execute_script(dropped)
    wait(desktop, lambda b: "dropped.png" in command(b))


def test_the_page_fits_a_phone(address: str) -> None:
    with chromium(390, 780, 3.0) as browser:
        opened(browser, address)
        width, inner = browser.execute_script(
            "return [document.documentElement.scrollWidth, innerWidth]"
        )
        assert width == inner == 390


def test_an_image_is_pasted_and_the_command_is_copied(
    desktop: webdriver.Chrome, address: str
) -> None:
    opened(desktop, address)
    pasted = """
    const [data, canvas] = [new DataTransfer(), document.createElement('canvas')];
    canvas.width = canvas.height = 64;
    canvas.toBlob((blob) => {
      data.items.add(new File([blob], 'image.png', {type: 'image/png'}));
      document.dispatchEvent(new ClipboardEvent('paste', {clipboardData: data, bubbles: true}));
    });
    """
    desktop.execute_script(pasted)
    wait(desktop, lambda b: "pasted.png" in command(b))
    rights = {"permissions": ["clipboardReadWrite", "clipboardSanitizedWrite"]}
    desktop.execute_cdp_cmd("Browser.grantPermissions", rights)
    shown = command(desktop)
    desktop.find_element(By.CSS_SELECTOR, ".copy").click()
    wait(desktop, lambda b: "is copied" in b.find_element(By.ID, "status").text)
    read = "navigator.clipboard.readText().then(arguments[0], (error) => arguments[0](`${error}`))"
    assert desktop.execute_async_script(read) == shown


def test_the_result_is_copied_as_an_image_or_the_page_says_why_not(
    desktop: webdriver.Chrome, address: str
) -> None:
    opened(desktop, address)
    rights = {"permissions": ["clipboardReadWrite", "clipboardSanitizedWrite"]}
    desktop.execute_cdp_cmd("Browser.grantPermissions", rights)
    desktop.find_element(By.CSS_SELECTOR, ".copy-image").click()
    wait(desktop, lambda b: "image is copied" in b.find_element(By.ID, "status").text)
    compared = """
    const done = arguments[0];
    const pixels = async (blob) => {
      const bitmap = await createImageBitmap(blob);
      const canvas = new OffscreenCanvas(bitmap.width, bitmap.height);
      const context = canvas.getContext('2d');
      context.drawImage(bitmap, 0, 0);
      return [bitmap.width, ...context.getImageData(0, 0, bitmap.width, bitmap.height).data];
    };
    (async () => {
      const [item] = await navigator.clipboard.read();
      const copied = await pixels(await item.getType('image/png'));
      const canvas = document.createElement('canvas'), shown = document.querySelector('.after');
      [canvas.width, canvas.height] = [shown.naturalWidth, shown.naturalHeight];
      canvas.getContext('2d').drawImage(shown, 0, 0);
      const own = await new Promise((resolve) => canvas.toBlob(resolve));
      done([copied.length, copied.join() === (await pixels(own)).join()]);
    })().catch((error) => done(`${error}`));
    """
    assert desktop.execute_async_script(compared) == [1 + 64 * 64 * 4, True]
    denied = {"permission": {"name": "clipboard-write"}, "setting": "denied"}
    desktop.execute_cdp_cmd("Browser.setPermission", denied)
    try:
        desktop.find_element(By.CSS_SELECTOR, ".copy-image").click()
        wait(desktop, lambda b: "save the image" in b.find_element(By.ID, "status").text)
    finally:
        desktop.execute_cdp_cmd("Browser.resetPermissions", {})


def test_the_webcam_gives_an_image_in_the_dark(address: str) -> None:
    with chromium(1000, 800, camera=True) as browser:
        dark = [{"name": "prefers-color-scheme", "value": "dark"}]
        browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": dark})
        opened(browser, address)
        colour = "return getComputedStyle(document.body).backgroundColor.match(/\\d+/g).map(Number)"
        assert max(browser.execute_script(colour)[:3]) < 100
        browser.find_element(By.ID, "webcam").click()
        wait(browser, lambda b: b.find_element(By.ID, "shoot").is_displayed())
        playing = "const v = document.getElementById('video'); return v.videoWidth && v.currentTime"
        wait(browser, lambda b: b.execute_script(playing))
        browser.find_element(By.ID, "shoot").click()
        wait(browser, lambda b: "webcam.png" in command(b))
        wait(browser, lambda b: not b.find_elements(By.CSS_SELECTOR, ".thumb.waiting"))
        if folder := os.environ.get("SCREENSHOTS"):
            browser.save_screenshot(str(Path(folder) / "demo-dark.png"))
        assert not [e for e in browser.get_log("browser") if e["level"] == "SEVERE"]
