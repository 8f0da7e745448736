"""Images that tests of the readers make."""

import struct
import zlib

import numpy as np
import torch

from crossimage.data.images.checks.png import chunk
from crossimage.data.images.writing import fill_image
from crossimage.utils.files import atomic

RNG = np.random.default_rng(0)


def png16(path, array):
    """A 16-bit PNG, which Pillow can't write for colours."""
    kind = {1: 0, 2: 4, 3: 2, 4: 6}[array.shape[2]]
    height, width = array.shape[:2]

    def chunk(name, data):
        body = name + data
        return struct.pack(">I", len(data)) + body + struct.pack(">I", zlib.crc32(body))

    lines = b"".join(b"\0" + row.astype(">u2").tobytes() for row in array)
    header = struct.pack(">IIBBBBB", width, height, 16, kind, 0, 0, 0)
    path.write_bytes(
        b"\x89PNG\r\n\x1a\n"
        + chunk(b"IHDR", header)
        + chunk(b"IDAT", zlib.compress(lines))
        + chunk(b"IEND", b"")
    )


def write_image(path, x, *args):
    """An image file as results are written."""
    with atomic(path) as file:
        fill_image(file, path, x, *args)


def picture(*shape):
    return RNG.integers(0, 256, shape, np.uint8)


def as_tensor(array):
    """What an 8-bit array (H, W, C) should be read as."""
    return torch.from_numpy(array.astype(np.float32) / 127.5 - 1).permute(2, 0, 1)


def packed(values, bits):
    """Values (H, W) of few bits as rows of bytes."""
    parts = np.unpackbits(values[:, :, None], axis=2)[:, :, 8 - bits :]
    return np.packbits(parts.reshape(len(values), -1), axis=1)


def png_of_bits(values, bits, *before, after=()):
    """The bytes of a gray PNG of 1 to 16 bits, with chunks before and after its pixels."""
    rows = values.astype(">u2").view(np.uint8) if bits == 16 else packed(values, bits)
    lines = b"".join(b"\0" + row.tobytes() for row in rows)
    header = struct.pack(">IIBBBBB", *values.shape[::-1], bits, 0, 0, 0, 0)
    parts = [(b"IHDR", header), *before, (b"IDAT", zlib.compress(lines)), *after, (b"IEND", b"")]
    return b"\x89PNG\r\n\x1a\n" + b"".join(chunk(*part) for part in parts)
