from pathlib import Path

import av
import pytest

from crossimage.data.films.complete import check_complete
from crossimage.data.films.decoding import frames
from crossimage.data.films.opening import FilmError
from tests.data.films.films import image, write_film


@pytest.mark.parametrize("name", ["film.mp4", "film.mov", "film.mkv", "film.webm"])
@pytest.mark.parametrize("lost", [1, 200])
def test_a_film_whose_last_bytes_are_missing_is_named(tmp_path: Path, name: str, lost: int) -> None:
    codec = "libvpx" if name.endswith("webm") else "mpeg4"
    path = write_film(tmp_path / name, 20, codec=codec)
    check_complete(path)
    whole = path.read_bytes()
    path.write_bytes(whole[:-lost])
    with pytest.raises(
        FilmError, match=rf"{name} ends early: it has {len(whole) - lost:,} of {len(whole):,} bytes"
    ):
        check_complete(path)


def test_a_film_that_lost_frames_too_few_to_be_noticed_is_refused_after_them(
    tmp_path: Path,
) -> None:
    path = write_film(tmp_path / "film.mkv", 20)
    path.write_bytes(path.read_bytes()[:-300])
    with pytest.raises(FilmError, match="ends early"):
        list(frames(path))


def test_bytes_behind_the_film_and_lengths_that_are_not_stated_are_allowed(tmp_path: Path) -> None:
    path = write_film(tmp_path / "film.mp4", 5)
    path.write_bytes(path.read_bytes() + b"\0\0\0\0behind the film")
    check_complete(path)
    live = tmp_path / "live.mkv"
    with av.open(str(live), "w", options={"live": "1"}) as container:
        stream = container.add_stream("mpeg4", rate=10)
        stream.width, stream.height, stream.pix_fmt = 64, 48, "yuv420p"
        for number in range(5):
            frame = av.VideoFrame.from_ndarray(image(number), format="rgb24")
            container.mux(stream.encode(frame))
        container.mux(stream.encode())
    check_complete(live)
    assert len(list(frames(live))) == 5


@pytest.mark.parametrize("name", ["film.avi", "film.ts", "film.flv", "film.mpg"])
def test_files_of_other_kinds_pass(tmp_path: Path, name: str) -> None:
    codec = {"film.flv": "flv1", "film.mpg": "mpeg2video"}.get(name, "mpeg4")
    path = write_film(tmp_path / name, 5, rate=25, codec=codec)
    path.write_bytes(path.read_bytes()[:-100])
    check_complete(path)
