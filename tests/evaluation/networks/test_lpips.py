"""LPIPS agrees with its authors' package."""

import hashlib
import warnings
from pathlib import Path

import lpips
import pytest
import torch
from torch import Tensor

from crossimage.evaluation.networks.lpips import open_lpips
from crossimage.utils.tensor_files import published as module

CPU = torch.device("cpu")
SMALLEST = {"alex": 31, "vgg": 16, "squeeze": 17}


def pictures(count: int = 3, size: int = 40, seed: int = 1) -> Tensor:
    generator = torch.Generator().manual_seed(seed)
    return torch.randint(0, 256, (count, 3, size, size + 3), generator=generator).byte()


def authors(net: str) -> lpips.LPIPS:
    """The authors' LPIPS over a random network."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # it calls torchvision in an old way
        return lpips.LPIPS(net=net, version="0.1", pnet_rand=True, verbose=False)


def write_weights(theirs: lpips.LPIPS, path: Path) -> Path:
    """The weights below the authors' LPIPS, in the form that torchvision publishes."""
    inside = theirs.net.state_dict()  # slice2.4.weight is torchvision's features.4.weight
    state = {f"features.{name.split('.', 1)[1]}": value for name, value in inside.items()}
    torch.save(state | {"classifier.1.weight": torch.zeros(2)}, path)
    return path


@pytest.fixture(scope="module")
def alexnet(tmp_path_factory: pytest.TempPathFactory) -> Path:
    torch.manual_seed(3)
    return write_weights(authors("alex"), tmp_path_factory.mktemp("lpips") / "alexnet.pth")


@pytest.mark.parametrize("net", SMALLEST)
def test_distances_are_those_of_the_authors_package(net: str, tmp_path: Path) -> None:
    theirs = authors(net)
    ours = open_lpips(net, str(write_weights(theirs, tmp_path / "weights.pth")), CPU)
    x, y = pictures(), pictures(seed=2)
    with torch.no_grad():
        expected = theirs(x.float() / 127.5 - 1, y.float() / 127.5 - 1).flatten()
    assert expected.min() > 1e-3
    torch.testing.assert_close(ours(x, y), expected, rtol=1e-4, atol=1e-6)
    assert ours.library.startswith("torchmetrics ")
    small = SMALLEST[net]
    assert ours(pictures(1, small), pictures(1, small, 2)).item() > 0
    with pytest.raises(ValueError, match=rf"needs at least {small} x {small}"):
        ours(pictures(1, small - 1), pictures(1, small - 1))


def test_equal_pictures_have_no_distance_and_batches_change_nothing(alexnet: Path) -> None:
    distance = open_lpips("alex", str(alexnet), CPU)
    x, y = pictures(70, 31), pictures(70, 31, seed=2)
    assert distance(x, x).eq(0).all()
    together = distance(x, y)
    assert together.shape == (70,)
    torch.testing.assert_close(together[69:], distance(x[69:], y[69:]), rtol=1e-4, atol=1e-6)


def test_published_weights_come_from_the_cache(
    alexnet: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = open_lpips("alex", str(alexnet), CPU)
    assert not other.comparable and other.name == "AlexNet with other weights (alexnet.pth)"
    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    folder = tmp_path / "hub" / "checkpoints"
    folder.mkdir(parents=True)
    (folder / "alexnet-owt-7be5be79.pth").symlink_to(alexnet)
    digest = hashlib.sha256(alexnet.read_bytes()).hexdigest()
    monkeypatch.setattr(module, "_digest", lambda _: digest[:8])
    published = open_lpips("alex", None, CPU)
    assert published.comparable and published.name == "AlexNet"
    x, y = pictures(), pictures(seed=2)
    assert torch.equal(published(x, y), other(x, y))


@pytest.mark.parametrize(
    ("net", "name"),
    [
        ("alex", "alexnet-owt-7be5be79.pth"),
        ("vgg", "vgg16-397923af.pth"),
        ("squeeze", "squeezenet1_1-b8a52dc0.pth"),
    ],
)
def test_absent_weights_say_where_to_put_them(
    net: str, name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TORCH_HOME", str(tmp_path))

    def offline(url: str, path: str, digest: str, progress: bool) -> None:
        assert Path(path).stem.endswith(f"-{digest}")
        raise OSError("offline")

    monkeypatch.setattr("torch.hub.download_url_to_file", offline)
    with pytest.raises(FileNotFoundError, match=rf"offline\): put {name} from http.* --lpips-wei"):
        open_lpips(net, None, CPU)


def test_files_of_something_else_are_named(alexnet: Path, tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match=r"nowhere\.pth does not exist"):
        open_lpips("alex", str(tmp_path / "nowhere.pth"), CPU)
    with pytest.raises(ValueError, match=r"alexnet\.pth does not hold .* SqueezeNet1\.1"):
        open_lpips("squeeze", str(alexnet), CPU)


def test_random_weights_are_always_the_same_and_marked() -> None:
    torch.manual_seed(1)
    first = open_lpips("squeeze", "random", CPU)
    state = torch.get_rng_state()
    second = open_lpips("squeeze", "random", CPU)
    assert torch.equal(state, torch.get_rng_state())
    x, y = pictures(), pictures(seed=2)
    assert torch.equal(first(x, y), second(x, y))
    assert not first.comparable and "random" in first.name


def test_only_uint8_rgb_pictures_of_one_size_are_compared(alexnet: Path) -> None:
    distance = open_lpips("alex", str(alexnet), CPU)
    for wrong in (pictures().float(), pictures()[:, :1], pictures()[0]):
        with pytest.raises(ValueError, match=r"expected images \(N, 3, H, W\) of torch\.uint8"):
            distance(pictures(), wrong)
    with pytest.raises(ValueError, match="images of the same size"):
        distance(pictures(), pictures(size=41))
