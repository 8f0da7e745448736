"""The page answers what its script asks, and its commands make the images that it shows."""

import base64
import re
import shlex
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

pytest.importorskip("starlette")

from starlette.testclient import TestClient

import crossimage
from crossimage.cli.app import main
from crossimage.inference.incoming import Incoming
from crossimage.inference.input_checks import CLASS_NUMBERS
from crossimage.server.app import guarded
from crossimage.server.demo.images import PageImages
from crossimage.server.demo.pages import PAGE_HEADERS, STATIC, DemoPages
from crossimage.server.demo.samples import Samples, find_samples
from crossimage.server.models import Models, load_models
from tests.conftest import SMALL, small
from tests.server.helpers import picture, png, tiny


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> Iterator[TestClient]:
    with Incoming() as incoming:
        models = Models(load_models(["builtin:outlines"], "cpu"))
        samples = {
            one.name: find_samples(one.translator, one.given, tmp_path_factory.mktemp("made"))
            for one in models
        }
        pages = DemoPages(models, samples, PageImages(incoming))
        app = guarded(pages.routes(), 2**20, ["testserver"], PAGE_HEADERS)
        yield TestClient(app)
        models.close()


@pytest.fixture
def outlines(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, page: TestClient) -> Path:
    """A working folder with the samples where the page's commands expect them."""
    monkeypatch.chdir(tmp_path)
    samples = page.get("/demo/models").json()[0]["samples"]
    for letter, found in samples.items():
        for one in found:
            file = tmp_path / "outlines" / f"test{letter.upper()}" / one["name"]
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_bytes(page.get("/demo/image", params={"id": one["id"]}).content)
    return tmp_path


def sample(page: TestClient, letter: str = "a", number: int = 0) -> str:
    return str(page.get("/demo/models").json()[0]["samples"][letter][number]["id"])


def same_by_command(made: dict[str, Any], folder: Path) -> bool:
    words = shlex.split(made["command"])
    assert words[:2] == ["crossimage", "translate"]
    assert main(words[1:]) == 0
    (written,) = (folder / "translated").glob("*.png")
    return written.read_bytes() == base64.b64decode(made["image"])


@pytest.mark.parametrize(
    "wish",
    [
        lambda page: {"seed": 7},
        lambda page: {"seed": 7, "to": "a", "image": sample(page, "b", 2)},
        lambda page: {"style": [-0.5, 1.23456, 0, 0, -2, 0.1, 0, 1]},
        lambda page: {"references": [sample(page, "b", 3)]},
        lambda page: {"seed": 3, "size": 48},
    ],
    ids=["seed", "other way", "style", "reference", "size"],
)
def test_the_command_makes_the_same_file(
    wish: Callable[[TestClient], dict[str, Any]], page: TestClient, outlines: Path
) -> None:
    fields = {"model": 0, "image": sample(page), "to": "b"} | wish(page)
    made = page.post("/demo/translate", json=fields)
    assert made.status_code == 200, made.text
    assert same_by_command(made.json(), outlines)


