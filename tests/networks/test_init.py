"""The list of networks to choose from."""

import importlib
import re

from torch import nn

import crossimage.networks


def test_every_listed_network_is_where_the_list_says() -> None:
    text = crossimage.networks.__doc__ or ""
    entries = re.findall(r"((?:``\w+``,?\s+)+)\((\w+)\)", text)
    entries += [
        (f"``{name}``", module) for name, module in re.findall(r"``(\w+)``\s+\((\w+)\)", text)
    ]
    assert len(entries) > 10
    for names, module in entries:
        home = importlib.import_module(f"crossimage.networks.{module}")
        for name in re.findall(r"\w+", names):
            assert issubclass(getattr(home, name), nn.Module)
