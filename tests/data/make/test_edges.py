import importlib.util

import numpy as np
import pytest
from PIL import Image, ImageDraw

from crossimage.data.make.edges import to_edges
from crossimage.data.make.sketches import _components
from tests.golden import SHARED

RNG = np.random.default_rng(0)


def drawing(size: int, seed: int = 0) -> np.ndarray:
    """A large ellipse with a bar across it, on a plain background, with a little noise."""
    image = Image.new("RGB", (size, size), (230, 230, 225))
    draw = ImageDraw.Draw(image)
    part = size / 8
    draw.ellipse((part, 2 * part, 7 * part, 6 * part), (120, 60, 40))
    draw.rectangle((2 * part, 3.5 * part, 6 * part, 4.5 * part), (40, 90, 160))
    noise = np.random.default_rng(seed).normal(0, 4, (size, size, 3))
    return (np.asarray(image) + noise).clip(0, 255).astype(np.uint8)


def outline(size: int) -> np.ndarray:
    """Distance in pixels of every pixel to the outline of the ellipse, roughly."""
    y, x = np.mgrid[:size, :size] / size
    radius = np.hypot((x - 0.5) / 0.375, (y - 0.5) / 0.25)
    return np.abs(radius - 1) * 0.25 * size


@pytest.mark.parametrize("size", [64, 256, 400])
def test_the_outline_is_found_and_nothing_in_flat_parts(size: int) -> None:
    edges = to_edges(drawing(size), RNG) == 0
    assert edges[outline(size) < 2].sum() > 0.6 * size  # the ellipse is two sides around
    y, x = np.mgrid[:size, :size] * 8 / size
    bar = (x > 1.7) & (x < 6.3) & (y > 3.2) & (y < 4.8)
    assert not edges[(outline(size) > 6) & ~bar].any()


def test_lines_are_black_on_white_and_one_pixel_wide() -> None:
    edges = to_edges(drawing(256), RNG)
    assert edges.shape == (256, 256)
    assert set(np.unique(edges)) == {0, 255}
    ink = edges == 0
    blocks = ink[1:, 1:] & ink[:-1, 1:] & ink[1:, :-1] & ink[:-1, :-1]
    assert blocks.sum() <= 0.01 * ink.sum()


def test_specks_are_removed() -> None:
    photo = drawing(256)
    for place in (10, 30, 50):
        photo[place : place + 3, place : place + 3] = 0
    edges = to_edges(photo, RNG) == 0
    sizes = np.bincount(_components(edges).ravel())[1:]
    assert min(sizes[sizes > 0]) >= 24
    assert not edges[:40, :40].any()


def test_an_edge_between_colours_of_one_lightness_is_found() -> None:
    photo = np.full((128, 128, 3), (200, 90, 90), np.uint8)
    photo[:, 64:] = (60, 160, 60)
    edges = to_edges(photo, RNG) == 0
    assert edges[:, 62:66].any(1).all()


def test_strong_letters_do_not_hide_a_fainter_outline() -> None:
    photo = drawing(256)
    photo[130:150:4, 70:180] = 255
    photo[132:152:4, 70:180] = 0
    assert (to_edges(photo, RNG) == 0)[outline(256) < 2].sum() > 150


def test_a_plain_photo_has_no_edges() -> None:
    noise = np.random.default_rng(0).normal(128, 5, (128, 128, 3)).astype(np.uint8)
    assert (to_edges(noise, RNG) == 255).all()
    assert to_edges(np.zeros((1, 3, 3), np.uint8), RNG).shape == (1, 3)


def test_the_missing_package_is_one_sentence_with_the_command(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    find = importlib.util.find_spec
    monkeypatch.setattr(
        "crossimage.data.make.edges.find_spec", lambda n: None if n == "cv2" else find(n)
    )
    with pytest.raises(ValueError, match=r"OpenCV; run `pip install 'crossimage\[make\]'`"):
        to_edges(drawing(32), RNG)


def test_edges_of_shoes_are_about_those_of_edges2shoes() -> None:
    files = sorted((SHARED / "data" / "edges2shoes" / "train").glob("*"))[:20]
    if not files:
        pytest.skip("edges2shoes is not here")
    near = far = 0
    inks = []
    for file in files:
        both = np.asarray(Image.open(file).convert("RGB"))
        theirs, ours = both[:, :256].mean(2) < 128, to_edges(both[:, 256:].copy(), RNG) == 0
        around = np.pad(theirs, 3)
        close = np.any(
            [around[y : y + 256, x : x + 256] for y in range(7) for x in range(7)], axis=0
        )
        near, far = near + int((ours & close).sum()), far + int((ours & ~close).sum())
        inks.append(ours.sum() / theirs.sum())
    assert near / (near + far) > 0.6  # our lines lie within 3 pixels of theirs
    assert 0.7 < np.median(inks) < 1.8
