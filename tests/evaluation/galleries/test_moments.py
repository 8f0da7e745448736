"""Statistics of real images are read from .npz files, and wrong files are named."""

import io
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from crossimage.evaluation.galleries.moments import Moments, read_moments


def write(path: Path, **arrays: Any) -> Path:
    np.savez_compressed(path, **arrays)
    return path


def test_means_and_covariances_are_read_in_double_precision(tmp_path: Path) -> None:
    mu = np.arange(4, dtype=np.float32)
    found = read_moments(write(tmp_path / "x.npz", mu=mu, sigma=np.eye(4), count=7))
    assert found.dim == 4 and found.mean.tolist() == [0, 1, 2, 3]
    assert str(found.covariance.dtype) == "torch.float64"


@pytest.mark.parametrize(
    ("arrays", "sentence"),
    [
        ({"feats": np.zeros((9, 4))}, "holds feats, but no mu and no sigma; expected a folder"),
        ({"mu": np.zeros(4)}, "holds mu, but no sigma"),
        ({"mu": np.zeros(4), "sigma": np.eye(3)}, r"sigma \(3, 3\) of float64; expected real"),
        ({"mu": np.zeros((1, 4)), "sigma": np.eye(4)}, r"holds mu \(1, 4\)"),
        ({"mu": np.zeros(0), "sigma": np.zeros((0, 0))}, r"holds mu \(0,\)"),
        ({"mu": np.array(["a"]), "sigma": np.eye(1)}, "expected real numbers"),
        ({"mu": np.full(4, np.nan), "sigma": np.eye(4)}, "holds NaN or infinite values"),
        ({"mu": np.zeros(4), "sigma": -np.eye(4)}, "not a covariance"),
        ({"mu": np.zeros(2), "sigma": np.array([[1.0, 0.5], [0, 1]])}, "it is not symmetric"),
        ({"mu": np.array([None]), "sigma": np.eye(1)}, "not an .npz file of numbers"),
    ],
)
def test_other_contents_are_named(arrays: Any, sentence: str, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=sentence) as error:
        read_moments(write(tmp_path / "x.npz", **arrays))
    assert "x.npz" in str(error.value)


def test_other_files_are_named(tmp_path: Path) -> None:
    whole = write(tmp_path / "whole.npz", mu=np.zeros(50), sigma=np.eye(50)).read_bytes()
    (tmp_path / "part.npz").write_bytes(whole[:200])
    (tmp_path / "noise.npz").write_bytes(b"noise")
    (tmp_path / "empty.npz").write_bytes(b"")
    np.save(tmp_path / "single.npy", np.zeros(4))
    for name in ("part.npz", "noise.npz", "empty.npz", "single.npy"):
        with pytest.raises(ValueError, match=name):
            read_moments(tmp_path / name)


@pytest.mark.parametrize(
    ("name", "resize", "words"),
    [
        ("ffhq_clean_trainval70k_1024.npz", "clean", ""),
        ("ffhq_clean_trainval70k_1024.npz", "tensorflow", "add --resize clean"),
        ("ffhq_legacy_tensorflow_trainval70k_1024.npz", "tensorflow", ""),
        ("ffhq_legacy_tensorflow_trainval70k_1024.npz", "clean", "leave out --resize clean"),
        ("cleaned.npz", "clean", "does not say how its images were resized"),
        ("fid_stats_cifar10.npz", "tensorflow", "does not say how its images were resized"),
    ],
)
def test_the_name_is_evidence_of_the_resizing(
    name: str, resize: Any, words: str, tmp_path: Path
) -> None:
    moments = read_moments(write(tmp_path / name, mu=np.zeros(2), sigma=np.eye(2)))
    assert isinstance(moments, Moments)
    assert words in moments.warning(resize) and bool(words) == bool(moments.warning(resize))


@pytest.mark.parametrize("side", [2_000, 10**6, 10**30])
def test_arrays_that_claim_more_than_their_bytes_are_refused_unread(
    side: int, tmp_path: Path
) -> None:
    content = io.BytesIO()
    header = {"descr": "<f8", "fortran_order": False, "shape": (side, side)}
    np.lib.format.write_array_header_1_0(content, header)
    with zipfile.ZipFile(tmp_path / "real.npz", "w") as archive:
        archive.writestr("mu.npy", content.getvalue())
        archive.writestr("sigma.npy", content.getvalue())
    with pytest.raises(ValueError, match=r"real.npz states [\d,]+ bytes for mu.npy and holds 1"):
        read_moments(tmp_path / "real.npz")
