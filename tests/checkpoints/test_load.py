"""Networks are loaded from a model file or a run folder, with discriminators on request."""

import json
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
import torch

from crossimage.checkpoints.load import change_settings, load_networks
from crossimage.checkpoints.model_file import save_model
from crossimage.checkpoints.training_state import Checkpoints
from crossimage.config import build
from crossimage.methods.cut import CUT
from crossimage.methods.cyclegan import CycleGAN
from crossimage.methods.munit import MUNIT
from crossimage.methods.pix2pix import Pix2Pix
from crossimage.utils.tensor_files.safetensors_files import read_safetensors, write_safetensors
from tests.conftest import small


@pytest.fixture
def networks() -> MUNIT:
    return MUNIT(build(MUNIT.Config, small("munit")))


@pytest.fixture
def run(networks: MUNIT, tmp_path: Path) -> Path:
    save_model(tmp_path / "model.safetensors", networks)
    Checkpoints(tmp_path, keep=2).save(3, {"method": networks.tensors()})
    return tmp_path


def test_a_run_folder_and_its_file_hold_the_same_networks(run: Path, networks: MUNIT) -> None:
    for path in (run, run / "model.safetensors"):
        loaded = load_networks(path)
        assert isinstance(loaded, MUNIT) and not loaded.training
        assert "discriminators" not in loaded.players()
        for name, tensor in networks.tensors("generators").items():
            assert torch.equal(loaded.tensors()[name], tensor)


@pytest.mark.parametrize("start", [b"PK", b"\x80\x80"])
def test_a_model_whose_first_bytes_look_like_an_archives_is_loaded(
    run: Path, networks: MUNIT, start: bytes
) -> None:
    file = run / "model.safetensors"
    content = file.read_bytes()
    length, longer = (int.from_bytes(text, "little") for text in (content[:8], start))
    padded = content[8 : 8 + length].ljust(longer)
    file.write_bytes(len(padded).to_bytes(8, "little") + padded + content[8 + length :])
    assert file.read_bytes().startswith(start)
    loaded = load_networks(file).tensors()
    for name, tensor in networks.tensors("generators").items():
        assert torch.equal(loaded[name], tensor)


def test_discriminators_come_from_the_newest_checkpoint(run: Path, networks: MUNIT) -> None:
    newer = {name: tensor + 1 for name, tensor in networks.tensors().items()}
    Checkpoints(run, keep=2).save(5, {"method": newer})
    loaded = load_networks(run, discriminators=True).tensors()
    for name in networks.tensors("discriminators"):
        assert torch.equal(loaded[name], newer[name])
    for name, tensor in networks.tensors("generators").items():  # as the model file has them
        assert torch.equal(loaded[name], tensor)


def test_discriminators_come_from_the_model_file_if_it_has_them(
    tmp_path: Path, networks: MUNIT
) -> None:
    save_model(tmp_path / "all.safetensors", networks, discriminators=True)
    loaded = load_networks(tmp_path / "all.safetensors", discriminators=True)
    assert loaded.tensors().keys() == networks.tensors().keys()


def test_a_damaged_checkpoint_is_skipped_with_a_warning(run: Path, networks: MUNIT) -> None:
    damaged = Checkpoints(run, keep=2).save(5, {"method": networks.tensors()})
    damaged.write_bytes(damaged.read_bytes()[:100])
    with pytest.warns(UserWarning, match=r"step-00000005\.pt is incomplete"):
        load_networks(run, discriminators=True)


def test_what_is_missing_is_named(run: Path, tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match=rf"a run folder .*; did you mean '{run}'.$"):
        load_networks(run / "checkpoints")
    runs = tmp_path / "all" / "runs"
    for name in ("a", "b", "samples"):
        (runs / name).mkdir(parents=True)
    for name in ("a", "b"):
        (runs / name / "model.safetensors").touch()
    with pytest.raises(FileNotFoundError, match=rf"did you mean '{runs}/a' or '{runs}/b'.$"):
        load_networks(runs)
    tensorflow = tmp_path / "all" / "tensorflow"
    tensorflow.mkdir()
    with pytest.raises(FileNotFoundError, match=r"holds no model\.safetensors; .* checkpoint$"):
        load_networks(tensorflow)
    (tensorflow / "saved.ckpt.meta").write_bytes(b"graph")
    with pytest.raises(ValueError, match=r"holds saved\.ckpt\.meta, and .* a TensorFlow model"):
        load_networks(tensorflow)
    with pytest.raises(FileNotFoundError, match="nothing does not exist"):
        load_networks(tmp_path / "nothing")
    with pytest.raises(ValueError, match="holds no discriminators; expected a run folder"):
        load_networks(run / "model.safetensors", discriminators=True)


