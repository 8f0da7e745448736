"""PyTorch's compiler is loaded only by what compiles."""

import subprocess
import sys
from pathlib import Path

from tests.conftest import as_arguments, steady

RUN = """
import sys
from crossimage.cli.app import main
run = sys.argv[sys.argv.index("--out") + 1]
more = [*sys.argv[1:], "steps=3"]  # reads the optimizers' state
for words in (sys.argv[1:], ["info", run], more, ["info", run]):
    assert main(words) == 0
print("loaded:", [name for name in sys.modules if name.startswith(("torch._dynamo", "torch._ind"))])
"""


def test_runs_and_models_are_read_without_the_compiler(folders: Path, tmp_path: Path) -> None:
    words = ["train", "cyclegan", "--data", str(folders), "--out", str(tmp_path / "run")]
    settings = as_arguments(steady(steps=2, save_every=1))
    command = [sys.executable, "-c", RUN, *words, *settings]
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    assert done.stdout.splitlines()[-1] == "loaded: []"
    assert "continuing" in done.stdout
