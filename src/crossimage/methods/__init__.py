"""The methods, one file a paper, in one explicit table."""

from crossimage.methods.base import Method
from crossimage.methods.bicyclegan import BicycleGAN
from crossimage.methods.cyclegan import CycleGAN
from crossimage.methods.munit import MUNIT
from crossimage.methods.pix2pix import Pix2Pix
from crossimage.methods.unit import UNIT
from crossimage.methods.unit_da import UNITDA

METHODS: dict[str, type[Method]] = {
    "munit": MUNIT,
    "cyclegan": CycleGAN,
    "unit": UNIT,
    "unit_da": UNITDA,
    "pix2pix": Pix2Pix,
    "bicyclegan": BicycleGAN,
}

__all__ = ["METHODS"]
