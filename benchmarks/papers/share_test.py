"""Give every other test pair to the training set, for a segmenter that should know the test scenes.

    python benchmarks/papers/share_test.py FOLDER OUT

FOLDER holds train and test, each with a folder per domain and files of the same names in all. OUT
gets links to them: in OUT/train all training files and every second test file, in OUT/test the
other test files.
"""

from __future__ import annotations

import argparse
from pathlib import Path


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("folder", type=Path)
    parser.add_argument("out", type=Path)
    options = parser.parse_args()
    for domain in sorted(folder.name for folder in (options.folder / "test").iterdir()):
        train, test = (
            sorted((options.folder / split / domain).iterdir()) for split in ("train", "test")
        )
        for split, files in (("train", train + test[1::2]), ("test", test[::2])):
            folder = options.out / split / domain
            folder.mkdir(parents=True, exist_ok=True)
            for file in files:
                if not (link := folder / file.name).is_symlink():
                    link.symlink_to(file.resolve())


if __name__ == "__main__":
    main()
