from functools import partial
from pathlib import Path

import pytest
import torch
from torchvision.models import vgg19

from crossimage.networks.pretrained import VGG16Features, VGG19Features

vgg16_features = partial(
    VGG16Features, needed_by="the perceptual loss of MUNIT", setting="perceptual_weights"
)
vgg19_features = partial(VGG19Features, needed_by="the content loss of SRGAN", setting="features")


def test_features_are_those_of_relu5_3_without_the_fourth_pool(vgg16_file: Path) -> None:
    features = vgg16_features(vgg16_file)
    x = torch.rand(1, 3, 64, 64) * 2 - 1
    out = features(x)
    assert out.shape == (1, 512, 8, 8)
    assert out.min() >= 0
    assert sum(isinstance(m, torch.nn.MaxPool2d) for m in features.modules()) == 3
    assert sum(isinstance(m, torch.nn.Conv2d) for m in features.modules()) == 13


def test_gray_images_have_the_features_of_gray_colour_images(vgg16_file: Path) -> None:
    features, gray = vgg16_features(vgg16_file), torch.rand(1, 1, 32, 32)
    torch.testing.assert_close(features(gray), features(gray.repeat(1, 3, 1, 1)))


def test_nothing_in_it_learns(vgg16_file: Path) -> None:
    assert not any(p.requires_grad for p in vgg16_features(vgg16_file).parameters())


def test_missing_and_wrong_files_are_named(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match=r"nowhere\.pth does not exist; the percep"):
        vgg16_features(tmp_path / "nowhere.pth")
    (tmp_path / "noise.pth").write_bytes(b"noise")
    with pytest.raises(ValueError, match=r"noise\.pth is truncated, damaged or not a PyTorch"):
        vgg16_features(tmp_path / "noise.pth")
    torch.save({"weight": torch.zeros(3)}, tmp_path / "other.pth")
    with pytest.raises(ValueError, match=r"other\.pth does not hold .* VGG16"):
        vgg16_features(tmp_path / "other.pth")


def test_absent_published_weights_say_where_to_put_them(tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    monkeypatch.setattr(
        "torch.hub.download_url_to_file", lambda *_, **__: (_ for _ in ()).throw(OSError("offline"))
    )
    with pytest.raises(
        FileNotFoundError, match=r"MUNIT .* put vgg16-397923af\.pth .* perceptual_weights="
    ):
        vgg16_features(None)


def test_vgg16_shows_its_last_maps_of_every_width(vgg16_file: Path) -> None:
    features, x = vgg16_features(vgg16_file), torch.rand(1, 3, 32, 32)
    maps = features.maps(x)
    assert [tuple(m.shape[1:3]) for m in maps] == [
        (64, 32),
        (128, 16),
        (256, 8),
        (512, 4),
        (512, 4),
    ]
    assert all(m.min() == 0 for m in maps)
    torch.testing.assert_close(maps[-1], features(x))


def test_features_of_srgan_are_those_before_the_fifth_pool_of_vgg19(
    vgg16_file: Path, tmp_path: Path
) -> None:
    layers = vgg19(init_weights=False).features[:36]
    state = {f"features.{name}": tensor for name, tensor in layers.state_dict().items()}
    torch.save(state, tmp_path / "vgg19.pth")
    features = vgg19_features(tmp_path / "vgg19.pth")
    x = torch.rand(1, 3, 32, 48)
    mean, std = torch.tensor([0.485, 0.456, 0.406]), torch.tensor([0.229, 0.224, 0.225])
    expected = layers((x - mean[:, None, None]) / std[:, None, None])
    torch.testing.assert_close(features(2 * x - 1), expected)
    assert expected.shape == (1, 512, 2, 3)
    with pytest.raises(ValueError, match=r"vgg16\.pth does not hold .* VGG19"):
        vgg19_features(vgg16_file)
    with pytest.raises(ValueError, match=r"vgg19\.pth does not hold .* VGG16"):
        vgg16_features(tmp_path / "vgg19.pth")


def test_absent_weights_of_vgg19_name_the_setting(tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    monkeypatch.setattr(
        "torch.hub.download_url_to_file", lambda *_, **__: (_ for _ in ()).throw(OSError("offline"))
    )
    with pytest.raises(
        FileNotFoundError,
        match=r"SRGAN needs .* put vgg19-dcbb9e9d\.pth .* features=",
    ):
        vgg19_features(None)


def test_vgg_face_sees_rgb_values_minus_their_means(vgg_face_file: Path) -> None:
    state = torch.load(vgg_face_file, weights_only=True)
    x = torch.rand(1, 3, 32, 32) * 2 - 1
    h = (x + 1) * 127.5 - torch.tensor([129.186, 104.762, 93.594])[:, None, None]
    expected = []
    for stage, count in enumerate((2, 2, 3, 3, 3), 1):
        if stage in (2, 3, 4):
            h = torch.nn.functional.max_pool2d(h, 2)
        if stage == 5:
            expected[-1] = h  # relu4_3; the features skip the pool that follows it
        for number in range(1, count + 1):
            name = f"conv{stage}_{number}"
            h = torch.nn.functional.conv2d(
                h, state[f"{name}.weight"], state[f"{name}.bias"], padding=1
            ).relu()
        expected.append(h)
    for actual, wanted in zip(vgg16_features(vgg_face_file).maps(x), expected, strict=True):
        torch.testing.assert_close(actual, wanted, rtol=1e-4, atol=1e-5 * float(wanted.max()))


def test_incomplete_vgg_face_files_name_the_missing_tensor(
    vgg_face_file: Path, tmp_path: Path
) -> None:
    state = torch.load(vgg_face_file, weights_only=True)
    del state["conv4_2.bias"]
    torch.save(state, tmp_path / "incomplete.pth")
    with pytest.raises(ValueError, match=r"features\.19\.bias is missing"):
        vgg16_features(tmp_path / "incomplete.pth")
    with pytest.raises(ValueError, match="VGG19"):
        vgg19_features(vgg_face_file)
