"""Shards are killed at random moments, and their number changes: the results stay the same."""

import os
from pathlib import Path

import pytest

from crossimage.cli.app import main
from crossimage.inference.translator import Translator
from crossimage.utils.manifest import read_manifest
from tests.bulk.conftest import draw_images
from tests.bulk.kills import disturb, files

KILLS = int(os.environ.get("CROSSIMAGE_KILLS", "4"))
"""Processes that are killed; more of them take longer."""


@pytest.mark.slow
def test_killed_shards_of_changing_number_leave_the_results_of_an_undisturbed_run(
    bulk_model: Translator, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    photos = draw_images(tmp_path / "in", 20 * KILLS + 40, 24)
    bulk_model.save(tmp_path / "model.safetensors")
    whole = bulk_model.translate_files(photos, tmp_path / "whole", seed=7, batch_size=1)
    out = tmp_path / "out"
    common = (
        "translate", tmp_path / "model.safetensors", photos, "--out", out, "--seed", 7,
        "--batch-size", 1, "--device", "cpu", "--threads", 1,
    )  # fmt: skip
    assert disturb(KILLS, common) >= KILLS
    assert 0 < len(read_manifest(out)) < len(whole.written)
    assert main([*map(str, common), "--shard", "1/1"]) == 0
    assert files(out) == files(tmp_path / "whole")
    assert {name: entry.output_sha256 for name, entry in read_manifest(out).items()} == files(out)
    capsys.readouterr()
    assert main(["ledger", str(out)]) == 0
    assert capsys.readouterr().out == f"{len(whole.written)} complete\n"
