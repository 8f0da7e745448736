"""People go through each protocol in a real browser: by mouse, by keys, and on a phone's screen."""

import json
import os
import zipfile
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from selenium import webdriver
from selenium.common.exceptions import TimeoutException
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys
from selenium.webdriver.support.ui import WebDriverWait

from crossimage.study.settings import PROTOCOLS
from crossimage.study.sheets import export_study
from crossimage.study.store import Store, Vote
from tests.study.people import Server, make_small, serving
from tests.study.web.browser import chromium, faults

pytestmark = pytest.mark.slow

PATIENCE = 90
SCREENSHOTS = os.environ.get("STUDY_SCREENSHOTS")
"""A folder for screenshots of the pages, for the documentation."""

Act = Callable[[webdriver.Chrome], None]


@pytest.fixture(scope="module")
def desktop() -> Iterator[webdriver.Chrome]:
    with chromium(1200, 900) as browser:
        yield browser


@pytest.fixture(scope="module")
def phone() -> Iterator[webdriver.Chrome]:
    with chromium(390, 780, 3.0) as browser:
        yield browser


def wait(browser: webdriver.Chrome, condition: Callable[[webdriver.Chrome], Any]) -> Any:
    return WebDriverWait(browser, PATIENCE, 0.05).until(condition)


READY = """
const [form, here] = [document.querySelector('form.trial'), location.pathname];
const steady = document.readyState === 'complete' && !form?.matches(':not(.ready)');
return steady && ['/trial', '/feedback', '/done'].includes(here) ? here : null;
"""
"""The path of a page that a person can act on."""


def picture(browser: webdriver.Chrome, name: str) -> None:
    if SCREENSHOTS:
        browser.save_screenshot(str(Path(SCREENSHOTS) / f"{name}.png"))


def begin(browser: webdriver.Chrome, server: Server) -> None:
    browser.delete_all_cookies()
    browser.get(f"http://127.0.0.1:{server.port}/")
    browser.delete_all_cookies()
    browser.get(f"http://127.0.0.1:{server.port}/")
    browser.find_element(By.NAME, "consent").click()
    browser.find_element(By.CSS_SELECTOR, "button.main").click()


def insist(browser: webdriver.Chrome, answer: Act, token: str) -> None:
    """Answer, and once more if the page stays: a busy browser drops some of its driver's input."""
    for _ in range(5):
        answer(browser)
        with suppress(TimeoutException):
            WebDriverWait(browser, 20, 0.05).until(lambda b: token not in b.page_source)
            return
    raise AssertionError("the page does not react")


def go_through(browser: webdriver.Chrome, answer: Act, proceed: Act, name: str = "") -> int:
    """Answer all questions and return their number."""
    number = 0
    while True:
        path = wait(browser, lambda b: b.execute_script(READY))
        if path == "/done":
            picture(browser, f"{name}-done")
            return number
        if path == "/feedback":
            proceed(browser)
            wait(browser, lambda b: "feedback" not in b.current_url)
        else:
            number += 1
            picture(browser, f"{name}-{number}")
            token = browser.find_element(By.NAME, "trial").get_attribute("value")
            insist(browser, answer, token)


def click(browser: webdriver.Chrome) -> None:
    browser.find_elements(By.CSS_SELECTOR, "button[name=answer]")[-1].click()


def click_on(browser: webdriver.Chrome) -> None:
    browser.find_element(By.CSS_SELECTOR, "button.main").click()


def press(key: str) -> Act:
    def act(browser: webdriver.Chrome) -> None:
        browser.switch_to.active_element.send_keys(key)

    return act


def votes_of(study: Path) -> list[Vote]:
    store = Store(study / "study.sqlite")
    votes = store.votes()
    store.close()
    return votes


EXPECTED = {"preference": 7, "real-or-fake": 6, "choice": 6, "opinion": 11}
KEYS = {"preference": Keys.ARROW_RIGHT, "real-or-fake": Keys.ARROW_LEFT, "choice": "3"}


@pytest.mark.parametrize("protocol", PROTOCOLS)
@pytest.mark.parametrize("way", ["mouse", "keys", "phone"])
def test_a_person_goes_through_a_study(
    way: str, protocol: str, tmp_path: Path, desktop: webdriver.Chrome, phone: webdriver.Chrome
) -> None:
    made = make_small(tmp_path, protocol, size=128 if SCREENSHOTS else 24)
    browser = phone if way == "phone" else desktop
    with serving(made.folder) as server:
        begin(browser, server)
        acts = (click, click_on)
        if way == "keys":
            acts = press(KEYS.get(protocol, "4")), press(Keys.ENTER)
        number = go_through(browser, *acts, name=f"{protocol}-{way}")
    votes = votes_of(made.folder)
    assert len(votes) == number == EXPECTED[protocol]
    places = {
        vote.answer if len(vote.question.options) == 1 else vote.ordering.index(vote.answer)
        for vote in votes
    }
    last = {"preference": 1, "real-or-fake": 1, "choice": 2, "opinion": 5}
    if way == "keys":
        last |= {"real-or-fake": 0, "opinion": 4}
    if protocol == "choice":
        assert places <= {2, 1}
    else:
        assert places == {last[protocol]}
    assert all(0 < vote.seconds < 60 for vote in votes)


SIZES = """
return [...document.querySelectorAll('form.trial img')].map((image) =>
  [image.getBoundingClientRect().width * devicePixelRatio / image.naturalWidth,
   image.getBoundingClientRect().height * devicePixelRatio / image.naturalHeight]);
"""


