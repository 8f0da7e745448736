from pathlib import Path

import av
import pytest

from crossimage.data.videos.complete import check_complete
from crossimage.data.videos.decoding import frames
from crossimage.data.videos.opening import VideoError
from tests.data.videos.videos import image, write_video


@pytest.mark.parametrize("name", ["video.mp4", "video.mov", "video.mkv", "video.webm"])
@pytest.mark.parametrize("lost", [1, 200])
def test_a_video_whose_last_bytes_are_missing_is_named(
    tmp_path: Path, name: str, lost: int
) -> None:
    codec = "libvpx" if name.endswith("webm") else "mpeg4"
    path = write_video(tmp_path / name, 20, codec=codec)
    check_complete(path)
    whole = path.read_bytes()
    path.write_bytes(whole[:-lost])
    with pytest.raises(
        VideoError,
        match=rf"{name} ends early: it has {len(whole) - lost:,} of {len(whole):,} bytes",
    ):
        check_complete(path)


def test_a_video_that_lost_frames_too_few_to_be_noticed_is_refused_after_them(
    tmp_path: Path,
) -> None:
    path = write_video(tmp_path / "video.mkv", 20)
    path.write_bytes(path.read_bytes()[:-300])
    with pytest.raises(VideoError, match="ends early"):
        list(frames(path))


def test_bytes_behind_the_video_and_lengths_that_are_not_stated_are_allowed(tmp_path: Path) -> None:
    path = write_video(tmp_path / "video.mp4", 5)
    path.write_bytes(path.read_bytes() + b"\0\0\0\0behind the video")
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


@pytest.mark.parametrize("name", ["video.avi", "video.ts", "video.flv", "video.mpg"])
def test_files_of_other_kinds_pass(tmp_path: Path, name: str) -> None:
    codec = {"video.flv": "flv1", "video.mpg": "mpeg2video"}.get(name, "mpeg4")
    path = write_video(tmp_path / name, 5, rate=25, codec=codec)
    path.write_bytes(path.read_bytes()[:-100])
    check_complete(path)
