"""The doctor's page in a real browser: on a desk and on a phone, in light and in dark."""

import pytest

from crossimage.doctor.report import write_report
from tests.data.make.test_split import save, smooth
from tests.doctor.helpers import label_maps
from tests.doctor.test_report import examined
from tests.study.web.browser import chromium

pytestmark = pytest.mark.slow

CONTRASTS = """
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
const found = [];
for (const e of document.querySelectorAll("main *")) {
  if (![...e.childNodes].some((n) => n.nodeType === 3 && n.textContent.trim())) continue;
  const pair = [luminance(parse(getComputedStyle(e).color).slice(0, 3)), luminance(behind(e))];
  const ratio = (Math.max(...pair) + 0.05) / (Math.min(...pair) + 0.05);
  if (ratio < 4.5) found.push(`${e.tagName} ${e.textContent.trim().slice(0, 40)} ${ratio}`);
}
return found;
"""


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> str:
    folder = tmp_path_factory.mktemp("doctor")
    data = label_maps(folder / "camvid")
    save(data / "train/photo/broken.jpg", smooth(1))
    save(data / "train/label/broken.png", smooth(2))
    (data / "train/label/broken.png").write_bytes(b"broken")
    write_report(examined(data, layout="paired"), folder / "out")
    return f"file://{folder / 'out/report.html'}"


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("screen", [(1240, 900, 1.0), (390, 780, 3.0)], ids=["desk", "phone"])
def test_the_page_fits_the_screen_and_its_text_can_be_read(
    page: str, screen: tuple[int, int, float], scheme: str
) -> None:
    with chromium(*screen) as browser:
        features = [{"name": "prefers-color-scheme", "value": scheme}]
        browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": features})
        browser.get(page)
        root = "document.documentElement"
        wide, inner = browser.execute_script(f"return [{root}.scrollWidth, {root}.clientWidth]")
        assert wide <= inner
        assert browser.execute_script(CONTRASTS) == []
        unloaded = "return [...document.images].filter((i) => !i.naturalWidth || !i.alt).length"
        assert browser.execute_script(unloaded) == 0
