"""Results as tar shards."""

from pathlib import Path

import pytest

from crossimage.bulk.audit import audit
from crossimage.inference.stores import shards
from crossimage.inference.stores.places import open_results
from crossimage.inference.translator import Translator
from crossimage.methods.munit import MUNIT, MUNITConfig
from crossimage.utils.reading import sha256_of
from tests.data.shards.helpers import images
from tests.inference.files.test_translate import SHAPE


def test_few_results_are_one_shard(tmp_path: Path) -> None:
    model = Translator(MUNIT(MUNITConfig(**SHAPE), training=False), "cpu")
    (tmp_path / "in").mkdir()
    for name, data in images(2).items():
        (tmp_path / "in" / name).write_bytes(data)
    model.translate_files(tmp_path / "in", tmp_path / "out" / "%06d.tar", seed=1)
    names = ["000000.tar", "crossimage.jsonl"]
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == names
    with open_results(tmp_path / "out" / "%06d.tar") as results:
        assert audit(results).complete == 2


@pytest.mark.parametrize("parts", [1, 2])
def test_shards_hold_the_results_of_a_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, parts: int
) -> None:
    monkeypatch.setattr(shards, "_MOST", 3)
    model = Translator(MUNIT(MUNITConfig(**SHAPE), training=False), "cpu")
    for name, data in images(8).items():
        (tmp_path / "in" / "sub").mkdir(parents=True, exist_ok=True)
        (tmp_path / "in" / "sub" / name).write_bytes(data)
    done = model.translate_files(tmp_path / "in", tmp_path / "out", seed=1)
    expected = {p.relative_to(tmp_path / "out").as_posix(): sha256_of(p) for p in done.written}
    out = tmp_path / "shards" / "%06d.tar"
    for again in range(2):
        for part in range(parts):
            shard = (part + 1, parts) if parts > 1 else None
            result = model.translate_files(
                tmp_path / "in", out, seed=1, skip_existing=True, shard=shard
            )
            assert bool(result.written) != bool(again)
    with open_results(out) as results:
        assert {name: results.sha256(name) for name in results.names()} == expected
        assert audit(results).is_complete
    made = sorted(path.name for path in out.parent.glob("*.tar"))
    assert made == [f"{n:06}.tar" for n in range(3)] if parts == 1 else len(made) == 4
    again = model.translate_files(out.parent / "*.tar", tmp_path / "more", seed=1)
    assert len(again.written) == 8
