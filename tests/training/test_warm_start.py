"""Runs that start from a trained model: its networks and weights, not its schedule."""

from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file
from torch import Tensor

import crossimage
from crossimage import train
from crossimage.checkpoints.model_file import save_model
from crossimage.checkpoints.training_state import Checkpoints
from crossimage.config import build
from crossimage.methods import METHODS
from crossimage.methods.cyclegan import CycleGAN
from crossimage.methods.stargan_v2 import StarGANv2, StarGANv2Config
from crossimage.training.listener import Listener
from crossimage.training.run import run_training
from crossimage.training.warm_start import network_settings
from tests.conftest import slow_except, small
from tests.faults.harness import digest

pytestmark = pytest.mark.usefixtures("without_sheets")


@pytest.fixture(scope="module")
def finished(folders: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A finished run; tests that continue it take a copy."""
    out = tmp_path_factory.mktemp("finished") / "run"
    assert train("cyclegan", folders, out, **small("cyclegan")).stopped_by is None
    return out


def test_a_start_from_a_model(finished: Path, folders: Path, tmp_path: Path) -> None:
    model = finished / "model.safetensors"
    still = small("cyclegan", steps=1, learning_rate=0.0)
    train("cyclegan", folders, tmp_path / "run", **still, init_from=model)
    expected, actual = (
        load_file(run / "model.safetensors") for run in (finished, tmp_path / "run")
    )
    assert digest(expected) == digest(actual)
    train("cyclegan", folders, tmp_path / "other", **still)
    assert digest(load_file(tmp_path / "other" / "model.safetensors")) != digest(expected)


def test_a_start_from_another_models_weights_is_refused(
    finished: Path, folders: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    model, out = finished / "model.safetensors", tmp_path / "run"
    with pytest.raises(ValueError, match="has shape .* expected .*leave out the settings"):
        train("cyclegan", folders, out, **small("cyclegan", width=6), init_from=model)
    assert not out.exists()

    class Other(CycleGAN):
        pass

    monkeypatch.setitem(METHODS, "other", Other)
    with pytest.raises(ValueError, match="holds CycleGAN, not Other"):
        train("other", folders, out, **small("cyclegan"), init_from=model)
    with pytest.raises(FileNotFoundError, match="nowhere"):
        train(
            "cyclegan",
            folders,
            out,
            **small("cyclegan"),
            init_from=tmp_path / "nowhere.safetensors",
        )
    assert not out.exists()


def test_a_run_from_a_model_takes_its_networks_but_not_its_schedule(
    folders: Path, tmp_path: Path
) -> None:
    train("cyclegan", folders, tmp_path / "first", **small("cyclegan", steps=2, learning_rate=0.01))
    plain = {
        k: v
        for k, v in small("cyclegan").items()
        if k in ("resize", "crop", "workers", "precision")
    }
    few = plain | {"steps": 1, "discriminator": {"width": 6}}
    train(
        "cyclegan", folders, tmp_path / "second", **few,
        init_from=tmp_path / "first" / "model.safetensors",
    )  # fmt: skip
    first, second = (crossimage.load(tmp_path / run).config for run in ("first", "second"))
    assert isinstance(first, CycleGAN.Config) and isinstance(second, CycleGAN.Config)
    assert second.width == first.width and second.weights == first.weights
    assert second.discriminator.width == 6 and second.discriminator.layers == 2
    assert second.learning_rate == 2e-4 and second.batch_size == 1


class Said(Listener):
    def __init__(self) -> None:
        super().__init__()
        self.sentences: list[str] = []

    def say(self, sentence: str) -> None:
        self.sentences.append(sentence)


def start(method: str, data: Path, out: Path, init_from: Path, **changes: Any) -> str:
    """What a run says about its start; its weights stay as they are."""
    listener = Said()
    still = small(method, steps=1, learning_rate=0.0, weight_decay=0.0, **changes)
    still.pop("decay_steps", None)
    own_rates = {"stargan_v2": "mapping_learning_rate", "sketchygan": "discriminator_learning_rate"}
    if method in own_rates:
        still[own_rates[method]] = 0.0
    run_training(method, str(data), out, still, init_from=init_from, listener=listener)
    (sentence,) = (s for s in listener.sentences if s.startswith("initialised from"))
    return sentence


def weights_of(run: Path) -> dict[str, Tensor]:
    """The trained weights of a run's newest checkpoint."""
    _, state = Checkpoints(run, 1).load_newest(pytest.fail) or pytest.fail("no checkpoint")
    method = METHODS[state["config"]["method"]]
    values = {key: value for key, value in state["config"].items() if key != "method"}
    networks = method(build(method.Config, values))
    parameters = {name for name, _ in networks.named_parameters()}
    return {name: value for name, value in state["method"].items() if name in parameters}


@pytest.mark.parametrize("method", slow_except("cyclegan", "dtn", "stargan_v2"))
def test_a_start_from_a_run_has_the_weights_of_all_its_players(
    method: str, request: pytest.FixtureRequest, tmp_path: Path
) -> None:
    source = {
        "unpaired": "classes", "paired": "pairs", "labelled": "labelled", "classes": "labelled",
        "class_pairs": "class_pairs",
    }  # fmt: skip
    data = request.getfixturevalue(source.get(METHODS[method].layout, "folders"))
    data = data / "trainA" if METHODS[method].layout in ("single", "super_resolution") else data
    # an average would be what a start takes the generators from
    train(method, data, tmp_path / "first", **small(method, steps=3, ema_decay=0.0))
    newest = Checkpoints(tmp_path / "first", 1).newest_path()
    assert newest
    for number, given in enumerate((tmp_path / "first", newest)):
        out = tmp_path / str(number)
        sentence = start(method, data, out, given)
        rest = set(METHODS[method].player_order) - set(METHODS[method].inference_players)
        assert "; new" not in sentence
        assert ("of its checkpoint at step 3" in sentence) == bool(rest)
        before, after = weights_of(tmp_path / "first"), weights_of(out)
        assert before.keys() == after.keys()
        assert all(torch.equal(before[name], after[name]) for name in before)


def test_what_a_start_does_not_find_is_said_to_be_new(
    finished: Path, folders: Path, tmp_path: Path
) -> None:
    model = finished / "model.safetensors"
    sentence = start("cyclegan", folders, tmp_path / "a", model)
    assert sentence == f"initialised from {model}: generators; new: discriminators"
    wider = {"width": 6, "layers": 2}
    sentence = start("cyclegan", folders, tmp_path / "b", finished, discriminator=wider)
    assert sentence.endswith(": generators; new: discriminators (of another shape)")


def test_files_of_other_kinds_are_refused_in_a_sentence(
    finished: Path, folders: Path, tmp_path: Path
) -> None:
    foreign = tmp_path / "latest_net_G.pth"
    torch.save({"weight": torch.zeros(1)}, foreign)
    torn = tmp_path / "step-00000001.pt"
    newest = Checkpoints(finished, 1).newest_path()
    assert newest
    torn.write_bytes(newest.read_bytes()[:-1000])
    image = next((folders / "trainA").iterdir())
    for given, said in (
        (foreign, "is a checkpoint of another codebase.*import it with `crossimage import"),
        (torn, "expected a checkpoint of a run"),
        (image, "png is not a model .* this looks like an image; give the file of a model"),
        (finished / "config.yaml", "expected a model file"),
        (finished / "checkpoints", "holds no model.safetensors"),
    ):
        with pytest.raises((ValueError, FileNotFoundError), match=said):
            start("cyclegan", folders, tmp_path / "out", given)
    assert not (tmp_path / "out").exists()


def test_networks_of_one_size_bring_their_size(tmp_path: Path) -> None:
    """StarGAN v2's blocks are as many as the size of its images needs, whatever the default is."""
    config = build(
        StarGANv2Config,
        {"crop": 32, "resize": 36, "width": 4, "max_width": 8, "attributes": "a,b",
         "label_sets": 2, "categorical": True},
    )  # fmt: skip
    save_model(tmp_path / "model.safetensors", StarGANv2(config, training=False))
    settings = network_settings(tmp_path / "model.safetensors", StarGANv2)
    own = build(StarGANv2Config, settings, {"attributes": "a,b"})
    assert (own.crop, own.resize) == ((32, 32), 36)
