"""Further images of each sample, drawn independently."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from crossimage.config import Companion, Config
from crossimage.data.loader import collate
from tests.conftest import open_dataset
from tests.data.helpers import PLAIN, level, same, save

OTHERS = {"noise": Companion("a"), "patch": Companion("a"), "reference": Companion("b")}


def test_companions_are_any_images_of_their_domain(unequal):
    data = open_dataset(unequal, PLAIN, companions=OTHERS)
    samples = [data[number] for number in range(200)]
    for name, levels in (("noise", range(5)), ("patch", range(5)), ("reference", range(100, 103))):
        drawn = [level(sample.images[name]) for sample in samples]
        counts = [drawn.count(value) for value in levels]
        assert sum(counts) == 200 and min(counts) > 20
    pairs = {(level(s.images["noise"]), level(s.images["patch"])) for s in samples}
    assert len(pairs) == 25
    assert len({(level(s.images["a"]), level(s.images["noise"])) for s in samples}) == 25


def test_the_other_images_of_a_sample_do_not_depend_on_companions(unequal):
    plain, more = open_dataset(unequal, PLAIN), open_dataset(unequal, PLAIN, companions=OTHERS)
    for number in range(9):
        for letter in "ab":
            assert torch.equal(plain[number].images[letter], more[number].images[letter])
    assert same([more[n] for n in range(9)], [more[n] for n in reversed(range(9))][::-1])
    assert collate([more[0], more[1]]).images["reference"].shape[0] == 2
    assert more.fixed("train", 2).images.keys() == {"a", "b"}


def test_companions_of_a_folder_have_the_channels_of_their_domain(unequal, tmp_path):
    for number in range(4):
        save(tmp_path / "strokes" / f"{number}.png", np.full((8, 8, 3), 200 + number, np.uint8))
    config = Config(resize=0, crop=(8, 8), flip=False, channels=(1, 3))
    given = {"noise": Companion("a", tmp_path / "strokes")}
    data = open_dataset(unequal, config, companions=given)
    drawn = {level(data[number].images["noise"]) for number in range(40)}
    assert drawn == {200, 201, 202, 203}
    assert data[0].images["noise"].shape == (1, 8, 8)
    assert [domain.name for domain in data.domains][2:] == ["noise images"]
    assert len(data.fingerprint()) == 3 and not data.has_tests


def test_unreadable_companions_are_counted_and_replaced(unequal, tmp_path):
    save(tmp_path / "strokes" / "0.png", np.full((8, 8, 3), 200, np.uint8))
    (tmp_path / "strokes" / "1.png").write_bytes(b"no image")
    data = open_dataset(unequal, PLAIN, companions={"noise": Companion("a", tmp_path / "strokes")})
    samples = [data[number] for number in range(20)]
    assert {level(sample.images["noise"]) for sample in samples} == {200}
    bad = {(name, path) for sample in samples for name, path, _ in sample.unreadable}
    assert bad == {("noise images", str(tmp_path / "strokes" / "1.png"))}
    known = {"noise images": {path: "broken" for _, path in bad}}
    assert data.still_unreadable(known)["noise images"].keys() == {path for _, path in bad}


def test_a_missing_folder_of_companions_is_named(unequal, tmp_path):
    given = {"noise": Companion("a", tmp_path / "none")}
    with pytest.raises(FileNotFoundError, match="none"):
        open_dataset(unequal, PLAIN, companions=given)
