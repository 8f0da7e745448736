"""Torchvision's Inception-v3 sees images as StarGAN v2's evaluation prepares them."""

from pathlib import Path

import pytest
import torch
from PIL import Image
from torch import Tensor, nn
from torchvision.models import inception_v3
from torchvision.transforms.v2 import functional as transforms

from crossimage.evaluation.networks.inception import FeatureExtractor, at_size, random_features
from crossimage.evaluation.networks.open import open_features
from tests.evaluation.inception import write_random_weights

CPU = torch.device("cpu")


@pytest.fixture(scope="module")
def weights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    torch.manual_seed(0)
    network = inception_v3(aux_logits=True, init_weights=False)
    for layer in network.modules():
        if isinstance(layer, nn.Conv2d):
            nn.init.kaiming_normal_(layer.weight)
        elif isinstance(layer, nn.BatchNorm2d):
            nn.init.normal_(layer.running_mean, 0, 0.2)
            nn.init.uniform_(layer.running_var, 0.7, 1.5)
    path = tmp_path_factory.mktemp("weights") / "inception_v3.pth"
    torch.save(network.state_dict(), path)
    return path


@pytest.fixture(scope="module")
def features(weights: Path) -> FeatureExtractor:
    return open_features(str(weights), CPU, torchvision=True)


def pixels(size: int) -> Tensor:
    generator = torch.Generator().manual_seed(size)
    return torch.randint(256, (2, 3, size, size), generator=generator, dtype=torch.uint8)


@pytest.mark.parametrize("size", [32, 299, 360])
def test_features_are_those_of_torchvision(
    size: int, weights: Path, features: FeatureExtractor
) -> None:
    network = inception_v3(aux_logits=True, init_weights=False).eval()
    network.load_state_dict(torch.load(weights, weights_only=True))
    pooled: list[Tensor] = []
    network.avgpool.register_forward_hook(lambda *args: pooled.append(args[2].flatten(1)))
    images = [Image.fromarray(x.permute(1, 2, 0).numpy()) for x in pixels(size)]
    resized = [image.resize((299, 299), Image.Resampling.BILINEAR) for image in images]
    x = torch.stack([transforms.pil_to_tensor(image) for image in resized]).float() / 255
    with torch.no_grad():
        logits = network(transforms.normalize(x, [0.485, 0.456, 0.406], [0.229, 0.224, 0.225]))
    found = features(pixels(size))
    scale = pooled[0].abs().max()
    assert (found.features - pooled[0]).abs().max() < 0.005 * scale  # levels of 8 bits
    assert (found.logits - logits).abs().max() < 0.005 * logits.abs().max()


def test_files_are_recognised_by_their_content(
    weights: Path, features: FeatureExtractor, tmp_path: Path
) -> None:
    assert features.variant == "torchvision" and not features.comparable
    assert "torchvision's Inception-v3 with other weights" in features.name
    assert open_features(str(weights), CPU).digest == features.digest
    of_2015 = write_random_weights(tmp_path / "2015.pth")
    for torchvision in (False, True):
        network = open_features(str(of_2015), CPU, torchvision=torchvision)
        assert network.name == "Inception-v3 with other weights (2015.pth)"
    torch.save({"fc.weight": torch.zeros(1000, 3)}, tmp_path / "other.pth")
    with pytest.raises(ValueError, match=r"other.pth does not hold the weights of torchvision's"):
        open_features(str(tmp_path / "other.pth"), CPU)


def test_the_protocol_without_a_file_takes_the_cached_weights(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    monkeypatch.setattr("torch.hub.load_state_dict_from_url", None)
    monkeypatch.setattr("torch.hub.download_url_to_file", _offline)
    with pytest.raises(FileNotFoundError, match=r"inception_v3_google.*--features"):
        open_features("inception", CPU, torchvision=True)
    assert open_features("random", CPU, torchvision=True).digest == random_features(CPU).digest


def _offline(*_: object, **__: object) -> None:
    raise OSError("no network")


def test_images_can_be_made_smaller_before_features_are_computed() -> None:
    network = random_features(CPU)
    small = at_size(network, 16)
    x = pixels(40)
    shrunk = transforms.resize(x.float(), [16, 16], antialias=True).round().byte()
    assert torch.equal(small(x).features, network(shrunk).features)
    assert torch.equal(small(shrunk).features, network(shrunk).features)
    assert small.digest != network.digest and small.variant == "16 px"
    assert "first resized to 16 x 16" in small.preparation
