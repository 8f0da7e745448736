"""Build hook: the README as package indexes show it, where relative links lead nowhere."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from hatchling.metadata.plugin.interface import MetadataHookInterface

_RELATIVE = re.compile(r"(!?)\[([^]]*)\]\((?!https?://|#)([^)]+)\)")


def absolute_links(text: str, source: str | None) -> str:
    """Make a README's relative images and links absolute.

    Args:
        text: Markdown with images and links relative to the root of the repository.
        source: The address of the repository, or None if it has none yet; an image then becomes its
            description in italics, and a link its text.
    """

    def replace(match: re.Match[str]) -> str:
        image, label, target = match.groups()
        if source is None:
            return f"*{label}*" if image else label
        return f"{image}[{label}]({source.rstrip('/')}/{'raw' if image else 'blob'}/HEAD/{target})"

    return _RELATIVE.sub(replace, text)


class ReadmeHook(MetadataHookInterface):
    """Set the project's readme from README.md and the `Source` address in `project.urls`."""

    def update(self, metadata: dict[str, Any]) -> None:
        """Add the readme to the metadata of the project."""
        text = (Path(self.root) / "README.md").read_text(encoding="utf-8")
        source = metadata.get("urls", {}).get("Source")
        metadata["readme"] = {
            "content-type": "text/markdown",
            "text": absolute_links(text, source),
        }
