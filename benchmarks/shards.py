"""Time to index a tar shard and to read its images, against the same images in a folder.

    python benchmarks/shards.py [COUNT]

Times are seconds of the processor.
"""

from __future__ import annotations

import argparse
import io
import tarfile
import time
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
from PIL import Image

from crossimage.data.images.files import decode
from crossimage.data.shards.find import find_members
from crossimage.data.shards.index import read_index
from crossimage.data.sources.find import find_files


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("count", nargs="?", type=int, default=50_000, help="images of the shard")
    count = parser.parse_args().count
    pixels = np.random.default_rng(0).integers(0, 256, (64, 64, 3), np.uint8)
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, "JPEG")
    data = file.getvalue()
    with TemporaryDirectory() as place:
        folder, shard = Path(place, "folder"), Path(place, "shard.tar")
        folder.mkdir()
        with tarfile.open(shard, "w") as archive:
            for number in range(count):
                info = tarfile.TarInfo(f"{number:07}.jpg")
                info.size = len(data)
                archive.addfile(info, io.BytesIO(data))
                (folder / info.name).write_bytes(data)
        start = time.process_time()
        read_index(shard)
        print(f"index of {count:,} members: {time.process_time() - start:.2f} s")
        for name, find in (("folder", lambda: find_files(folder)),
                           ("shard", lambda: find_members([shard]))):  # fmt: skip
            start = time.process_time()
            images = find().images
            found = time.process_time() - start
            start = time.process_time()
            for image in images[:2000]:
                decode(image)
            each = (time.process_time() - start) / len(images[:2000])
            print(f"{name}: found in {found:.2f} s, then {each * 1e6:.0f} us per image")


if __name__ == "__main__":
    main()