def test_checkpoints_of_other_codebases_are_named_with_the_command_that_imports_them(
    tmp_path: Path,
) -> None:
    foreign = tmp_path / "runs of old" / "latest_net_G.pth"
    foreign.parent.mkdir()
    torch.save({"model.1.weight": torch.zeros(2)}, foreign)
    command = f"crossimage import '{foreign}' --out model.safetensors"
    with pytest.raises(ValueError, match=f"another codebase.*'model.1.weight'.*{command}"):
        load_networks(foreign)
    with pytest.raises(FileNotFoundError, match=f"crossimage import '{foreign.parent}' --out"):
        load_networks(foreign.parent)
    torch.save({"state_dict": {"lora_unet_x.lora_up.weight": torch.zeros(2)}}, foreign)
    with pytest.raises(ValueError, match="looks like a LoRA"):
        load_networks(foreign)
    torch.save({"epoch": 3}, foreign)
    with pytest.raises(ValueError, match="holds no tensors"):
        load_networks(foreign)
    foreign.write_bytes(b"")
    with pytest.raises(ValueError, match="is empty; copy or download it again"):
        load_networks(foreign)


def test_a_torn_checkpoint_of_a_run_is_not_of_another_codebase(run: Path) -> None:
    path = run / "checkpoints" / "step-00000003.pt"
    with pytest.raises(FileNotFoundError) as error:
        load_networks(run / "checkpoints")
    assert "another codebase" not in str(error.value)
    whole = path.read_bytes()
    for size in (len(whole) - 1, len(whole) - 90, 100):
        path.write_bytes(whole[:size])
        with pytest.raises(ValueError, match="step-00000003.pt is (incomplete|altered)"):
            load_networks(path)


@pytest.mark.parametrize("discriminators", [False, True])
def test_loading_leaves_random_numbers_alone(run: Path, discriminators: bool) -> None:
    before = torch.get_rng_state()
    load_networks(run, discriminators)
    assert torch.equal(torch.get_rng_state(), before)


def test_settings_of_translation_change_after_training(tmp_path: Path) -> None:
    values = small("cyclegan") | {"dropout": 0.5, "test_mode": "train"}
    networks = CycleGAN(build(CycleGAN.Config, values))
    assert networks.stochastic
    x = torch.rand(1, 3, 32, 32) * 2 - 1
    change_settings(networks.eval(), {"test_mode": "eval", "value_range": {"a": "0,9"}}, "here")
    assert not networks.stochastic
    assert networks.config.range_of("a") == (0, 9)
    assert torch.equal(networks.translate(x, "b"), networks.translate(x, "b"))
    change_settings(networks, {"test_mode": "train"}, "here")
    assert networks.stochastic and networks.config.range_of("a") == (0, 9)
    assert not torch.equal(networks.translate(x, "b"), networks.translate(x, "b"))


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"channels": "1,1"}, "'channels' must match the trained weights; .* value_range"),
        ({"test_mood": "eval"}, "'test_mood' is unknown; .* value_range and test_mode"),
        ({"test_mode": "evil"}, "test_mode: input should be 'train' or 'eval', found 'evil'"),
        ({"value_range": "3,1"}, r"value_range must be \(low, high\)"),
    ],
)
def test_other_settings_are_refused(settings: dict[str, object], words: str) -> None:
    networks = Pix2Pix(build(Pix2Pix.Config, small("pix2pix")))
    with pytest.raises(ValueError, match=words):
        change_settings(networks, settings, "here")


def test_loading_leaves_the_random_numbers_of_all_threads_alone(run: Path) -> None:
    torch.manual_seed(0)
    before = torch.get_rng_state()
    with ThreadPoolExecutor(4) as pool:
        loaded = [load_networks(run), *pool.map(load_networks, [run] * 8)]
    assert torch.equal(torch.get_rng_state(), before)
    first = loaded[0].state_dict()
    for other in loaded[1:]:
        assert all(torch.equal(first[name], x) for name, x in other.state_dict().items())


def test_settings_that_a_method_refuses_are_reported_with_the_file(tmp_path: Path) -> None:
    path = tmp_path / "m.safetensors"
    save_model(path, CUT(build(CUT.Config, small("cut"))), discriminators=True)
    metadata, tensors = read_safetensors(path, "a file")
    settings = json.loads(metadata["config"]) | {"nce_layers": [0, 64]}
    with path.open("wb") as file:
        write_safetensors(file, tensors, {**metadata, "config": json.dumps(settings)})
    with pytest.raises(ValueError, match=r"m\.safetensors: nce_layers has the layer 64"):
        load_networks(path)
