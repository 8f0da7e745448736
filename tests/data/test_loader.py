import multiprocessing
import os

import pytest

from crossimage.data import loader as batches


@pytest.mark.parametrize("run_lives", [True, False])
def test_a_loader_process_whose_run_was_killed_before_it_began_ends(
    run_lives: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    def leave(status: int) -> None:
        raise SystemExit(status)

    begun = []
    monkeypatch.setattr(multiprocessing, "get_start_method", lambda: "fork")
    monkeypatch.setattr(os, "_exit", leave)
    monkeypatch.setattr(batches, "_outlive_stop_requests", lambda: begun.append(True))
    if run_lives:
        batches._start_worker(os.getppid(), 0)
        assert begun
    else:
        with pytest.raises(SystemExit, match="1"):
            batches._start_worker(os.getpid(), 0)
        assert not begun
