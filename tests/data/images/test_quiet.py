import os
import struct
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


def test_what_pillow_logs_about_a_damaged_file_is_not_printed(tmp_path):
    Image.new("RGB", (8, 8)).save(tmp_path / "x.tif")
    data = bytearray((tmp_path / "x.tif").read_bytes())
    entry = data.index(struct.pack("<HHI", 277, 3, 1))  # samples per pixel
    data[entry + 8 : entry + 10] = struct.pack("<H", 44544)
    (tmp_path / "x.tif").write_bytes(data)
    logged = "from PIL import Image; import sys; Image.open(sys.argv[1])"
    read = "import crossimage.data.images.files; " + logged
    for code, printed in ((logged, True), (read, False), (DAMAGED, False)):
        done = subprocess.run(
            [sys.executable, "-c", code, str(tmp_path / "x.tif")], capture_output=True, text=True
        )
        assert ("More samples per pixel" in done.stderr) == printed


LINES = [
    "TIFFFillStrip: Read error on strip 0.",
    "EstimateStripByteCounts: Cannot determine size of unknown tag type 256.",
    'PredictorSetup: Horizontal differencing "Predictor" not supported.',
    "Apparently should be 2,1..",
    "PNG warning: IDAT: incorrect data check",
    "LogL16Decode: Not enough data at row 3.",
]


def test_what_others_print_meanwhile_is_kept(capfd):
    with libraries_quiet():
        os.write(2, "".join(f"{line}\n" for line in LINES).encode())
        os.write(2, b"progress: 3 of 4\n")
    assert capfd.readouterr().err == "progress: 3 of 4\n"
