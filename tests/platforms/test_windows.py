"""The package on Windows, as far as that can be simulated on another system."""

import json
import subprocess
import sys
from pathlib import Path

from tests.conftest import small


def test_every_module_is_imported_and_a_model_is_trained_and_used(
    folders: Path, tmp_path: Path
) -> None:
    """``windows.py`` removes what that system lacks, before the package is imported."""
    script = Path(__file__).with_name("windows.py")
    command = [sys.executable, script, folders, tmp_path / "run", json.dumps(small(steps=2))]
    done = subprocess.run(command, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr
