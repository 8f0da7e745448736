from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from crossimage.data.films.decoding import frames
from crossimage.data.films.opening import FilmError, probe_film
from tests.data.films.films import BOTTOM, SQUARE, TOP, near, write_film


def test_all_frames_come_in_order_with_their_times(tmp_path: Path) -> None:
    read = list(frames(write_film(tmp_path / "film.mp4")))
    assert [round(time, 3) for time, _ in read] == [number / 10 for number in range(20)]
    pixels = read[-1][1]
    assert pixels.shape == (48, 64, 3)
    assert near(pixels[2, 60], TOP) and near(pixels[40, 60], BOTTOM)
    assert near(pixels[4, 4], SQUARE)


@pytest.mark.parametrize(("rotation", "red"), [(90, "left"), (180, "below"), (270, "right")])
def test_a_film_is_turned_as_it_states(tmp_path: Path, rotation: int, red: str) -> None:
    _, pixels = next(frames(write_film(tmp_path / "film.mp4", 1, rotation=rotation)))
    height, width = pixels.shape[:2]
    assert (width, height) == ((64, 48) if rotation == 180 else (48, 64))
    centre = {
        "left": pixels[height // 2, 3],
        "below": pixels[-3, width // 2],
        "right": pixels[height // 2, -3],
    }
    assert near(centre[red], TOP)


@pytest.mark.parametrize(
    "text",
    ["ffconcat version 1.0\nfile other.mp4\n",
     "#EXTM3U\n#EXT-X-TARGETDURATION:5\n#EXTINF:2.0,\nother.ts\n#EXT-X-ENDLIST\n"],
)  # fmt: skip
@pytest.mark.parametrize("name", ["film.mp4", "film.m3u8"])
def test_a_list_of_other_files_is_no_film(tmp_path: Path, name: str, text: str) -> None:
    other = write_film(tmp_path / "other.mp4")
    write_film(tmp_path / "other.ts", codec="mpeg2video", rate=25)
    (tmp_path / name).write_text(text)
    with pytest.raises(FilmError, match="is not a film"):
        probe_film(tmp_path / name)
    probe_film(other)


def test_other_files_are_no_films(tmp_path: Path) -> None:
    Image.new("RGB", (32, 32)).save(tmp_path / "image.png")
    Image.new("RGB", (32, 32)).save(tmp_path / "image.jpg")
    (tmp_path / "text.txt").write_text("words\n" * 99)
    (tmp_path / "random.mp4").write_bytes(np.random.default_rng(0).bytes(5000))
    (tmp_path / "empty.mp4").write_bytes(b"")
    for path in sorted(tmp_path.iterdir()):
        with pytest.raises(FilmError, match=f"{path.name} is not a film: "):
            probe_film(path)
    with pytest.raises(FileNotFoundError, match="does not exist; expected a film"):
        probe_film(tmp_path / "nowhere.mp4")


def test_a_film_that_ends_early_says_so_after_its_frames(tmp_path: Path) -> None:
    whole = write_film(tmp_path / "whole.avi", 40)
    torn = tmp_path / "torn.avi"
    torn.write_bytes(whole.read_bytes()[: whole.stat().st_size // 2])
    read = frames(torn)
    next(read)
    with pytest.raises(FilmError, match=r"torn\.avi ends early or is damaged"):
        list(read)


def test_the_missing_package_is_one_sentence_with_the_command(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr("crossimage.data.films.opening.find_spec", lambda name: None)
    with pytest.raises(ValueError, match=r"PyAV; run `pip install 'crossimage\[video\]'`"):
        next(frames(tmp_path))
