"""Lines that libraries print and log about damaged files, without naming them."""

from __future__ import annotations

import logging
import os
import re
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from tempfile import TemporaryFile

_STDERR = 2
_OF_LIBRARIES = re.compile(
    rb"\s*(\S+\.tif: )?(_?TIFF|JPEG|LZW|Zip|ZIP|ZSTD|LZMA|Fax|PackBits|PixarLog|WebP|LERC|LogLuv|"
    rb"MissingRequired|libpng|PNG (warning|error): |Apparently should be |Unrecognized WMPTag|"
    rb"tempfile\.tif|"
    # functions of libtiff, which begin what they print
    rb"(EstimateStripByteCounts|ChopUpSingleUncompressedStrip|allocChoppedUpStripArrays|"
    rb"CheckDirCount|setExtraSamples|InitCCITTFax3|DumpMode\w+|Predictor\w+|NeXT\w+|Thunder\w+|OJPEG\w+|JBIG\w+|"
    rb"CCITTFax\w+|LogL16\w+|SGILog\w+|(hor|fp|swabHor)(Acc|Diff)\w*|gt(Strip|Tile)\w+): )"
)
_lock = threading.Lock()

# a damaged file is reported once, by the caller; without a handler, Python prints what is logged
for _library in ("PIL", "tifffile"):
    logging.getLogger(_library).addHandler(logging.NullHandler())


def _renew() -> None:
    """Replace the lock in a forked process, whose other threads are gone."""
    global _lock
    _lock = threading.Lock()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_renew)


@contextmanager
def libraries_quiet() -> Iterator[None]:
    """Drop what libtiff, libjpeg and libpng print; what others print meanwhile comes afterwards.

    Whatever concerns pixels is also an error, which the caller reports with the file's name.
    """
    with _lock, TemporaryFile() as printed:
        try:
            before = os.dup(_STDERR)
        except OSError:  # there is no stderr
            yield
            return
        if sys.stderr is not None:
            sys.stderr.flush()
        os.dup2(printed.fileno(), _STDERR)
        try:
            yield
        finally:
            os.dup2(before, _STDERR)
            os.close(before)
            printed.seek(0)
            for line in printed:
                if not _OF_LIBRARIES.match(line):
                    os.write(_STDERR, line)
