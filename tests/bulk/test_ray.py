"""Translation on a Ray cluster: its results, kills, and what is refused."""

import os
import signal
import socket
import threading
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from crossimage.bulk.cluster import Cluster, check_reachable, parse_engine
from crossimage.bulk.ray_engine import translate_with_ray
from crossimage.cli.app import main
from crossimage.inference.files.options import FileOptions
from crossimage.inference.translator import Translator
from tests.bulk.conftest import draw_images
from tests.bulk.kills import crossimage, files, kill, lines, wait_for

NICENESS = "RAY_worker_niceness"

pytestmark = [  # of Ray itself
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),
    pytest.mark.filterwarnings("ignore::ResourceWarning"),
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
    pytest.mark.filterwarnings("ignore::FutureWarning"),
]


@pytest.fixture(scope="module")
def cluster() -> Iterator[Any]:
    """A cluster of two nodes on this machine."""
    pytest.importorskip("ray", reason="needs the extra `scale`")
    os.environ[NICENESS] = "0"  # of all that tests start here
    from ray.cluster_utils import Cluster as LocalCluster

    local = LocalCluster(
        initialize_head=True, head_node_args={"num_cpus": 2, "object_store_memory": 2**27}
    )
    local.add_node(num_cpus=2, object_store_memory=2**27)
    yield local
    local.shutdown()


@pytest.fixture
def model_file(bulk_model: Translator, tmp_path: Path) -> Path:
    bulk_model.save(tmp_path / "model.safetensors")
    return tmp_path / "model.safetensors"


def workers() -> list[int]:
    """The processes of actors that translate."""
    found = []
    for place in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):
            title = (place / "cmdline").read_bytes()
            if title.startswith(b"ray::MapWorker"):
                found.append(int(place.name))
    return found


@pytest.mark.slow
def test_workers_nodes_and_the_driver_may_be_killed(
    cluster: Any, bulk_model: Translator, model_file: Path, tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    photos = draw_images(tmp_path / "in", 900, 24)
    whole = bulk_model.translate_files(photos, tmp_path / "whole", seed=7, batch_size=1)
    out = tmp_path / "out"
    command = (
        "translate", model_file, photos, "--out", out, "--seed", 7, "--batch-size", 1,
        "--engine", f"ray://{cluster.address}", "--workers", 3,
    )  # fmt: skip

    driver = crossimage(*command)
    assert wait_for(lambda: lines(out) > 20, driver)
    kill(driver)

    driver = crossimage(*command)
    before = lines(out)
    assert wait_for(lambda: lines(out) > before + 60 and bool(workers()), driver)
    os.kill(workers()[0], signal.SIGKILL)
    before = lines(out)
    assert wait_for(lambda: lines(out) > before + 30, driver)
    cluster.remove_node(cluster.list_all_nodes()[-1], allow_graceful=False)
    driver.join(300)
    assert driver.exitcode == 0
    assert files(out) == files(tmp_path / "whole")
    capsys.readouterr()
    assert main(["ledger", str(out)]) == 0
    assert capsys.readouterr().out == f"{len(whole.written)} complete\n"


@pytest.mark.slow
def test_another_model_and_unseen_machines_are_refused(
    cluster: Any, bulk_model: Translator, model_file: Path, tmp_path: Path
) -> None:
    photos, out = draw_images(tmp_path / "in", 4), tmp_path / "out"
    place = Cluster(cluster.address, 1)

    def again(**options: Any) -> Any:
        return translate_with_ray(
            bulk_model, str(model_file), {"device": "cpu"}, str(photos), out, None,
            FileOptions(**options), place,
        )  # fmt: skip

    assert again(seed=1).written == 4
    assert again(seed=1).existing == 4
    with pytest.raises(ValueError, match="holds results with another seed"):
        again(seed=2)
    with pytest.raises(ValueError, match="has 1 CPU and 1 of a GPU for a worker"):
        translate_with_ray(
            bulk_model, str(model_file), {}, str(photos), tmp_path / "gpu", None,
            FileOptions(seed=1), Cluster(cluster.address, 1, 1.0),
        )  # fmt: skip
    parameter = next(bulk_model.networks.parameters()).data
    parameter += 1
    try:
        with pytest.raises(ValueError, match="holds other weights"):
            translate_with_ray(
                bulk_model, str(model_file), {"device": "cpu"}, str(photos), tmp_path / "other",
                None, FileOptions(seed=1), place,
            )  # fmt: skip
    finally:
        parameter -= 1


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        (["--engine", "dask"], "expected ray, for this machine, or ray://HOST:PORT"),
        (["--engine", "ray"], "--engine ray needs --seed"),
        (["--engine", "ray", "--seed", "1", "--shard", "1/2"], "give one of them"),
        (["--engine", "ray", "--seed", "1", "--device", "cuda:1"], "chooses the devices"),
        (["--engine", "ray", "--seed", "1", "--workers", "0"], "at least 1 worker"),
        (["--workers", "2"], "options of --engine ray; add it"),
    ],
)
def test_options_without_a_meaning_are_refused(
    model_file: Path, tiny_images: Path, tmp_path: Path, options: list[str], sentence: str,
    capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    arguments = ["translate", str(model_file), str(tiny_images), "--out", str(tmp_path / "out")]
    assert main([*arguments, *options]) == 2
    error = capsys.readouterr().err
    assert sentence in error and error.count("\n") == 1
    assert not (tmp_path / "out").exists()


def test_a_cluster_that_cannot_be_reached_is_named(
    model_file: Path, tiny_images: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    pytest.importorskip("ray", reason="needs the extra `scale`")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        address = f"127.0.0.1:{free.getsockname()[1]}"
    for engine in (f"ray://{address}", "ray://nowhere"):
        arguments = ["translate", str(model_file), str(tiny_images), "--out", str(tmp_path / "o")]
        assert main([*arguments, "--seed", "1", "--engine", engine]) == 2
        error = capsys.readouterr().err
        assert "no Ray cluster can be reached at" in error and "expected HOST:PORT" in error


@pytest.mark.parametrize("answer", [b"HTTP/1.1 400 Bad Request\r\n\r\n", b""])
def test_a_server_other_than_ray_is_named_at_once(answer: bytes) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:

        def serve() -> None:
            connection, _ = server.accept()
            connection.recv(100)
            connection.sendall(answer)
            connection.close()

        thread = threading.Thread(target=serve)
        thread.start()
        address = f"127.0.0.1:{server.getsockname()[1]}"
        with pytest.raises(ValueError, match="what answers there is not Ray"):
            check_reachable(address)
        thread.join()


def test_engines_have_an_address() -> None:
    assert parse_engine("ray") is None and parse_engine("ray://head:6379") == "head:6379"
