"""Label maps of few bits: class numbers are those of the file, whatever its format."""

import struct

import numpy as np
import pytest

from crossimage.data.images.class_ids import read_class_ids
from crossimage.data.images.label_maps import read_label_map
from tests.data.images.helpers import RNG, packed, png_of_bits

IDS = RNG.integers(0, 4, (6, 11), np.uint8)


def pgm(highest: int, plain: bool) -> bytes:
    head = f"{'P2' if plain else 'P5'}\n11 6\n{highest}\n".encode()
    if plain:
        return head + " ".join(map(str, IDS.ravel())).encode() + b"\n"
    return head + IDS.astype(">u2" if highest > 255 else "u1").tobytes()


def tiff(bits: int) -> bytes:
    data = packed(IDS, bits).tobytes()
    tags = (
        (256, 3, 11), (257, 3, 6), (258, 3, bits), (259, 3, 1), (262, 3, 1), (273, 4, 8),
        (277, 3, 1), (278, 3, 6), (279, 4, len(data)),
    )  # fmt: skip
    entries = b"".join(struct.pack("<HHII", code, kind, 1, value) for code, kind, value in tags)
    return (
        b"II*\0"
        + struct.pack("<I", 8 + len(data))
        + data
        + struct.pack("<H", 9)
        + entries
        + b"\0" * 4
    )


FILES = {
    **{f"{bits}.png": png_of_bits(IDS, bits) for bits in (2, 4, 8)},
    **{f"{bits}.tif": tiff(bits) for bits in (2, 4, 8)},
    **{f"{highest}.pgm": pgm(highest, False) for highest in (3, 34, 255, 300, 65535)},
    **{f"plain{highest}.pgm": pgm(highest, True) for highest in (3, 34, 300)},
}


@pytest.mark.parametrize("name", FILES)
def test_class_numbers_are_those_of_the_file(tmp_path, name):
    (tmp_path / name).write_bytes(FILES[name])
    assert np.array_equal(read_class_ids(tmp_path / name), IDS)
    encoded = read_label_map(tmp_path / name, 4, 4)
    assert np.array_equal(encoded.argmax(0).numpy(), IDS)
