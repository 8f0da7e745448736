"""The API of a server: translations, styles, facts, refusals."""

import base64
import io
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from starlette.testclient import TestClient

from crossimage.inference.translator import Translator
from tests.server.helpers import client, picture, pixels, tiny

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
    assert again.json() == found


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
