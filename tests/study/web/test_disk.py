"""A disk that fills up while people vote."""

import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from crossimage.study.store import Store
from tests.study.people import Visitor, make_small, serving, token_in


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Path]:
    """A disk of three megabytes."""
    path = tmp_path / "disk"
    path.mkdir()
    words = ["mount", "-t", "tmpfs", "-o", "size=3m", "none", str(path)]
    try:
        subprocess.run(words, check=True, capture_output=True)
    except (OSError, subprocess.CalledProcessError) as error:
        pytest.skip(f"mounting a small disk is not allowed here: {error}")
    yield path
    subprocess.run(["umount", "--lazy", str(path)], check=True)


def test_a_full_disk_refuses_votes_with_a_clear_page_and_takes_them_when_there_is_room(
    tmp_path: Path, disk: Path
) -> None:
    made = make_small(tmp_path, "preference", questions=12, trials=12, answers=30, checks=0)
    study = disk / "study"
    shutil.copytree(made.folder, study)
    accepted = 0
    with serving(study) as server:
        visitor = Visitor(server.port)
        visitor.begin()
        token = token_in(visitor.trial())
        with open(disk / "filler", "wb", buffering=0) as file, pytest.raises(OSError):
            while True:
                file.write(bytes(4096))
        reply = visitor.vote(token, 1)
        page = visitor.send("POST", "/vote", {"trial": token, "answer": 1})
        while reply.status == 200:  # pages that are allocated already may have room
            accepted += 1
            page = visitor.trial()
            if page.status != 200:
                break
            token = token_in(page)
            reply = visitor.vote(token, 1)
            page = visitor.send("POST", "/vote", {"trial": token, "answer": 1})
        assert 507 in (reply.status, page.status)
        assert "disk of this study is full" in page.text
        (disk / "filler").unlink()
        reply = visitor.vote(token, 1)
        assert reply.status == 200
        assert token_in(visitor.trial())
        visitor.close()
    store = Store(study / "study.sqlite")
    assert store.count_votes() in (accepted, accepted + 1)
    assert len({vote.question.key for vote in store.votes()}) == store.count_votes()
    store.close()
