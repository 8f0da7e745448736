"""The rank of this process among those that train one run, known before PyTorch is imported."""

from __future__ import annotations

import os


def is_first_process() -> bool:
    """Return whether this is the only or the first process of a run.

    ``torchrun`` and Lightning set the ranks in the environment of the processes they start.
    """
    return all((os.environ.get(name) or "0") == "0" for name in ("RANK", "LOCAL_RANK", "NODE_RANK"))
