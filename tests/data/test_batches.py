import multiprocessing
import os

import pytest

from crossimage.data.batches import _start_worker


def start(parent: int) -> None:
    _start_worker(parent, 0)
    os._exit(0)


@pytest.mark.skipif("fork" not in multiprocessing.get_all_start_methods(), reason="no fork here")
@pytest.mark.parametrize("alive, code", [(True, 0), (False, 1)])
def test_a_loader_process_whose_run_was_killed_before_it_began_ends(
    alive: bool, code: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(multiprocessing, "get_start_method", lambda: "fork")
    parent = os.getpid() if alive else 2**22
    process = multiprocessing.get_context("fork").Process(target=start, args=(parent,))
    process.start()
    process.join()
    assert process.exitcode == code
