"""Containers whose contents have a static type."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Generic, TypeVar

from torch import nn

N = TypeVar("N", bound=nn.Module)


class NetworkDict(nn.ModuleDict, Generic[N]):
    """Networks of one type by name, such as the generator of each domain.

    It is a ``ModuleDict`` whose look-ups return the type of its networks: a type checker knows all
    attributes of ``NetworkDict({"a": AutoEncoder(...)})["a"]``, where ``ModuleDict`` would need a
    cast.

    Args:
        networks: The networks by name.
    """

    def __init__(self, networks: Mapping[str, N]) -> None:
        super().__init__(networks)

    if TYPE_CHECKING:

        def __getitem__(self, key: str) -> N:  # noqa: D105 - the same look-up, with a type
            ...
