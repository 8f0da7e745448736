"""Tiny models behind the API."""

import io
from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
import torch
from PIL import Image
from starlette.testclient import TestClient

from crossimage.config import build
from crossimage.inference.translator import Translator
from crossimage.methods import METHODS
from crossimage.server.api import Api
from crossimage.server.app import guarded
from crossimage.server.models import Models
from tests.conftest import small


def tiny(method: str = "munit", **settings: object) -> Translator:
    """An untrained model."""
    torch.manual_seed(0)
    cls = METHODS[method]
    return Translator(cls(build(cls.Config, small(method, **settings)), training=False), "cpu")


def picture(width: int = 32, height: int = 24, seed: int = 0) -> bytes:
    """An image as a PNG."""
    pixels = np.random.default_rng(seed).integers(0, 256, (height, width, 3), np.uint8)
    return png(pixels)


def blank(width: int, height: int) -> bytes:
    """A white image as a PNG, of few bytes."""
    buffer = io.BytesIO()
    Image.new("RGB", (width, height), "white").save(buffer, "png")
    return buffer.getvalue()


def png(pixels: np.ndarray) -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, "png")
    return buffer.getvalue()


def pixels(data: bytes) -> np.ndarray:
    """The pixels of an encoded image."""
    return np.asarray(Image.open(io.BytesIO(data)))


@contextmanager
def client(*translators: Translator, token: str = "", **options: object) -> Iterator[TestClient]:
    """A client of a server with some models, named m0, m1, ..."""
    named = {f"m{i}": one for i, one in enumerate(translators)}
    api = Api(Models(named, **options), token)  # type: ignore[arg-type]
    app = guarded(api.routes, 2**20, hosts=["testserver"])
    try:
        yield TestClient(app, raise_server_exceptions=False)
    finally:
        api.close()
