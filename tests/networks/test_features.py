from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file

from crossimage.networks.features import PREFIX, FeatureNetwork, read_features


def written(path: Path, network: FeatureNetwork) -> Path:
    """A model file with a feature network and something else."""
    tensors = {PREFIX + name: value for name, value in network.state_dict().items()}
    save_file(tensors | {"generators.weight": torch.zeros(3)}, path)
    return path


def test_the_published_network_of_house_numbers() -> None:
    network = FeatureNetwork(3, 32)
    convs = [layer for layer in network.modules() if isinstance(layer, torch.nn.Conv2d)]
    assert [conv.out_channels for conv in convs] == [64, 128, 256, 128]
    assert network(torch.zeros(2, 3, 32, 32)).shape == (2, 128)
    assert network.classify(torch.zeros(2, 3, 32, 32)).shape == (2, 10)


@pytest.mark.parametrize(
    ("size", "sides"),
    [(7, [1]), (8, [4, 1]), (32, [16, 8, 4, 1]), (96, [48, 24, 12, 6, 1])],
)
def test_maps_are_halved_until_4_to_7_pixels_are_left(size: int, sides: list[int]) -> None:
    network = FeatureNetwork(3, size, 2)
    maps = network.maps(torch.randn(2, 3, size, size))
    assert [m.shape[2] for m in maps] == sides
    assert all(m.min() == 0 for m in maps)  # after a ReLU


def test_the_vector_is_the_last_of_the_maps() -> None:
    network, x = FeatureNetwork(3, 16, 4), torch.randn(2, 3, 16, 16)
    assert torch.equal(network(x), network.maps(x)[-1][:, :, 0, 0])
    assert torch.equal(network.classify(x), network.classes(network(x)))


def test_images_of_one_channel_are_repeated() -> None:
    network, x = FeatureNetwork(3, 16, 4), torch.randn(2, 1, 16, 16)
    torch.testing.assert_close(network(x), network(x.repeat(1, 3, 1, 1)))


@pytest.mark.parametrize("size", [3, 33, 100])
def test_sizes_that_can_not_be_halved_are_refused(size: int) -> None:
    with pytest.raises(ValueError, match=f"images of {size} pixels can't be halved"):
        FeatureNetwork(3, size)


@pytest.mark.parametrize(("channels", "size"), [(1, 16), (3, 48), (3, 5)])
def test_a_network_is_read_from_a_model_file(tmp_path: Path, channels: int, size: int) -> None:
    network = FeatureNetwork(channels, size, 3, 5)
    path = written(tmp_path / "model.safetensors", network)
    x = torch.randn(2, channels, size, size)
    for place in (path, tmp_path):  # the file, and the run's folder
        read = read_features(place, size, channels)
        assert torch.equal(read.classify(x), network.classify(x))
    assert (read.size, read.channels, read.dim) == (size, channels, 6)
    assert not read.training
    assert not any(parameter.requires_grad for parameter in read.parameters())


def test_a_network_for_other_images_is_refused(tmp_path: Path) -> None:
    path = written(tmp_path / "f.safetensors", FeatureNetwork(3, 32, 2))
    with pytest.raises(ValueError, match=r"f\.safetensors reads images of 32x32.*expected 64x64"):
        read_features(path, 64)
    with pytest.raises(ValueError, match=r"f\.safetensors reads images of 3 channels, expected 4"):
        read_features(path, 32, 4)
    assert read_features(path, 32, 1).channels == 3


def test_a_file_without_such_a_network_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "f.safetensors"
    with pytest.raises(FileNotFoundError, match=r"f\.safetensors does not exist; .* of dtn"):
        read_features(path)
    path.write_bytes(b"nothing")
    with pytest.raises(ValueError, match=r"f\.safetensors is truncated"):
        read_features(path)
    save_file({"generators.weight": torch.zeros(3)}, path)
    with pytest.raises(ValueError, match=r"f\.safetensors holds no feature network"):
        read_features(path)
    state = {PREFIX + k: v for k, v in FeatureNetwork(3, 16, 2).state_dict().items()}
    del state[PREFIX + "last.bias"]
    save_file(state, path)
    with pytest.raises(ValueError, match=r"f\.safetensors holds no feature network"):
        read_features(path)
