"""The methods, one file a paper, in one explicit table."""

from crossimage.methods.base import Method
from crossimage.methods.munit import MUNIT

METHODS: dict[str, type[Method]] = {
    "munit": MUNIT,
}

__all__ = ["METHODS"]
