"""Translation methods, one module per paper, and the table that lists them."""

from typing import TypeVar

from crossimage.methods.base import Method
from crossimage.methods.bicyclegan import BicycleGAN
from crossimage.methods.cut import CUT
from crossimage.methods.cyclegan import CycleGAN
from crossimage.methods.diat import DIAT
from crossimage.methods.dtn import DTN
from crossimage.methods.external import (
    check_method,
    check_name,
    external_names,
    load_external,
    warn_if_offered,
)
from crossimage.methods.funit import FUNIT
from crossimage.methods.gan import GAN
from crossimage.methods.munit import MUNIT
from crossimage.methods.pix2pix import Pix2Pix
from crossimage.methods.sincut import SinCUT
from crossimage.methods.sketch_to_photo import SketchToPhoto
from crossimage.methods.sketchygan import SketchyGAN
from crossimage.methods.srgan import SRGAN
from crossimage.methods.stargan import StarGAN
from crossimage.methods.stargan_v2 import StarGANv2
from crossimage.methods.unit import UNIT
from crossimage.methods.unit_da import UNITDA
from crossimage.utils.names import did_you_mean
from crossimage.utils.texts.shown import shown

M = TypeVar("M", bound=Method)

METHODS: dict[str, type[Method]] = {
    "munit": MUNIT,
    "cyclegan": CycleGAN,
    "unit": UNIT,
    "unit_da": UNITDA,
    "pix2pix": Pix2Pix,
    "bicyclegan": BicycleGAN,
    "gan": GAN,
    "diat": DIAT,
    "stargan": StarGAN,
    "stargan_v2": StarGANv2,
    "funit": FUNIT,
    "dtn": DTN,
    "srgan": SRGAN,
    "cut": CUT,
    "sketchygan": SketchyGAN,
    "sketch_to_photo": SketchToPhoto,
    "sincut": SinCUT,
}
"""The methods by name: the built-in ones, and those that :func:`register` has added."""

__all__ = ["METHODS", "find_method", "method_name", "method_names", "register"]

_BUILT_IN = frozenset(METHODS)


def register(method: type[M], name: str | None = None) -> type[M]:
    """Make a custom method usable by name, to train it and to load its models.

    Can be used as a class decorator. A method registered again under its name, as in a notebook,
    replaces the earlier one. Packages list their methods in the entry-point group
    ``crossimage.methods`` instead, so that the command line knows them too.

    Args:
        method: The class; its ``Config`` holds the settings with their defaults.
        name: Lower-case letters, digits and underscores; by default the class's name in lower case.

    Returns:
        The class.

    Raises:
        ValueError: The class is not a complete method, or a built-in method has the name.
    """
    check_method(method, "the method to register")
    name = method.__name__.lower() if name is None else name
    check_name(name, "a method")
    if name in _BUILT_IN and METHODS.get(name) is not method:
        raise ValueError(
            f"'{name}' is a built-in method; register {method.__name__} under another name"
        )
    METHODS[name] = method
    return method


def find_method(name: str, source: object) -> type[Method]:
    """Return the method of a name, built in, registered, or of an installed package.

    Args:
        name: Name of the method.
        source: The recipe or file that names it, for the error message.

    Raises:
        ValueError: The method is unknown (the nearest name is suggested), its name is not a
            string, or the package that offers it cannot be used.
    """
    if not isinstance(name, str):  # as in a file that somebody has changed
        raise ValueError(f"{source}: expected the name of a method, found {shown(name)}")
    if name in METHODS:
        if name in _BUILT_IN:
            warn_if_offered(name)
        return METHODS[name]
    if method := load_external(name):
        METHODS[name] = method
        return method
    names = method_names()
    hint = did_you_mean(name, names) or ";"
    raise ValueError(
        f"{source}: unknown method {shown(name)}{hint} known methods: {', '.join(names)}; for "
        "another, import or install the package that defines it"
    )


def method_names() -> tuple[str, ...]:
    """Return the names of all methods, including those of installed packages."""
    return tuple(dict.fromkeys([*METHODS, *external_names()]))


def method_name(method: type[Method]) -> str:
    """Return the name of a method.

    Raises:
        ValueError: It is not registered.
    """
    for name, known in METHODS.items():
        if known is method:
            return name
    raise ValueError(f"{method.__name__} is not registered; call crossimage.register first")
