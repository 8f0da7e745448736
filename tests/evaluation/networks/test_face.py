from pathlib import Path

import pytest
import torch
from torch.nn.functional import conv2d, linear, max_pool2d, normalize

from crossimage.evaluation.networks.face import open_face

CPU = torch.device("cpu")


def test_vgg_face_describes_an_image_by_its_seventh_layer(vgg_face_file: Path) -> None:
    images = torch.randint(256, (2, 3, 224, 224), dtype=torch.uint8)
    state = torch.load(vgg_face_file, weights_only=True)
    h = images.float() - torch.tensor([129.186, 104.762, 93.594])[:, None, None]
    for stage, count in enumerate((2, 2, 3, 3, 3), 1):
        for number in range(1, count + 1):
            name = f"conv{stage}_{number}"
            h = conv2d(h, state[f"{name}.weight"], state[f"{name}.bias"], padding=1).relu()
        h = max_pool2d(h, 2)
    h = h.flatten(1)
    for name in ("fc6", "fc7"):
        h = linear(h, state[f"{name}.weight"], state[f"{name}.bias"]).relu()
    torch.testing.assert_close(open_face(vgg_face_file, CPU)(images), normalize(h))


def test_images_of_any_size_are_fitted_to_it(vgg_face_file: Path) -> None:
    network = open_face(vgg_face_file, CPU)
    vectors = network(torch.randint(256, (3, 3, 40, 56), dtype=torch.uint8))
    assert vectors.shape == (3, 12)
    torch.testing.assert_close(vectors.norm(dim=1), torch.ones(3))


def test_other_files_are_refused(tmp_path: Path, vgg16_file: Path) -> None:
    with pytest.raises(ValueError, match=r"vgg16\.pth does not hold VGG-Face .*expected vgg_face"):
        open_face(vgg16_file, CPU)
    (tmp_path / "noise.pth").write_bytes(b"noise")
    with pytest.raises(ValueError, match=r"noise\.pth"):
        open_face(tmp_path / "noise.pth", CPU)
