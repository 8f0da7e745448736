"""Methods of other packages, which the entry-point group ``crossimage.methods`` lists by name."""

from __future__ import annotations

import dataclasses
import inspect
import re
import sys
import warnings
from functools import lru_cache
from importlib.metadata import EntryPoint, EntryPoints, entry_points

from crossimage.config import ClassesConfig, Config, SuperResolutionConfig
from crossimage.labels import ClassPairsConfig, LabelledConfig, ReferencesConfig
from crossimage.methods.base import Method

GROUP = "crossimage.methods"

_TUPLES = (
    "letters",
    "player_order",
    "inference_players",
    "inference_fixed",
    "labelled",
    "run_settings",
    "test_settings",
    "targets",
)


def external_names() -> tuple[str, ...]:
    """Return the names of all methods that installed packages offer; none is imported."""
    return tuple(dict.fromkeys(entry.name for entry in entry_points(group=GROUP)))


def load_external(name: str) -> type[Method] | None:
    """Import the method of a name from the package that offers it; None if no package does.

    Raises:
        ValueError: Several packages offer it, it cannot be imported, or it is not a method.
    """
    entries = tuple(entry_points(group=GROUP, name=name))
    if not entries:
        return None
    packages = " and ".join(sorted(_package(entry) for entry in entries))
    if len(entries) > 1:
        raise ValueError(f"{packages} both offer a method '{name}'; uninstall one of them")
    check_name(name, f"the method of {packages}")
    if not entries[0].attr:
        module, _, attribute = entries[0].value.rpartition(".")
        raise ValueError(
            f"the entry point of the method '{name}' of {packages} is '{entries[0].value}'; write "
            f"module:Class, such as {module or 'package.module'}:{attribute}"
        )
    try:
        method = entries[0].load()
    except Exception as error:  # a package's code raises errors of all kinds
        reason = " ".join(str(error).split())
        raise ValueError(
            f"the method '{name}' of {packages} cannot be imported: "
            f"{type(error).__name__}: {reason}"
        ) from error
    return check_method(method, f"the method '{name}' of {packages}")


def warn_if_offered(name: str) -> None:
    """Warn if a package offers a method under the name of a built-in one."""
    for entry in _offered(tuple(sys.path)).select(name=name):
        warnings.warn(
            f"{_package(entry)} offers a method '{name}', which is the name of a built-in one; "
            "the built-in method is used",
            stacklevel=3,
        )


@lru_cache(maxsize=1)
def _offered(path: tuple[str, ...]) -> EntryPoints:
    """Return what packages offer; reading the metadata of all of them takes milliseconds."""
    return entry_points(group=GROUP)


def check_name(name: str, source: str) -> None:
    """Refuse names that a method cannot have.

    Args:
        name: The name.
        source: What has it, for the error message.

    Raises:
        ValueError: It has other characters than lower-case letters, digits and underscores.
    """
    if not re.fullmatch("[a-z][a-z0-9_]*", name):
        raise ValueError(
            f"'{name}' cannot name {source}; use lower-case letters, digits and underscores"
        )


def check_method(method: object, source: str) -> type[Method]:
    """Return a method's class if it is complete.

    Args:
        method: The object to check.
        source: Its description, for the error message.

    Raises:
        ValueError: It is not a subclass of ``Method``, is abstract, has a text in place of a tuple,
            or has no config class, or one without weights or the settings that its data needs.
    """
    if not (isinstance(method, type) and issubclass(method, Method)):
        raise ValueError(f"{source} is {method!r}; expected a subclass of crossimage.Method")
    if inspect.isabstract(method):
        missing = ", ".join(sorted(method.__abstractmethods__))
        raise ValueError(f"{source} is abstract; it does not define {missing}")
    config = getattr(method, "Config", None)
    if not (isinstance(config, type) and issubclass(config, Config)):
        raise ValueError(
            f"{source} has no config class; set Config to a subclass of crossimage.config.Config"
        )
    for name in _TUPLES:
        if isinstance(value := getattr(method, name), str):
            raise ValueError(f"{source} sets {name} to the text '{value}'; write ('{value}',)")
    for player in method.inference_players:
        if player not in method.player_order:
            raise ValueError(
                f"{source} names {player} in inference_players, but not in player_order; add it"
            )
    if not any(
        field.name == "weights" and dataclasses.is_dataclass(field.default_factory)
        for field in dataclasses.fields(config)
    ):
        raise ValueError(
            f"{source} has a Config without weights; add a field weights whose default_factory is "
            "a settings class with one number per loss term, and decorate Config with @settings"
        )
    for learns, data, base in (
        (method.layout == "labelled", "label vectors", LabelledConfig),
        (method.layout == "classes", "images of classes", ReferencesConfig),
        (method.layout == "class_pairs", "pairs of classes", ClassPairsConfig),
        (method.layout == "super_resolution", "small versions of images", SuperResolutionConfig),
        (bool(method.labelled), "classes", ClassesConfig),
    ):
        if learns and not issubclass(config, base):
            package = base.__module__.rpartition(".")[0]
            raise ValueError(
                f"{source} learns from {data}; derive its Config from {package}.{base.__name__}"
            )
    return method


def _package(entry: EntryPoint) -> str:
    dist = entry.dist
    return f"the package {dist.name} {dist.version}" if dist else "an unknown package"