def test_the_command_for_a_visitor_s_photo_makes_the_same_file(
    page: TestClient, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    pixels = np.random.default_rng(0).integers(0, 256, (40, 56, 3), dtype=np.uint8)
    Image.fromarray(pixels).save("my photo.jpg")
    brought = page.post(
        "/demo/images", params={"name": "my photo.jpg"}, content=Path("my photo.jpg").read_bytes()
    ).json()
    assert (brought["name"], brought["width"], brought["height"]) == ("my photo.jpg", 56, 40)
    fields = {"model": 0, "image": brought["id"], "to": "b", "seed": 1}
    assert same_by_command(page.post("/demo/translate", json=fields).json(), tmp_path)


def test_what_users_should_know_about_an_image_names_it_as_they_do(page: TestClient) -> None:
    numbers = np.kron(np.arange(12, dtype=np.uint8).reshape(4, 3), np.ones((8, 8), np.uint8))
    content = png(np.repeat(numbers[..., None], 3, axis=2))
    brought = page.post("/demo/images", params={"name": "map.png"}, content=content).json()
    fields = {"model": 0, "image": brought["id"], "to": "b", "seed": 1}
    made = page.post("/demo/translate", json=fields).json()
    assert made["notes"] == [f"1 input: {CLASS_NUMBERS} (map.png)"]


@pytest.mark.slow
@pytest.mark.parametrize("method", sorted(SMALL.keys() - {"gan"}))
def test_commands_of_every_method_make_the_same_file(
    method: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    tiny(method).save("model.safetensors")
    for number, name in enumerate(("input.png", "reference.png")):
        Path(name).write_bytes(picture(64, 64, number))
    with Incoming() as incoming:
        models = Models(load_models(["model.safetensors"], "cpu"))
        nothing = Samples({}, {})
        pages = DemoPages(models, {"model": nothing}, PageImages(incoming))
        client = TestClient(guarded(pages.routes(), 2**20, ["testserver"]))
        (facts,) = client.get("/demo/models").json()
        given, reference = (
            client.post("/demo/images", params={"name": n}, content=Path(n).read_bytes()).json()
            for n in ("input.png", "reference.png")
        )
        to = None
        if facts["targets"]:
            to = {facts["targets"][0]: 1} if facts["labels"] else facts["targets"][-1]
        wishes: list[dict[str, Any]] = [] if facts["needs_reference"] else [{"seed": 2}]
        wishes += [{"references": [reference["id"]]}] if facts["references"] else []
        wishes += [{"to": {facts["targets"][0]: 0.35}}] if facts["labels_blend"] else []
        wishes += [{"style": [0.1] * facts["style_numbers"]}] if facts["style_numbers"] else []
        for wish in wishes:
            fields = {"model": 0, "image": given["id"], "to": to} | wish
            made = client.post("/demo/translate", json=fields)
            assert made.status_code == 200, made.text
            assert same_by_command(made.json(), tmp_path)
        models.close()


def test_sliders_go_along_directions_that_change_the_image(page: TestClient) -> None:
    found = page.post("/demo/directions", json={"model": 0, "to": "b"}).json()
    assert "64 images" in found["of"]
    assert found["shares"] == sorted(found["shares"], reverse=True) and sum(found["shares"]) <= 1.01

    def shown(style: list[float]) -> np.ndarray:
        fields = {"model": 0, "image": sample(page), "to": "b", "style": style}
        made = page.post("/demo/translate", json=fields).json()
        with open_image(base64.b64decode(made["image"])) as image:
            return np.array(image, float)

    still = shown([0.0] * 8)
    moved = shown(found["steps"][0])
    assert np.abs(still - moved).mean() > 2  # levels


def open_image(data: bytes) -> Image.Image:
    from io import BytesIO

    return Image.open(BytesIO(data))


@pytest.mark.parametrize(
    ("fields", "sentence"),
    [
        ({"model": 1}, "no such model"),
        ({"image": "u1"}, "choose it again"),
        ({"to": "c"}, "only to|no domain 'c'"),
        ({"style": [1.0]}, r"expected codes \(1, 8\)"),
        ({"style": ["x"]}, "style.0: .* number"),
        ({"style": [1e9] * 8}, "style.0: .* 1000"),
        ({"seed": -1}, "seed: .* 0"),
        ({"seed": True}, "seed: .* integer"),
        ({"size": 100_000}, "size: .* 4096"),
        ({"references": ["u1"]}, "choose it again"),
        ({"more": 1}, "more: .* not permitted"),
    ],
)
def test_wrong_wishes_are_refused_in_one_sentence(
    fields: dict[str, Any], sentence: str, page: TestClient
) -> None:
    wish = {"model": 0, "image": sample(page), "to": "b"} | fields
    answer = page.post("/demo/translate", json=wish)
    assert answer.status_code == 422
    assert re.search(sentence, answer.json()["error"]) and "\n" not in answer.json()["error"]


def test_what_is_not_an_image_is_refused(page: TestClient) -> None:
    answer = page.post("/demo/images", params={"name": "notes.txt"}, content=b"hello")
    assert answer.status_code == 422 and "notes.txt" in answer.json()["error"]
    large = page.post("/demo/images", content=bytes(2**20 + 1))
    assert large.status_code == 413


def test_the_page_may_load_nothing_from_elsewhere(page: TestClient) -> None:
    answer = page.get("/")
    policy = answer.headers["content-security-policy"]
    assert "default-src 'none'" in policy and "unsafe" not in policy
    assert "http" not in answer.text.replace("http-equiv", "")
    names = sorted(file.name for file in STATIC.iterdir())
    assert "demo.js" in names and "demo.css" in names
    for name in names:
        text = page.get(f"/demo/static/{name}").text
        assert not re.search("//(?! )", text), f"{name} has an address"  # comments have a space
    assert page.get("/", headers={"Host": "elsewhere.example"}).status_code == 400
    assert page.get("/demo/static/..%2Fpages.py").status_code == 404


def test_a_model_that_translates_nothing_is_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["demo", str(tmp_path), "--port", "0"]) == 2
    assert "holds no model.safetensors" in capsys.readouterr().err


def test_samples_of_a_run_are_its_test_images(folders: Path, tmp_path: Path) -> None:
    run = tmp_path / "run"
    crossimage.train("munit", data=folders, out=run, **small(steps=1))
    found = find_samples(crossimage.load(run), str(run), tmp_path)
    for letter, name in (("a", "testA"), ("b", "testB")):
        assert {one.path for one in found.inputs[letter]} == set((folders / name).iterdir())
        assert all(Path(one.shown) == one.path for one in found.inputs[letter])
