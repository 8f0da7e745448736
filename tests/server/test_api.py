"""The API of a server: translations, styles, facts, refusals."""

import base64
import io
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor, as_completed
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from starlette.testclient import TestClient

from crossimage.data.images.checks.limit import max_pixels_kept, set_max_pixels
from crossimage.inference.input_checks import CLASS_NUMBERS
from crossimage.inference.translator import Translator
from crossimage.server.api import Api
from crossimage.server.app import guarded
from crossimage.server.models import Models
from tests.server.helpers import blank, client, picture, pixels, png, tiny

DOMAINS = {"domains": "edges,shoes"}


@pytest.fixture(scope="module")
def munit() -> Translator:
    return tiny(**DOMAINS)


@pytest.fixture(scope="module")
def server(munit: Translator) -> Iterator[TestClient]:
    with client(munit, tiny("cyclegan", **DOMAINS)) as one:
        yield one


def post(server: TestClient, query: str = "", image: bytes | None = None, **headers: str) -> Any:
    headers = {"content-type": "image/png"} | headers
    content = picture() if image is None else image
    return server.post(f"/v1/translate{query}", content=content, headers=headers)


def base64_of(image: bytes) -> str:
    return base64.b64encode(image).decode()


def test_an_image_is_translated_as_the_command_line_does(
    server: TestClient, munit: Translator, tmp_path: Path
) -> None:
    (tmp_path / "in.png").write_bytes(picture())
    done = munit.translate_files(tmp_path / "in.png", tmp_path / "out", "shoes", seed=7)
    answer = post(server, "?to=shoes&seed=7&name=in.png")
    assert answer.status_code == 200 and answer.headers["content-type"] == "image/png"
    assert answer.headers["crossimage-seed"] == "7"
    assert np.array_equal(pixels(answer.content), np.asarray(Image.open(done.written[0])))
    style = answer.headers["crossimage-style"]
    again = post(server, f"?to=shoes&style={style}")
    assert np.array_equal(pixels(again.content), pixels(answer.content))


def test_json_holds_the_image_and_what_made_it(server: TestClient) -> None:
    fields = {"image": base64_of(picture()), "to": "edges", "format": "jpg", "size": 16}
    answer = server.post("/v1/translate", json=fields, headers={"accept": "application/json"})
    assert answer.status_code == 200
    found = answer.json()
    image = Image.open(io.BytesIO(base64.b64decode(found["image"])))
    assert image.format == "JPEG" and image.size == (found["width"], found["height"]) == (21, 16)
    assert found["model"] == "m0" and len(found["style"]) == 3 and found["type"] == "image/jpeg"
    fields |= {"seed": found["seed"]}
    again = server.post("/v1/translate", json=fields, headers={"accept": "application/json"})
    assert again.json() == found and found["notes"] == []


def test_what_users_should_know_about_an_image_is_told(server: TestClient) -> None:
    numbers = np.kron(np.arange(12, dtype=np.uint8).reshape(4, 3), np.ones((8, 8), np.uint8))
    image, to = png(numbers), "?to=shoes"
    assert post(server, to, image).headers["crossimage-note"] == CLASS_NUMBERS
    assert post(server, to, image, accept="application/json").json()["notes"] == [CLASS_NUMBERS]
    assert "crossimage-note" not in post(server, to).headers


def test_a_reference_gives_its_style(server: TestClient, munit: Translator) -> None:
    reference = picture(seed=1)
    answer = server.post(
        "/v1/style?to=shoes", content=reference, headers={"content-type": "image/png"}
    )
    style = answer.json()["style"]
    assert np.allclose(style, munit.encode_style(reference, "shoes")[0], atol=1e-6)
    fields = {"image": base64_of(picture()), "to": "shoes"}
    guided = server.post("/v1/translate", json=fields | {"reference": [base64_of(reference)]})
    styled = server.post("/v1/translate", json=fields | {"style": style})
    assert np.array_equal(pixels(guided.content), pixels(styled.content))


def test_the_models_say_what_they_take(server: TestClient) -> None:
    first, second = server.get("/v1/models").json()["models"]
    assert (first["name"], first["method"], first["style_numbers"]) == ("m0", "munit", 3)
    assert first["targets"] == ["edges", "shoes"] and len(first["sha256"]) == 64
    assert second["method"] == "cyclegan" and not second["random_styles"]
    answer = post(server, "?model=m1")
    assert answer.status_code == 200 and "crossimage-seed" not in answer.headers
    assert answer.headers["crossimage-model"] == "m1"


def test_labels_are_targets() -> None:
    with client(tiny("stargan", domains="fair,young", label_sets=2)) as server:
        assert server.get("/v1/models").json()["models"][0]["labels"]
        fields = {"image": base64_of(picture(32, 32)), "to": {"fair": 1, "young": 1}}
        both = server.post("/v1/translate", json=fields)
        one = post(server, "?to=fair", picture(32, 32))
        assert both.status_code == one.status_code == 200
        assert not np.array_equal(pixels(both.content), pixels(one.content))
        assert post(server).status_code == 422


