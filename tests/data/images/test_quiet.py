import os
import subprocess
import sys

from PIL import Image

from crossimage.data.images.quiet import libraries_quiet

DAMAGED = """
import sys
from crossimage.data.images.files import verify
try:
    verify(sys.argv[1])
except ValueError as error:
    print(error)
"""


def test_libraries_print_nothing_about_a_damaged_file(tmp_path):
    Image.radial_gradient("L").convert("1").save(tmp_path / "x.tif", compression="group4")
    data = bytearray((tmp_path / "x.tif").read_bytes())
    data[8:60] = bytes(52)
    (tmp_path / "x.tif").write_bytes(data)
    done = subprocess.run(
        [sys.executable, "-c", DAMAGED, str(tmp_path / "x.tif")], capture_output=True, text=True
    )
    assert done.stderr == ""


def test_what_others_print_meanwhile_is_kept(capfd):
    with libraries_quiet():
        os.write(2, b"TIFFFillStrip: Read error on strip 0.\n")
        os.write(2, b"progress: 3 of 4\n")
    assert capfd.readouterr().err == "progress: 3 of 4\n"
