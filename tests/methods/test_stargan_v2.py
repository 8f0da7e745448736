"""What the StarGAN v2 paper promises, beyond parity with its official code."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from torch import Tensor

import crossimage
from crossimage import train
from crossimage.config import build
from crossimage.evaluation.galleries.labels import LabelGallery
from crossimage.inference.translator import Translator
from crossimage.methods.base import Batch, Noise
from crossimage.methods.optimizers import Adam
from crossimage.methods.stargan_v2 import StarGANv2, StarGANv2Config
from crossimage.networks.stargan_v2.landmarks import LandmarkNetwork, masks_of, official_names
from crossimage.recipes import list_recipes, resolve
from tests.conftest import small


def built(**changes: Any) -> StarGANv2:
    return StarGANv2(build(StarGANv2Config, small("stargan_v2"), changes))


def batch(method: StarGANv2, step: int = 0) -> Batch:
    count, size = 4, method.config.crop
    names = ("x", "reference", "reference_2")
    images = {name: torch.rand(count, 3, *size) * 2 - 1 for name in names}
    labels = torch.eye(len(method.labels.names))
    vectors = {"x": labels[[0, 1, 2, 0]], "target": labels[[1, 1, 0, 2]]}
    return Batch(images, Noise(0, count, slice(0, count), "cpu"), vectors, step)


def wing(path: Path, width: int = 16) -> Path:
    """A landmark network in the form of the official file."""
    names, state = official_names(), {}
    for key, value in LandmarkNetwork(width).state_dict().items():
        layer, _, kind = key.rpartition(".")
        state[f"{names[layer]}.{kind}"] = value
    torch.save({"state_dict": state, "epoch": 3}, path)
    return path


def test_the_defaults_are_the_published_settings() -> None:
    config = StarGANv2Config()
    w = config.weights
    assert (w.adversarial, w.r1, w.style, w.diversity, w.cycle) == (1, 1, 1, 1, 1)
    assert (config.latent_dim, config.style_dim, config.first_width) == (16, 64, 64)
    assert (config.max_width, config.mapping_width) == (512, 512)
    assert (config.learning_rate, config.mapping_learning_rate) == (1e-4, 1e-6)
    assert (config.betas, config.weight_decay) == ((0, 0.99), 1e-4)
    assert (config.batch_size, config.steps, config.ema_decay) == (8, 100_000, 0.999)
    assert (config.resized_crop, config.balanced) == (0.5, True)
    assert config.resized_crop_scale == (0.8, 1.0) and config.resized_crop_ratio == (0.9, 1.1)
    assert build(StarGANv2Config, {"crop": 512, "resize": 512}).first_width == 32


def test_every_recipe_is_a_configuration() -> None:
    names = [name for name, _ in list_recipes() if name.startswith("stargan_v2/")]
    configs = {name.split("/")[1]: build(StarGANv2Config, resolve(name)[1]) for name in names}
    assert configs["afhq"].names == ("cat", "dog", "wild")
    assert (configs["afhq"].weights.diversity, configs["afhq"].w_hpf) == (2, 0)
    assert (configs["celeba_hq"].w_hpf, len(configs["celeba_hq"].names)) == (1, 2)


def test_the_weight_of_the_diversity_falls_to_0_and_stays_there() -> None:
    method = built(diversity_steps=4, weights={"diversity": 2.0})
    found = [method.loss_weights(step).diversity for step in range(6)]
    assert found == [2.0, 1.5, 1.0, 0.5, 0.0, 0.0]
    assert built(diversity_steps=0).loss_weights(10**6).diversity == 1.0


def test_the_mapping_network_has_a_rate_of_its_own() -> None:
    method = built(mapping_learning_rate=1e-6, learning_rate=1e-4, betas=(0.0, 0.99))
    rates = {name: spec.learning_rate for name, spec in method.optimizers().items()}
    assert all(isinstance(spec, Adam) for spec in method.optimizers().values())
    assert rates.pop("mapping_network") == 1e-6 and set(rates.values()) == {1e-4}


def test_a_step_has_four_moves_of_the_published_players() -> None:
    updates = list(built().training_step(batch(built())))
    assert [update.players for update in updates] == [
        ("discriminators",),
        ("discriminators",),
        ("generators", "mapping_network", "style_encoder"),
        ("generators",),
    ]
    for update in updates[2:]:
        assert list(update.losses) == ["adversarial", "style", "diversity", "cycle"]
        assert update.losses["diversity"] < 0


def test_terms_without_weight_are_not_computed() -> None:
    weights = {"r1": 0.0, "style": 0.0, "diversity": 0.0, "cycle": 0.0}
    updates = list(built(weights=weights).training_step(batch(built())))
    assert all(list(update.losses) == ["adversarial"] for update in updates)


def test_a_style_of_one_domain_does_not_depend_on_the_others() -> None:
    method, z = built(), torch.randn(3, 2)
    to = torch.eye(3)
    together = method.style_from(z, to)
    for row in range(3):
        torch.testing.assert_close(method.style_from(z[row : row + 1], to[row : row + 1])[0],
                                   together[row])  # fmt: skip
    assert not torch.equal(method.style_from(z, to.roll(1, 0)), together)


def test_interpolated_styles_go_from_one_domain_to_another() -> None:
    model = Translator(built(domains=("cat", "dog", "owl")), "cpu")
    x = torch.rand(2, 3, 16, 16) * 2 - 1
    start, end = model.sample_style(1, "cat", seed=0), model.encode_style(x[:1], "owl")
    y = model.interpolate(x, start, end, steps=3, to="owl")
    assert y.shape == (2, 3, 3, 16, 16)
    torch.testing.assert_close(y[:, 0], model.translate(x, "cat", style=start))
    torch.testing.assert_close(y[:, 2], model.translate(x, "owl", reference=x[:1]))
    torch.testing.assert_close(y[:, 1], model.translate(x, "owl", style=(start + end) / 2))


def test_images_and_references_of_any_size_are_resized_to_the_networks() -> None:
    model = Translator(built(), "cpu")
    photo = np.zeros((40, 25, 3), np.uint8)
    y = model.translate(photo, "dog", reference=np.full((9, 50, 3), 200, np.uint8))
    assert y.shape == (16, 16, 3)


def test_high_pass_skips_act_where_the_masks_are() -> None:
    """The masks of 16 px images reach no feature map: the skips begin at 32 px."""
    G = built(crop=32, resize=32, w_hpf=1.0, landmark_width=16).generators
    x, style = torch.rand(1, 3, 32, 32), torch.randn(1, 3)
    none, left = torch.zeros(1, 1, 32, 32), torch.zeros(1, 1, 32, 32)
    left[..., :16] = 1
    with torch.no_grad():
        plain, masked = G(x, style, (none, none)), G(x, style, (left, none))
        torch.testing.assert_close(plain, G(x, style))
        assert torch.equal(plain, G(x, style, (none, left)))  # the second is of higher maps
    assert not torch.equal(plain, masked)


def test_masks_follow_their_landmarks() -> None:
    heatmaps = torch.zeros(1, 98, 256, 256)
    rows = {10: 50, 40: 100, 53: 120, 70: 140, 79: 160, 3: 30, 97: 240}
    for landmark, row in rows.items():
        heatmaps[0, landmark, row, 128] = 1.0
    whole, middle = masks_of(heatmaps)
    seen = [set(mask[0, 0].nonzero()[:, 0].tolist()) for mask in (whole, middle)]
    # brows move down by 7 rows, the nose up by 4, an eye down by 8 and by 24, a lip down by 8
    assert seen[0] == {50, 107, 116, 148, 164, 168, 240}
    assert seen[1] == {116, 148, 164, 240}  # neither outline, brows nor mouth


def test_faces_need_a_landmark_network(
    labelled: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = small("stargan_v2", w_hpf=1.0, crop=32, resize=32, steps=1)
    settings |= {"batch_size": 1, "sample_count": 1}  # masks are of 256 x 256 pixels
    with pytest.raises(ValueError, match=r"w_hpf=1 needs a landmark network.*landmarks=FILE"):
        train("stargan_v2", labelled, tmp_path / "run", **settings)
    file = wing(tmp_path / "wing.ckpt")
    with pytest.raises(ValueError, match=r"network of width 16, expected 32; set landmark_width"):
        wide = settings | {"landmarks": file, "landmark_width": 32}
        train("stargan_v2", labelled, tmp_path / "run", **wide)
    settings |= {"landmarks": file}
    train("stargan_v2", labelled, tmp_path / "run", **settings)
    model = crossimage.load(tmp_path / "run", device="cpu")
    expected = torch.load(file, weights_only=True)["state_dict"]["l0.weight"]
    assert torch.equal(model.networks.landmark_network.heads.weight, expected)
    file.unlink()  # the model holds it
    x = torch.rand(1, 3, 32, 32) * 2 - 1
    style = model.sample_style(1, "y", seed=0)
    masks = model.networks.landmark_network.masks(x)
    with torch.no_grad():
        expected = model.networks.generators(x, style, masks)
    torch.testing.assert_close(model.translate(x, "y", style=style), expected)
    monkeypatch.setattr("crossimage.training.recorder.Recorder.sample", lambda *_: None)
    for key in ("w_hpf", "landmarks"):  # the model has them
        del settings[key]
    train("stargan_v2", labelled, tmp_path / "new", init_from=tmp_path / "run", **settings)


@pytest.mark.parametrize("content", [{"other.weight": torch.zeros(2)}, {}])
def test_a_file_of_something_else_is_refused(content: dict[str, Tensor], tmp_path: Path) -> None:
    torch.save(content, tmp_path / "x.pth")
    method = built(w_hpf=1.0, landmark_width=16, landmarks=tmp_path / "x.pth")
    with pytest.raises(ValueError, match=r"x.pth .*landmark network"):
        method.build_fixed_networks()
    method = built(w_hpf=1.0, landmark_width=16, landmarks=tmp_path / "none.pth")
    with pytest.raises(FileNotFoundError, match="none.pth"):
        method.build_fixed_networks()


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"crop": (32, 16)}, "crop must be a square"),
        ({"crop": 24}, "crop must be a square of side 16, 32"),
        ({"crop": 8}, "crop must be a square of side 16"),
        ({"channels": (3, 3)}, "channels must be one number"),
        ({"channels": (4,), "w_hpf": 1.0}, "needs images of 1 or 3 channels"),
        ({"landmark_width": 20}, "multiple of 16"),
    ],
)
def test_what_the_networks_cannot_process_is_refused(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        built(**changes)


def test_a_table_of_one_attribute_is_trained_and_evaluated(tmp_path: Path) -> None:
    lines = ["file,split,Male"]
    for number in range(12):
        Image.new("RGB", (16, 16), (20 * number,) * 3).save(tmp_path / f"{number}.png")
        lines.append(f"{number}.png,{'test' if number > 7 else 'train'},{number % 2}")
    table = tmp_path / "faces.csv"
    table.write_text("\n".join(lines))
    result = train("stargan_v2", table, tmp_path / "run", **small("stargan_v2", steps=2))
    assert result.targets == ("Male", "not_Male")
    model = result.load(device="cpu")
    gallery = LabelGallery("run", model, str(table), "not_Male", 0)
    (item, *_) = gallery.items(1, 2)
    assert len(gallery.paths) == 2 and item.outputs.shape == (2, 3, 16, 16)
    again = train("stargan_v2", table, tmp_path / "run", **small("stargan_v2", steps=3))
    assert again.first_step == 2


def test_the_score_maps_are_those_of_all_domains(labelled: Path, tmp_path: Path) -> None:
    train("stargan_v2", labelled, tmp_path, **small("stargan_v2", steps=1))
    model = crossimage.load(tmp_path, device="cpu", discriminators=True)
    (scores,) = model.discriminate(torch.zeros(2, 3, 16, 16))
    assert scores.shape == (2, 3, 1, 1)
