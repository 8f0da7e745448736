"""Mean and covariance of real images' features, from ``.npz`` files such as clean-fid's."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from crossimage.evaluation.options import Resize
from crossimage.utils.tensor_files.npz_files import read_arrays

_EXPECTED = "expected a folder of images, or .npz statistics with mu and sigma"
_LARGEST = (
    8 << 24
) + 4096  # bytes of an array: a covariance of 4,096 features in float64, and its header
_TOLERANCE = 1e-3  # of the largest value of a covariance, for what rounding may have done to it


@dataclass(frozen=True)
class Moments:
    """Mean and covariance of the features of a set of images.

    Attributes:
        path: The file that they come from.
        mean: Mean (D,), float64.
        covariance: Covariance (D, D), float64.
    """

    path: Path
    mean: Tensor
    covariance: Tensor

    @property
    def dim(self) -> int:
        """Number of features, D."""
        return len(self.mean)

    def warning(self, resize: Resize) -> str:
        """Return why they may not fit features of images resized in a certain way; may be empty.

        The files do not say how images were resized for them, but clean-fid's names do, such as
        ``ffhq_clean_trainval70k_1024.npz``.
        """
        words = self.path.stem.lower().replace("-", "_").split("_")
        if "clean" in words:
            if resize == "clean":
                return ""
            return (
                f"by its name, {self.path.name} was made with clean-fid's resizing, and the "
                "results are resized as TensorFlow 1 does: add --resize clean"
            )
        if "legacy" in words and "tensorflow" in words:
            if resize == "tensorflow":
                return ""
            return (
                f"by its name, {self.path.name} was made with TensorFlow 1's resizing, and the "
                "results are resized as clean-fid does: leave out --resize clean"
            )
        return (
            f"{self.path.name} does not say how its images were resized; the figure is right only "
            f"if it was as the results are here, by --resize {resize} (pytorch-fid resizes in a "
            "third way)"
        )


def read_moments(path: Path) -> Moments:
    """Read statistics of real images as clean-fid, pytorch-fid and others write them.

    Args:
        path: An ``.npz`` file of the arrays ``mu`` (D,) and ``sigma`` (D, D).

    Raises:
        FileNotFoundError: The file does not exist.
        ValueError: It is not such a file, or holds values that no statistics can have.
    """
    arrays = read_arrays(path, ("mu", "sigma"), largest=_LARGEST, expected=_EXPECTED)
    mean, covariance = arrays["mu"], arrays["sigma"]
    _check(path, mean, covariance)
    to_tensor = torch.from_numpy
    return Moments(
        path, to_tensor(mean.astype(np.float64)), to_tensor(covariance.astype(np.float64))
    )


def _check(path: Path, mean: np.ndarray, covariance: np.ndarray) -> None:
    numbers = all(array.dtype.kind in "fiu" for array in (mean, covariance))
    if not numbers or mean.ndim != 1 or covariance.shape != (len(mean), len(mean)) or not len(mean):
        raise ValueError(
            f"{path} holds mu {mean.shape} of {mean.dtype} and sigma {covariance.shape} of "
            f"{covariance.dtype}; expected real numbers, (2048,) and (2048, 2048) for Inception-v3"
        )
    if not (np.isfinite(mean).all() and np.isfinite(covariance).all()):
        raise ValueError(f"{path} holds NaN or infinite values; make or download it again")
    scale = float(np.abs(covariance).max()) * _TOLERANCE
    if np.abs(covariance - covariance.T).max() > scale or covariance.diagonal().min() < -scale:
        raise ValueError(
            f"sigma in {path} is not a covariance: it is not symmetric, or has negative variances; "
            "make or download the file again"
        )