@pytest.mark.parametrize("screen", [(1200, 900, 1.0), (390, 780, 3.0), (600, 450, 2.0)])
def test_images_have_a_whole_number_of_screen_pixels_per_pixel(
    screen: tuple[int, int, float], tmp_path: Path
) -> None:
    made = make_small(tmp_path, "preference")
    with serving(made.folder) as server, chromium(*screen) as browser:
        begin(browser, server)
        wait(browser, lambda b: b.find_elements(By.CSS_SELECTOR, "form.ready"))
        sizes = browser.execute_script(SIZES)
        factors = {round(side, 2) for pair in sizes for side in pair}
        assert len(factors) == 1 and factors.pop() in {*range(1, 60)}
        assert faults(browser) == []
        picture(browser, f"zoom-{screen[2]:g}")


MEASURE = """
window.seen = [];
const watch = (time) => {
  const shown = [...document.querySelectorAll('.stage img')].map(
    (image) => getComputedStyle(image).visibility === 'visible');
  window.seen.push([time, shown]);
  requestAnimationFrame(watch);
};
requestAnimationFrame(watch);
"""


def test_images_are_visible_for_one_second_give_or_take_a_frame(tmp_path: Path) -> None:
    made = make_small(tmp_path, "real-or-fake", exposure=1.0, trials=10, practice=0)
    with serving(made.folder) as server, chromium(800, 700) as browser:
        browser.execute_cdp_cmd("Page.addScriptToEvaluateOnNewDocument", {"source": MEASURE})
        begin(browser, server)
        measured: list[list[float]] = []
        for _ in range(10):  # two images each
            wait(browser, lambda b: b.find_elements(By.CSS_SELECTOR, "form.ready"))
            seen = browser.execute_script("return window.seen")
            token = browser.find_element(By.NAME, "trial").get_attribute("value")
            for place in range(2):
                visible = [index for index, (_, shown) in enumerate(seen) if shown and shown[place]]
                start, end = seen[visible[0]][0], seen[visible[-1] + 1][0]
                frame = max(
                    seen[index + 1][0] - seen[index][0]
                    for index in range(visible[0], visible[-1] + 1)
                )
                measured.append([end - start, frame])
                assert abs(end - start - 1000) <= max(frame, 17), (end - start, frame)
            click(browser)
            wait(browser, lambda b, token=token: token not in b.page_source)
    assert len(measured) == 20
    told = [time for vote in votes_of(made.folder) for time in vote.exposures]
    assert len(told) == 20
    for own, (independent, frame) in zip(told, measured, strict=True):
        assert abs(own - independent) <= max(frame, 17)


def test_a_server_killed_between_click_and_answer_costs_no_vote(
    tmp_path: Path, desktop: webdriver.Chrome
) -> None:
    made = make_small(tmp_path, "preference")
    server = Server(made.folder)
    begin(desktop, server)
    wait(desktop, lambda b: b.find_elements(By.CSS_SELECTOR, "form.ready"))
    token = desktop.find_element(By.NAME, "trial").get_attribute("value")
    server.kill()
    click(desktop)
    wait(desktop, lambda b: "sent again until it arrives" in b.page_source)
    assert not votes_of(made.folder)
    server = Server(made.folder, server.port)
    try:
        wait(desktop, lambda b: token not in b.page_source)
    finally:
        server.kill()
    assert len(votes_of(made.folder)) == 1


def test_controls_have_names_and_the_keyboard_reaches_all_of_them(
    tmp_path: Path, desktop: webdriver.Chrome
) -> None:
    made = make_small(tmp_path, "opinion", calibration=0)
    desktop.get_log("browser")  # what was logged before
    with serving(made.folder) as server:
        begin(desktop, server)
        wait(desktop, lambda b: b.find_elements(By.CSS_SELECTOR, "form.ready"))
        tree = desktop.execute_cdp_cmd("Accessibility.getFullAXTree", {})["nodes"]
        for node in tree:
            role = node.get("role", {}).get("value")
            if role in ("button", "link", "progressbar", "checkbox", "image"):
                assert node.get("name", {}).get("value"), json.dumps(node)
        reached = []
        for _ in range(6):
            desktop.switch_to.active_element.send_keys(Keys.TAB)
            reached.append(desktop.switch_to.active_element.text.partition(" ")[0])
        assert reached == ["1", "2", "3", "4", "5", "Stop"]
        errors = [entry for entry in desktop.get_log("browser") if entry["level"] == "SEVERE"]
        assert not errors


SHOWN = """
return [...document.querySelectorAll('.sorry, form.consent, section')].filter(
  (e) => e.getClientRects().length).map((e) => e.className);
"""


def test_a_static_page_asks_nobody_whose_number_could_not_be_imported(
    tmp_path: Path, desktop: webdriver.Chrome
) -> None:
    export_study(make_small(tmp_path, "preference").folder, tmp_path / "static.zip")
    with zipfile.ZipFile(tmp_path / "static.zip") as archive:
        archive.extractall(tmp_path / "static")
    address = (tmp_path / "static" / "sheet-1.html").as_uri()
    for query in ("", "?PROLIFIC_PID=5f3a_b.c-d@x.org", "?participant=5f3a"):
        desktop.get(address + query)
        assert desktop.execute_script(SHOWN) == ["consent"]
    for field, number in (
        ("PROLIFIC_PID", "{{%PROLIFIC_PID%}}"), ("workerId", "jane%2B1@x.org"),
        ("participant", "a" * 65),
    ):  # fmt: skip
        desktop.get(f"{address}?{field}={number}")
        assert desktop.execute_script(SHOWN) == ["sorry"]
        text = desktop.find_element(By.CSS_SELECTOR, ".sorry").text
        assert f"{field} is not the number of a participant" in text
