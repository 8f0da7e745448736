"""With instance norm, pictures of one scene are nearer to one another than those of one domain."""

from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from torch import Tensor, nn
from torch.nn import functional
from torchvision.models import vgg16

from crossimage.evaluation.galleries.images import read_rgb
from crossimage.evaluation.metrics import invariance
from crossimage.evaluation.metrics.invariance import check_invariance
from crossimage.evaluation.report.figures import Figure
from crossimage.losses import perceptual_distance

CPU = torch.device("cpu")
IMAGENET = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)


@pytest.fixture(autouse=True)
def _small_pictures(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(invariance, "SIZE", 32)


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The same patterns in daylight and at night: darker, of less contrast, blue."""
    root = tmp_path_factory.mktemp("scenes")
    rng = np.random.default_rng(0)
    for domain in "AB":
        (root / f"train{domain}").mkdir()
    for i in range(4):
        scene = rng.integers(60, 256, (8, 8, 3)).repeat(4, 0).repeat(4, 1)
        night = scene * np.array([0.15, 0.15, 0.3])
        for domain, picture in (("A", scene), ("B", night)):
            Image.fromarray(picture.astype(np.uint8)).save(root / f"train{domain}" / f"{i}.png")
    return root


def by_name(figures: list[Figure]) -> dict[str, Figure]:
    return {figure.name: figure for figure in figures}


class Pixels(nn.Module):
    """Takes pixels for features, from which instance norm removes brightness and contrast."""

    def forward(self, x: Tensor) -> Tensor:
        return functional.avg_pool2d(x.float(), 4)


def test_instance_norm_makes_the_scene_nearer_than_the_domain(
    data: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(invariance, "open_vgg", lambda *_: (Pixels(), "pixels", True))
    found = by_name(check_invariance(str(data), None, CPU).figures)
    assert found["same_scene"].value > found["same_domain"].value
    assert found["scene_nearer"].value < 0.6
    assert found["same_scene_normalised"].value < 0.05 < found["same_domain_normalised"].value
    assert found["scene_nearer_normalised"].value == 1
    assert found["same_scene"].comparable and found["same_scene"].interval is not None


def test_the_report_draws_the_distances_of_both_forms(
    data: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(invariance, "open_vgg", lambda *_: (Pixels(), "pixels", True))
    figures, histograms = check_invariance(str(data), None, CPU)
    assert [h.title for h in histograms] == [
        "distances without instance norm", "distances with instance norm"
    ]  # fmt: skip
    for histogram, form in zip(histograms, ("", "_normalised"), strict=True):
        assert list(histogram.series) == ["same scene", "same domain"]
        for name, values in histogram.series.items():
            figure = by_name(figures)[name.replace(" ", "_") + form]
            assert len(values) == 4 and sum(values) / 4 == pytest.approx(figure.value)


def test_figures_of_random_weights_are_marked(data: Path) -> None:
    found = by_name(check_invariance(str(data), "random", CPU).figures)
    for figure in found.values():
        assert figure.count == 4 and figure.seed == 0
        assert not figure.comparable and figure.note.startswith("not comparable: VGG16 of random")
        assert "relu4_3" in figure.protocol and "torchvision" in figure.library


def test_distances_are_those_of_the_perceptual_loss_on_relu4_3(data: Path, tmp_path: Path) -> None:
    torch.manual_seed(1)
    with torch.device("meta"):
        shapes = vgg16().features.state_dict()
    state = {f"features.{k}": torch.randn(x.shape) * 0.03 for k, x in shapes.items()}
    path = tmp_path / "vgg.pth"
    torch.save(state, path)
    found = by_name(check_invariance(str(data), str(path), CPU).figures)
    mean, std = (torch.tensor(x)[:, None, None] for x in IMAGENET)

    def relu4_3(x: Tensor) -> Tensor:
        x = ((x + 1) / 2 - mean) / std
        for block in ((0, 2), (5, 7), (10, 12, 14), (17, 19, 21)):
            x = functional.max_pool2d(x, 2) if block[0] else x
            for place in block:
                weight, bias = (state[f"features.{place}.{kind}"] for kind in ("weight", "bias"))
                x = functional.conv2d(x, weight, bias, padding=1).relu()
        return x

    expected = []
    for i in range(4):
        x, y = (read_rgb(data / f"train{d}" / f"{i}.png")[None] / 127.5 - 1 for d in "AB")
        expected.append(float(perceptual_distance(relu4_3, x, y)))
    value = found["same_scene_normalised"].value
    assert value == pytest.approx(sum(expected) / 4, rel=1e-3)
    assert "VGG16 with other weights (vgg.pth)" in found["same_scene"].protocol


def test_checks_of_one_seed_agree_exactly_and_every_scene_counts_once(
    data: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(invariance, "open_vgg", lambda *_: (Pixels(), "pixels", True))
    found = [check_invariance(str(data), "random", CPU, seed) for seed in (0, 0, 5)]
    assert found[0] == found[1]
    scenes = [by_name(check.figures)["same_scene"].value for check in found]
    assert scenes[0] == pytest.approx(scenes[2], rel=1e-5)


def test_one_pair_and_wrong_weights_are_refused(data: Path, tmp_path: Path) -> None:
    for domain in "AB":
        (tmp_path / f"train{domain}").mkdir()
        Image.new("RGB", (32, 32)).save(tmp_path / f"train{domain}" / "a.png")
    with pytest.raises(ValueError, match="holds one pair; expected at least two"):
        check_invariance(str(tmp_path), "random", CPU)
    torch.save({"weight": torch.zeros(3)}, tmp_path / "other.pth")
    with pytest.raises(ValueError, match=r"other\.pth does not hold .*VGG16"):
        check_invariance(str(data), str(tmp_path / "other.pth"), CPU)


def test_absent_weights_say_where_to_put_them(
    data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    monkeypatch.setattr(
        "torch.hub.download_url_to_file", lambda *_, **__: (_ for _ in ()).throw(OSError("offline"))
    )
    with pytest.raises(FileNotFoundError, match=r"put vgg16-397923af\.pth .*--weights FILE"):
        check_invariance(str(data), None, CPU)
