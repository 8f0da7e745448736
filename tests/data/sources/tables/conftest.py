from collections.abc import Callable
from pathlib import Path

import pytest
from PIL import Image

Put = Callable[..., Path]


@pytest.fixture
def put(tmp_path: Path) -> Put:
    """Write images below a folder, and the text of a table; returns the table's path."""

    def write(name: str, text: str, *images: str) -> Path:
        for image in images:
            (tmp_path / image).parent.mkdir(parents=True, exist_ok=True)
            Image.new("RGB", (8, 8)).save(tmp_path / image)
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text)
        return tmp_path / name

    return write
