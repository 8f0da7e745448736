from pathlib import Path
from typing import Any

import pytest
import torch
from PIL import Image
from safetensors.torch import save_file
from torch import Tensor
from torch.nn.functional import mse_loss, softplus

import crossimage
from crossimage import train
from crossimage.config import build
from crossimage.methods.base import Batch, Noise
from crossimage.methods.srgan import SRGAN, SRGANConfig
from crossimage.networks.features import PREFIX, FeatureNetwork
from tests.conftest import small


def config(**changes: Any) -> SRGANConfig:
    return build(SRGANConfig, small("srgan", **changes))


def batch(step: int) -> Batch:
    images = {"a": torch.rand(4, 3, 8, 8), "b": torch.rand(4, 3, 16, 16)}
    return Batch(images, Noise(0, 4, slice(0, 4), "cpu"), {}, step)


def moves(method: SRGAN, given: Batch) -> list[tuple[str, dict[str, Tensor]]]:
    return [(update.player, update.losses) for update in method.training_step(given)]


@pytest.fixture
def run(folders: Path, tmp_path: Path) -> Path:
    train("srgan", folders, tmp_path / "run", **small("srgan", scale=4))
    return tmp_path / "run"


def test_the_defaults_are_the_published_ones() -> None:
    c = SRGANConfig()
    assert (c.scale, c.crop, c.batch_size, c.learning_rate) == (4, (96, 96), 16, 1e-4)
    assert (c.width, c.residual_blocks, c.discriminator_width) == (64, 16, 64)
    assert (c.mse_steps, c.steps - c.mse_steps) == (1_000_000, 200_000)
    assert (c.weights.content, c.weights.adversarial) == (1, 1e-3)


def test_in_the_first_stage_the_generator_learns_alone() -> None:
    method = SRGAN(config(mse_steps=2))
    assert [(player, set(terms)) for player, terms in moves(method, batch(1))] == [
        ("generators", {"mse"})
    ]
    assert [(player, set(terms)) for player, terms in moves(method, batch(2))] == [
        ("discriminators", {"adversarial"}),
        ("generators", {"content", "adversarial"}),
    ]


def test_the_losses_are_the_papers() -> None:
    method, given = SRGAN(config(mse_steps=1)), batch(1)
    x_b, x_ab = given.images["b"], method.generators["G"](given.images["a"])
    (real,), (fake,) = method.discriminators["D"](x_b), method.discriminators["D"](x_ab)
    (_, first), (_, second) = moves(method, given)
    torch.testing.assert_close(first["adversarial"], softplus(-real).mean() + softplus(fake).mean())
    torch.testing.assert_close(second["adversarial"], softplus(-fake).mean())
    torch.testing.assert_close(second["content"], mse_loss(x_ab, x_b))


def test_without_an_adversarial_weight_there_is_no_discriminators_move() -> None:
    method = SRGAN(config(mse_steps=0, weights={"adversarial": 0.0}))
    assert [(player, set(terms)) for player, terms in moves(method, batch(0))] == [
        ("generators", {"content"})
    ]


def test_the_first_stage_can_minimise_the_absolute_error() -> None:
    method, given = SRGAN(config(mse_steps=2, weights={"mse": 0.0, "l1": 1.0})), batch(1)
    ((_, terms),) = moves(method, given)
    assert set(terms) == {"l1"}
    x_ab = method.generators["G"](given.images["a"])
    torch.testing.assert_close(terms["l1"], (x_ab - given.images["b"]).abs().mean())


def test_without_norms_an_image_does_not_depend_on_its_batch() -> None:
    G = SRGAN(config(norm="none")).generators["G"].train()
    x = batch(0).images["a"]
    torch.testing.assert_close(G(x)[:1], G(x[:1]))
    assert not [name for name, _ in G.named_buffers()]


def test_the_content_loss_compares_features_of_a_given_network(tmp_path: Path) -> None:
    network = FeatureNetwork(3, 16, 4)
    state = {PREFIX + name: tensor for name, tensor in network.state_dict().items()}
    save_file(state, tmp_path / "f.safetensors")
    method = SRGAN(config(content="vgg", features=tmp_path / "f.safetensors", mse_steps=0))
    method.build_fixed_networks()
    given = batch(0)
    x_ab = method.generators["G"](given.images["a"])
    *_, last = method.training_step(given)
    maps = [network.maps(x)[-2] for x in (x_ab, given.images["b"])]
    torch.testing.assert_close(last.losses["content"], mse_loss(*maps))
    assert not any("features" in name for name in method.tensors())


