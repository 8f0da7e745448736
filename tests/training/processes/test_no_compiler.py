"""PyTorch's compiler is loaded only by what compiles."""

import subprocess
import sys
from pathlib import Path

from tests.conftest import as_arguments, small

RUN = """
import sys
from crossimage.cli.app import main
status = main(sys.argv[1:]) or main(["info", sys.argv[sys.argv.index("--out") + 1]])
compiler = [name for name in sys.modules if name.startswith(("torch._dynamo", "torch._inductor"))]
print("loaded:", compiler[:3])
sys.exit(status)
"""


def test_runs_and_models_are_read_without_the_compiler(folders: Path, tmp_path: Path) -> None:
    words = ["train", "munit", "--data", str(folders), "--out", str(tmp_path / "run")]
    command = [sys.executable, "-c", RUN, *words, *as_arguments(small(steps=2, save_every=1))]
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    assert done.stdout.splitlines()[-1] == "loaded: []"
    again = subprocess.run(
        [*command, "steps=3"], check=True, capture_output=True, text=True
    )  # reads the optimizers' state
    assert again.stdout.splitlines()[-1] == "loaded: []"
