"""Files that consist of very many pieces are refused before they take long."""

import io
from pathlib import Path

import pytest
from PIL import Image

from crossimage.data.images.files import probe, verify
from crossimage.data.images.metadata import read_metadata
from crossimage.data.images.pixels import ImageError


def jpeg(filling: int) -> bytes:
    stream = io.BytesIO()
    Image.new("RGB", (8, 8)).save(stream, "JPEG")
    data = stream.getvalue()
    return data[:2] + b"\xff" * filling + data[2:]


@pytest.mark.parametrize(
    ("name", "data"),
    [("x.jpg", jpeg(3000)), ("x.ppm", b"P6 #" + b"c" * 3000 + b"\n3 3 255\n" + bytes(27))],
)
def test_a_header_that_never_ends_is_refused(
    name: str, data: bytes, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / name
    path.write_bytes(data)
    verify(path)
    monkeypatch.setattr("crossimage.data.images.checks.pieces._MOST", 1000)
    for use in (probe, verify):
        with pytest.raises(ImageError, match=r"more than 1,000 pieces.*; save it again") as error:
            use(path)
        assert str(path) in str(error.value)
    assert read_metadata(path).lost