def test_labels_may_be_blended_where_the_networks_take_numbers() -> None:
    model = tiny("stargan", domains="fair,young", label_sets=2)
    with client(model, tiny("stargan_v2", domains="cat,dog")) as server:
        first, second = server.get("/v1/models").json()["models"]
        assert first["labels_blend"] and not second["labels_blend"]
        fields = {"image": base64_of(picture(32, 32)), "to": {"fair": 0.25, "young": 1}}
        answer = server.post("/v1/translate", json=fields)
        expected = model.translate(Image.open(io.BytesIO(picture(32, 32))), fields["to"])
        assert np.array_equal(pixels(answer.content), np.asarray(expected))
        in_query = post(server, "?to=fair%3D0.25,young%3D1", picture(32, 32))
        assert in_query.content == answer.content
        for to, sentence in (
            ({"fair": 1.5}, "less than or equal to 1"),
            ({"fair": "0.5"}, "valid number"),
            ("fair=2", "fair must be a number from 0 to 1, found '2'"),
        ):
            refused = server.post("/v1/translate", json=fields | {"to": to})
            assert refused.status_code == 422 and sentence in refused.json()["error"]
        refused = server.post("/v1/translate", json=fields | {"to": {"cat": 0.5}, "model": "m1"})
        assert "cat must be 1 or 0, found 0.5" in refused.json()["error"]


@pytest.mark.parametrize(
    ("query", "status", "word"),
    [
        ("?to=hats", 422, "hats"),
        ("?model=m7", 404, "expected one of m0, m1"),
        ("?style=1,2", 422, "style"),
        ("?style=1,nan,3", 422, "style"),
        ("?seed=-1", 422, "seed"),
        ("?seed=1&seed=2", 400, "twice"),
        ("?colour=red", 422, "colour"),
        ("?size=0", 422, "size"),
        ("?format=gif", 422, "format"),
        ("?truncation=0.5", 422, "truncation"),
        ("?model=m1&style=1,2,3", 422, "no styles"),
    ],
)
def test_fields_that_do_not_fit_are_named(
    server: TestClient, query: str, status: int, word: str
) -> None:
    answer = post(server, query)
    assert answer.status_code == status and word in answer.json()["error"]


@pytest.mark.parametrize(
    ("body", "status"),
    [
        (b"{", 400),
        (b"[" * 100_000, 400),
        (b'{"image": "aGk=", "seed": 1, "seed": 2}', 400),
        (b'{"image": "aGk=", "truncation": 1e999}', 400),
        (b'{"image": "aGk=", "truncation": NaN}', 400),
        (b'{"image": "aGk=", "seed": 1' + b"0" * 400 + b"}", 400),
        (b'{"image": "a"}', 422),
        (b'{"image": "aG@k="}', 422),
        (b'{"image": "aGk=", "style": [1e39, 1, 1]}', 422),
        (b'{"image": "aGk=", "style": [' + b"[]," * 200_000 + b"[]]}", 400),
        (b'{"image": ""}', 422),
        (b'{"image": "aGk=", "unknown": 1}', 422),
        (b'{"seed": 1}', 422),
        (b"[]", 422),
        (b"\xff\xfe", 400),
    ],
)
def test_malformed_json_is_refused(server: TestClient, body: bytes, status: int) -> None:
    answer = server.post(
        "/v1/translate", content=body, headers={"content-type": "application/json"}
    )
    assert answer.status_code == status and answer.json()["error"]


def test_images_that_cannot_be_read_are_refused(server: TestClient) -> None:
    assert post(server, image=b"").status_code == 400
    assert post(server, image=b"not an image").status_code == 422
    assert post(server, image=picture()[:200]).status_code == 422
    assert post(server, image=bytes(2**20 + 1)).status_code == 413


@pytest.mark.parametrize(
    ("size", "query"),
    [((32, 24), "?size=16384"), ((4000, 1), "?size=256"), ((1, 4000), "?size=256")],
)
def test_images_are_not_enlarged_beyond_the_pixels_that_are_decoded(
    server: TestClient, size: tuple[int, int], query: str
) -> None:
    with max_pixels_kept():
        set_max_pixels(100_000)
        answer = post(server, query, picture(*size))
        assert answer.status_code == 422 and "at most 100,000" in answer.json()["error"]
        fields = {"image": base64_of(picture(200, 200)), "reference": [base64_of(picture())]}
        assert server.post("/v1/translate", json=fields).status_code == 200


