"""The methods, one file a paper, in one explicit table."""

from crossimage.methods.base import Method
from crossimage.methods.bicyclegan import BicycleGAN
from crossimage.methods.cyclegan import CycleGAN
from crossimage.methods.diat import DIAT
from crossimage.methods.dtn import DTN
from crossimage.methods.gan import GAN
from crossimage.methods.munit import MUNIT
from crossimage.methods.pix2pix import Pix2Pix
from crossimage.methods.srgan import SRGAN
from crossimage.methods.stargan import StarGAN
from crossimage.methods.unit import UNIT
from crossimage.methods.unit_da import UNITDA
from crossimage.utils.names import did_you_mean

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
    "dtn": DTN,
    "srgan": SRGAN,
}

__all__ = ["METHODS", "find_method"]


def find_method(name: str, source: object) -> type[Method]:
    """Return the method that has a name.

    Args:
        name: A key of ``METHODS``.
        source: The recipe or file that names it, for the error message.

    Raises:
        ValueError: There is no such method; the nearest one is suggested.
    """
    if name not in METHODS:
        hint = did_you_mean(name, METHODS) or ";"
        raise ValueError(f"{source}: unknown method '{name}'{hint} known are {', '.join(METHODS)}")
    return METHODS[name]
