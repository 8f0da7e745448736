"""The doctor's page in a real browser: on a desk and on a phone, in light and in dark."""

import pytest

from crossimage.doctor.report import write_report
from tests.data.make.test_split import save, smooth
from tests.doctor.helpers import label_maps
from tests.doctor.test_report import examined
from tests.study.web.browser import chromium, faults, prefer

pytestmark = pytest.mark.slow


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
        prefer(browser, scheme)
        browser.get(page)
        assert faults(browser) == []