def test_results_and_references_count_as_pixels_too() -> None:
    with client(tiny("srgan"), tiny("funit"), tiny("dtn")) as server, max_pixels_kept():
        set_max_pixels(100_000)
        answer = post(server, "?model=m0", picture(200, 200))  # a result of 400x400
        assert answer.status_code == 422 and "160,000 pixels" in answer.json()["error"]
        fields = {"model": "m1", "image": base64_of(picture()), "size": 16}
        small = server.post("/v1/translate", json=fields | {"reference": [base64_of(picture())]})
        assert small.status_code == 200
        many = [base64_of(blank(300, 300))] * 5
        answer = server.post("/v1/translate", json=fields | {"size": None, "reference": many})
        assert answer.status_code == 413 and "at most 400,000 pixels" in answer.json()["error"]
        answer = post(server, "?model=m2", picture(20_000, 1))  # resized to cover its only size
        assert answer.status_code == 422 and "the model makes" in answer.json()["error"]


def test_no_more_pixels_are_held_than_a_few_images_have(munit: Translator) -> None:
    gate = threading.Event()
    models = Models({"m": munit})
    api = Api(models)
    server = TestClient(guarded(api.routes, 2**20, hosts=["testserver"]))
    with max_pixels_kept():
        set_max_pixels(10_000)
        held = models.engines[0].call(gate.wait)
        with ThreadPoolExecutor(9) as pool:
            asked = [pool.submit(post, server, "?seed=1", picture(95, 95)) for _ in range(9)]
            try:  # those that are held are not answered before the gate opens
                first = [one.result() for one in islice(as_completed(asked, timeout=60), 5)]
            finally:
                gate.set()
            answers = [one.result() for one in asked]
        assert held.result() and all(answer.status_code == 503 for answer in first)
    api.close()
    refused = [answer for answer in answers if answer.status_code == 503]
    assert len(refused) == 5 and all(answer.headers["retry-after"] == "1" for answer in refused)
    assert sum(answer.status_code == 200 for answer in answers) == 4


def test_styles_that_give_no_image_are_refused(server: TestClient) -> None:
    answer = post(server, "?style=3e38,-3e38,3e38")
    assert answer.status_code == 422 and "style are too large" in answer.json()["error"]


def test_values_are_sent_as_an_array(server: TestClient, munit: Translator) -> None:
    answer = post(server, "?to=shoes&seed=7&format=npy")
    values = np.load(io.BytesIO(answer.content))
    assert values.shape == (24, 32, 3) and values.dtype == np.float32
    assert np.abs(values).max() <= 1
    shown = pixels(post(server, "?to=shoes&seed=7").content)
    assert np.abs((values + 1) * 127.5 - shown).max() < 0.51


def test_base64_may_be_broken_into_lines(server: TestClient) -> None:
    lines = base64.encodebytes(picture()).decode()
    assert server.post("/v1/translate", json={"image": lines}).status_code == 200


def test_size_applies_to_references_of_few_shot_models_as_on_the_command_line(
    tmp_path: Path,
) -> None:
    model = tiny("funit")
    (tmp_path / "in.png").write_bytes(picture(48, 40))
    (tmp_path / "like.png").write_bytes(picture(60, 50, 3))
    done = model.translate_files(
        tmp_path / "in.png", tmp_path / "out", reference=str(tmp_path / "like.png"), size=32, seed=1
    )
    with client(model) as server:
        fields = {
            "image": base64_of(picture(48, 40)),
            "reference": [base64_of(picture(60, 50, 3))],
            "size": 32,
            "seed": 1,
            "name": "in.png",
        }
        answer = server.post("/v1/translate", json=fields)
    assert np.array_equal(pixels(answer.content), np.asarray(Image.open(done.written[0])))


def test_other_hosts_methods_and_addresses_are_refused(server: TestClient) -> None:
    assert server.get("/v1/models", headers={"host": "evil.example"}).status_code == 400
    assert server.get("/v1/translate").status_code == 405
    assert server.delete("/v1/models").status_code == 405
    assert server.get("/v1/../etc/passwd").status_code == 404
    answer = server.get("/nothing")
    assert answer.status_code == 404 and answer.json() == {
        "error": "there is nothing at this address"
    }
    assert "default-src 'none'" in answer.headers["content-security-policy"]


def test_a_token_is_needed_where_one_is_set(munit: Translator) -> None:
    with client(munit, token="0123456789abcdef") as server:
        assert post(server).status_code == 401
        assert post(server, authorization="Bearer 0123456789abcdeF").status_code == 401
        assert post(server, authorization="Bearer 0123456789abcdef").status_code == 200
        assert server.get("/metrics").status_code == 401
        assert server.get("/health").json() == {"status": "ok"}


def test_figures_are_counted(munit: Translator) -> None:
    with client(munit) as server:
        post(server)
        post(server, "?to=hats")
        said = server.get("/metrics").text
    assert 'crossimage_requests_total{path="/v1/translate",status="200"} 1.0' in said
    assert 'crossimage_requests_total{path="/v1/translate",status="422"} 1.0' in said
    assert 'crossimage_translation_seconds_count{model="m0"} 1.0' in said
    assert "crossimage_waiting 0.0" in said and "crossimage_batches_total 1.0" in said
