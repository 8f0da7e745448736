import subprocess
import sys

import pytest

RESIDENT_AFTER_A_LARGE_BLOCK = """
import ctypes, os, sys
if not hasattr(ctypes.CDLL(None), "mallopt"):
    print("no GNU C library")
    raise SystemExit
if sys.argv[1] == "keep":
    from crossimage.utils.memory import keep_memory
    keep_memory()
block = bytearray(b"x") * 2**26
del block
print(int(open("/proc/self/statm").read().split()[1]) * os.sysconf("SC_PAGESIZE"))
"""


@pytest.mark.skipif(sys.platform != "linux", reason="the GNU C library is Linux's")
def test_freed_memory_stays_with_the_process() -> None:
    resident = {}
    for choice in ("keep", "leave"):
        command = [sys.executable, "-c", RESIDENT_AFTER_A_LARGE_BLOCK, choice]
        output = subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()
        if output == "no GNU C library":
            pytest.skip(output)
        resident[choice] = int(output)
    assert resident["keep"] - resident["leave"] == pytest.approx(2**26, rel=0.2)
