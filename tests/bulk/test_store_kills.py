"""Processes that write to tar files or a store are killed: the results stay the same."""

import os
import tarfile
from collections import Counter
from hashlib import sha256
from pathlib import Path

import pytest

from crossimage.cli.app import main
from crossimage.inference.translator import Translator
from tests.bulk.conftest import draw_images
from tests.bulk.kills import disturb, files

KILLS = int(os.environ.get("CROSSIMAGE_KILLS", "4"))
"""Processes that are killed; more of them take longer."""


@pytest.mark.slow
def test_killed_writers_of_tar_files_leave_each_result_once(
    bulk_model: Translator, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    photos = draw_images(tmp_path / "in", 30 * KILLS + 40, 24)
    bulk_model.save(tmp_path / "model.safetensors")
    bulk_model.translate_files(photos, tmp_path / "whole", seed=7, batch_size=1)
    out = tmp_path / "out"
    common = (
        "translate", tmp_path / "model.safetensors", photos, "--out", out / "%06d.tar", "--seed", 7,
        "--batch-size", 1, "--device", "cpu", "--threads", 1,
    )  # fmt: skip
    assert disturb(KILLS, common, members=5) >= KILLS
    assert main([*map(str, common), "--shard", "1/1"]) == 0
    found, hashes = Counter[str](), dict[str, str]()
    for path in out.glob("*.tar"):
        with tarfile.open(path) as tar:
            for member in tar:
                found[member.name] += 1
                data = tar.extractfile(member)
                assert data is not None
                hashes[member.name] = sha256(data.read()).hexdigest()
    assert hashes == files(tmp_path / "whole")
    assert set(found.values()) == {1}
    capsys.readouterr()
    assert main(["ledger", str(out / "%06d.tar")]) == 0
    assert capsys.readouterr().out == f"{len(hashes)} complete\n"


@pytest.mark.slow
def test_killed_writers_to_a_store_leave_the_results_of_an_undisturbed_run(
    bulk_model: Translator,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    fsspec = pytest.importorskip("fsspec", reason="the extra scale is not installed")
    pytest.importorskip("s3fs", reason="the extra scale is not installed")
    moto = pytest.importorskip("moto.server", reason="moto[server] is not installed")
    server = moto.ThreadedMotoServer(port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    endpoint = f"http://{host}:{port}"
    for name, value in (("AWS_ENDPOINT_URL", endpoint), ("AWS_ACCESS_KEY_ID", "x"),
                        ("AWS_SECRET_ACCESS_KEY", "x"), ("AWS_DEFAULT_REGION", "us-east-1"),
                        ("AWS_EC2_METADATA_DISABLED", "true")):  # fmt: skip
        monkeypatch.setenv(name, value)
    photos = draw_images(tmp_path / "in", 10 * KILLS + 20, 24)
    bulk_model.save(tmp_path / "model.safetensors")
    bulk_model.translate_files(photos, tmp_path / "whole", seed=7, batch_size=1)
    system = fsspec.filesystem("s3", skip_instance_cache=True, use_listings_cache=False)
    system.mkdir("kills")
    common = (
        "translate", tmp_path / "model.safetensors", photos, "--out", "s3://kills/out", "--seed", 7,
        "--batch-size", 1, "--device", "cpu", "--threads", 1,
    )  # fmt: skip

    def objects() -> dict[str, str]:
        found = system.find("kills/out")
        return {name[len("kills/out/") :]: name for name in found if not name.endswith(".jsonl")}

    try:
        assert disturb(KILLS, common, members=5) >= KILLS
        assert main([*map(str, common), "--shard", "1/1"]) == 0
        hashes = {
            name: sha256(system.cat_file(path)).hexdigest() for name, path in objects().items()
        }
        assert hashes == files(tmp_path / "whole")
        capsys.readouterr()
        assert main(["ledger", "s3://kills/out"]) == 0
        assert capsys.readouterr().out == f"{len(hashes)} complete\n"
    finally:
        server.stop()
