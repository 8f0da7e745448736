from pathlib import Path

from crossimage.data.sources import leaks
from crossimage.data.sources.domains.scan import scan_domains
from crossimage.data.sources.folders import Domain
from crossimage.data.sources.leaks import find_leaks
from tests.data.helpers import flat


def test_equal_files_are_found_whatever_their_names(tmp_path: Path) -> None:
    for number in range(4):
        flat(tmp_path / "trainA" / f"{number}.png", number)
        flat(tmp_path / "trainB" / f"{number}.png", 100 + number)
    flat(tmp_path / "testA" / "other.png", 50)
    flat(tmp_path / "testA" / "x.png", 2)
    flat(tmp_path / "testB" / "y.png", 3)  # of the other domain
    found = find_leaks(scan_domains(str(tmp_path)))
    assert found.pairs == (
        (tmp_path / "testA" / "x.png", tmp_path / "trainA" / "2.png"),
        (tmp_path / "testB" / "y.png", tmp_path / "trainA" / "3.png"),
    )
    assert found.sentence() == (
        "2 of 3 test images are also training images, so that they test nothing: "
        f"{tmp_path}/testA/x.png ({tmp_path}/trainA/2.png), "
        f"{tmp_path}/testB/y.png ({tmp_path}/trainA/3.png)"
    )


def test_without_leaks_nothing_is_said_and_only_equal_sizes_are_read(
    tmp_path: Path, monkeypatch
) -> None:
    read: list[Path] = []
    monkeypatch.setattr(leaks, "digest_of", lambda path: read.append(path) or str(path).encode())
    files = [tmp_path / name for name in ("1.png", "2.png", "3.png", "4.png")]
    for size, path in zip((1, 2, 2, 3), files, strict=True):
        path.write_bytes(b"x" * size)
    found = find_leaks([Domain("x", tuple(files[:2]), tuple(files[2:]))])
    assert found.sentence() is None
    assert sorted(read) == files[1:3]


def test_the_search_ends_in_time_and_says_how_far_it_came(tmp_path: Path) -> None:
    flat(tmp_path / "1.png", 1)
    flat(tmp_path / "2.png", 1)
    found = find_leaks([Domain("x", (tmp_path / "1.png",), (tmp_path / "2.png",))], seconds=-1)
    assert (found.checked, found.total) == (0, 1)


def test_missing_files_are_passed_over(tmp_path: Path) -> None:
    domain = Domain("x", (tmp_path / "1.png",), (tmp_path / "1.png",))
    assert find_leaks([domain]).pairs == ()
