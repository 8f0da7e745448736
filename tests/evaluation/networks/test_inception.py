import hashlib
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from torch_fidelity.feature_extractor_inceptionv3 import FeatureExtractorInceptionV3
from torch_fidelity.interpolate_compat_tensorflow import interpolate_bilinear_2d_like_tensorflow1x

from crossimage.evaluation.networks.inception import (
    FeatureExtractor,
    resize_clean,
    resize_tensorflow,
)
from crossimage.evaluation.networks.open import open_features
from crossimage.utils.tensor_files import published as module
from tests.evaluation.inception import write_random_weights

CPU = torch.device("cpu")
NAME = "weights-inception-2015-12-05-6726825d.pth"


@pytest.fixture(scope="module")
def weights(tmp_path_factory) -> Path:
    return write_random_weights(tmp_path_factory.mktemp("inception") / "weights.pth")


@pytest.fixture(scope="module")
def inception(weights: Path) -> FeatureExtractor:
    return open_features(str(weights), CPU)


def pictures(count: int = 2, height: int = 40, width: int = 56) -> torch.Tensor:
    generator = torch.Generator().manual_seed(1)
    return torch.randint(0, 256, (count, 3, height, width), generator=generator).byte()


def test_inception_sees_what_torch_fidelity_sees(
    weights: Path, inception: FeatureExtractor
) -> None:
    theirs = FeatureExtractorInceptionV3(
        "inception-v3-compat", ["2048", "logits_unbiased"], str(weights)
    )
    seen, (features, logits) = inception(pictures()), theirs(pictures())
    assert features.std() > 0.01
    scale = float(features.abs().max()), float(logits.abs().max())
    torch.testing.assert_close(seen.features, features, rtol=1e-4, atol=1e-5 * scale[0])
    torch.testing.assert_close(seen.logits, logits, rtol=1e-4, atol=1e-5 * scale[1])


@pytest.mark.parametrize("size", [(17, 40), (299, 299), (400, 310)])
def test_pictures_are_resized_as_tensorflow_did(size: tuple[int, int]) -> None:
    x = pictures(1, *size).float()
    y = interpolate_bilinear_2d_like_tensorflow1x(x, size=(299, 299), align_corners=False)
    torch.testing.assert_close(resize_tensorflow(x, 299), y, rtol=0, atol=1e-4)


@pytest.mark.parametrize("size", [(17, 40), (299, 299), (400, 310), (1200, 640)])
def test_pictures_are_resized_as_by_clean_fid(size: tuple[int, int]) -> None:
    x = pictures(1, *size)
    channels = [
        Image.fromarray(channel.numpy().astype(np.float32)).resize((299, 299), Image.BICUBIC)
        for channel in x[0]
    ]
    y = torch.from_numpy(np.stack([np.asarray(channel).clip(0, 255) for channel in channels]))
    torch.testing.assert_close(resize_clean(x.float(), 299)[0], y, rtol=0, atol=1e-4)


def test_each_way_of_resizing_has_features_and_a_name_of_its_own(weights: Path) -> None:
    usual, clean = (open_features(str(weights), CPU, mode) for mode in ("tensorflow", "clean"))
    assert not torch.allclose(usual(pictures()).features, clean(pictures()).features, rtol=1e-3)
    assert usual.digest != clean.digest and (usual.variant, clean.variant) == ("", "clean")
    assert "TensorFlow 1" in usual.preparation and "clean-fid" in clean.preparation
    whole = pictures(1, 299, 299)
    torch.testing.assert_close(usual(whole).features, clean(whole).features)


def test_other_weights_than_the_published_are_not_comparable(inception: FeatureExtractor) -> None:
    assert not inception.comparable
    assert "other weights (weights.pth)" in inception.name


def test_published_weights_come_from_the_cache(weights: Path, tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    folder = tmp_path / "hub" / "checkpoints"
    folder.mkdir(parents=True)
    (folder / NAME).symlink_to(weights)
    digest = hashlib.sha256(weights.read_bytes()).hexdigest()
    monkeypatch.setattr(module, "_digest", lambda _: digest[:8])
    features = open_features("inception", CPU)
    assert features.comparable
    assert features.name == "Inception-v3"
    assert features.library.startswith("torch-fidelity ")


def test_absent_weights_say_where_to_put_them(tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setenv("TORCH_HOME", str(tmp_path))

    def offline(*_: object, **__: object) -> None:
        raise OSError("offline")

    monkeypatch.setattr("torch.hub.download_url_to_file", offline)
    with pytest.raises(FileNotFoundError, match=rf"offline\): put {NAME} from http.* --features"):
        open_features("inception", CPU)


def test_absent_torch_fidelity_is_named(weights: Path, monkeypatch) -> None:
    monkeypatch.setitem(sys.modules, "torch_fidelity", None)
    with pytest.raises(ModuleNotFoundError, match=r"pip install 'crossimage\[evaluate\]'"):
        open_features(str(weights), CPU)
    assert open_features("random", CPU)(pictures()).features.shape == (2, 112)


def test_files_of_something_else_are_named(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match=r"nowhere\.pth does not exist"):
        open_features(str(tmp_path / "nowhere.pth"), CPU)
    (tmp_path / "noise.pth").write_bytes(b"noise")
    with pytest.raises(ValueError, match=r"noise\.pth is truncated, damaged or no"):
        open_features(str(tmp_path / "noise.pth"), CPU)
    torch.save({"weight": torch.zeros(3)}, tmp_path / "other.pth")
    with pytest.raises(ValueError, match=r"other\.pth does not hold .* expected weights-incep"):
        open_features(str(tmp_path / "other.pth"), CPU)


def test_random_features_are_always_the_same_and_marked() -> None:
    torch.manual_seed(1)
    first = open_features("random", CPU)
    torch.manual_seed(2)
    second = open_features("random", CPU)
    assert torch.equal(first(pictures()).features, second(pictures()).features)
    assert not first.comparable
    assert "random" in first.name


def test_nothing_in_the_networks_learns(inception: FeatureExtractor) -> None:
    for features in (open_features("random", CPU), inception):
        assert not any(p.requires_grad for p in features.network.parameters())
        assert not features.network.training


def test_only_uint8_rgb_pictures_are_taken() -> None:
    features = open_features("random", CPU)
    for wrong in (pictures().float(), pictures()[:, :1], pictures()[0]):
        with pytest.raises(ValueError, match=r"expected images \(N, 3, H, W\) of torch\.uint8"):
            features(wrong)
