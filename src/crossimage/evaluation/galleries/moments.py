"""Mean and covariance of real images' features, from ``.npz`` files such as clean-fid's."""

from __future__ import annotations

import math
import struct
import zipfile
import zlib
from dataclasses import dataclass
from pathlib import Path
from typing import IO

import numpy as np
import torch
from torch import Tensor

from crossimage.evaluation.options import Resize
from crossimage.utils.reading import FailedReadError, open_data, reads_noticed

_EXPECTED = "expected a folder of images, or .npz statistics with mu and sigma"
_LARGEST = (
    8 << 24
) + 4096  # bytes of an array: a covariance of 4,096 features in float64, and its header
_DAMAGE = (zipfile.BadZipFile, zlib.error, struct.error, EOFError, OSError, KeyError, RuntimeError)
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
    try:
        with reads_noticed(), open_data(path) as content:
            if content.read(2) != b"PK" or not zipfile.is_zipfile(content):
                raise ValueError(f"{path} is damaged or not an .npz file; {_EXPECTED}")
            _check_sizes(path, content)
            content.seek(0)
            with np.load(content, allow_pickle=False) as file:
                missing = [name for name in ("mu", "sigma") if name not in file]
                if missing:
                    raise ValueError(
                        f"{path} holds {', '.join(file.files) or 'nothing'}, but no "
                        f"{' and no '.join(missing)}; {_EXPECTED}"
                    )
                mean, covariance = (np.asarray(file[name]) for name in ("mu", "sigma"))
    except (FileNotFoundError, FailedReadError):
        raise
    except _DAMAGE as error:
        raise ValueError(f"{path} is damaged ({error}); copy or download it again") from None
    except ValueError as error:
        if str(path) in str(error):
            raise
        raise ValueError(f"{path} is not an .npz file of numbers; {_EXPECTED}") from None
    _check(path, mean, covariance)
    to_tensor = torch.from_numpy
    return Moments(
        path, to_tensor(mean.astype(np.float64)), to_tensor(covariance.astype(np.float64))
    )


def _check_sizes(path: Path, file: IO[bytes]) -> None:
    """Refuse arrays that are larger than statistics, or than their bytes, before they are read."""
    with zipfile.ZipFile(file) as archive:
        for entry in archive.infolist():
            if entry.filename not in ("mu.npy", "sigma.npy"):
                continue
            with archive.open(entry) as content:
                first = np.lib.format.read_magic(content) == (1, 0)
                read = np.lib.format.read_array_header_1_0
                shape, _, dtype = (read if first else np.lib.format.read_array_header_2_0)(content)
            size = math.prod(shape) * dtype.itemsize
            if max(size, entry.file_size) > _LARGEST or size > entry.file_size:
                raise ValueError(
                    f"{path} states {size:,} bytes for {entry.filename} and holds "
                    f"{entry.file_size:,}; expected at most {_LARGEST:,}, all of them held"
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
