"""Link the images of a folder into one folder per class, for methods that know no tables.

    python benchmarks/papers/link_classes.py FOLDER OUT --column gender --classes 0=men 1=women

FOLDER holds attributes.csv, with the columns split, file and that of the classes, and a folder of
images per split. OUT gets SPLIT/CLASS/FILE, without copies.
"""

from __future__ import annotations

import argparse
import csv
from pathlib import Path


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("folder", type=Path)
    parser.add_argument("out", type=Path)
    parser.add_argument("--column", required=True, help="column of the classes")
    parser.add_argument("--classes", nargs="+", required=True, metavar="VALUE=NAME")
    options = parser.parse_args()
    names = dict(one.split("=", 1) for one in options.classes)
    with (options.folder / "attributes.csv").open(encoding="utf-8", newline="") as table:
        for row in csv.DictReader(table):
            folder = options.out / row["split"] / names[row[options.column]]
            folder.mkdir(parents=True, exist_ok=True)
            if not (link := folder / row["file"]).is_symlink():
                link.symlink_to(options.folder.resolve() / row["split"] / row["file"])


if __name__ == "__main__":
    main()