def test_a_network_for_images_of_another_size_is_refused(tmp_path: Path) -> None:
    network = FeatureNetwork(3, 32, 4)
    state = {PREFIX + name: tensor for name, tensor in network.state_dict().items()}
    save_file(state, tmp_path / "f.safetensors")
    method = SRGAN(config(content="vgg", features=tmp_path / "f.safetensors"))
    with pytest.raises(ValueError, match=r"f\.safetensors reads images of 32x32 .* 16x16"):
        method.build_fixed_networks()


def test_vgg19_is_needed_if_the_run_reaches_its_loss(tmp_path: Path) -> None:
    missing = tmp_path / "vgg19.pth"
    with pytest.raises(FileNotFoundError, match=r"vgg19\.pth does not exist; .*SRGAN"):
        SRGAN(config(content="vgg", features=missing)).build_fixed_networks()
    for changes in ({"mse_steps": 6}, {"weights": {"content": 0.0}}, {"content": "mse"}):
        method = SRGAN(config(**{"content": "vgg", "features": missing} | changes))
        method.build_fixed_networks()
        assert not hasattr(method, "features")


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"channels": (1, 3)}, r"channels must be the same number twice, .* found \(1, 3\)"),
        ({"crop": 18, "scale": 4}, r"crop must be a multiple of 4, found \(18, 18\)"),
        ({"crop": 12}, r"crop must be at least 16 pixels"),
        ({"channels": (4, 4), "content": "vgg"}, "needs images of 1 or 3 channels.*content=mse"),
        ({"scale": 3}, "scale"),
    ],
)
def test_settings_that_do_not_fit_are_named(changes: dict[str, Any], sentence: str) -> None:
    with pytest.raises(ValueError, match=sentence):
        config(**changes)


def test_a_model_enlarges_images_of_any_size(run: Path, tmp_path: Path) -> None:
    model = crossimage.load(run, device="cpu")
    assert model.domains == ("low", "high") and model.targets == ("high",)
    assert model.translate(torch.zeros(2, 3, 5, 9)).shape == (2, 3, 20, 36)
    assert model.translate(torch.zeros(1, 3, 1, 2)).shape == (1, 3, 4, 8)
    assert model.translate(Image.new("RGB", (7, 6))).size == (28, 24)
    Image.new("L", (11, 8)).save(tmp_path / "gray.png")
    report = model.translate_files(tmp_path / "gray.png", tmp_path / "out")
    with Image.open(report.written[0]) as written:
        assert written.size == (44, 32)


def test_outputs_stay_within_the_range_of_images(run: Path) -> None:
    x = torch.rand(2, 3, 8, 8) * 9
    with pytest.warns(UserWarning, match=r"expected values in \[-1, 1\]"):
        y = crossimage.load(run, device="cpu").translate(x)
    assert y.abs().max() <= 1


def test_the_model_file_holds_the_generator_alone(run: Path) -> None:
    model = crossimage.load(run, device="cpu")
    assert list(model.networks.players()) == ["generators"]


def test_the_discriminator_scores_crops_of_the_training_size(run: Path) -> None:
    model = crossimage.load(run, device="cpu", discriminators=True)
    (scores,) = model.discriminate(torch.zeros(2, 3, 16, 16), "high")
    assert scores.shape == (2, 1, 1, 1)
    with pytest.raises(ValueError, match=r"24x16 pixels, .* can only score 16x16"):
        model.discriminate(torch.zeros(1, 3, 16, 24), "high")
    with pytest.raises(ValueError, match="has a discriminator of large images only"):
        model.discriminate(torch.zeros(1, 3, 16, 16), "low")


def test_a_run_of_the_first_stage_goes_on_to_the_second(folders: Path, tmp_path: Path) -> None:
    for steps in (2, 4):
        train("srgan", folders, tmp_path, **small("srgan", steps=steps, log_every=1))
    header, *rows = (tmp_path / "metrics.csv").read_text().splitlines()
    assert "generators/mse" in header and "discriminators/adversarial" in header
    assert len(rows) == 4


def test_a_sheet_shows_interpolation_output_and_truth() -> None:
    method = SRGAN(config()).eval()
    given = batch(0)
    (panel,) = method.preview(given, given.noise)
    assert [title for title, _ in panel.columns] == ["bicubic", "output", "truth"]
    assert {tuple(x.shape) for _, x in panel.columns} == {(4, 3, 16, 16)}
