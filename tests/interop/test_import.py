"""What all formats have in common: recognition, safety, errors and the command."""

from __future__ import annotations

import pickle
from collections import OrderedDict
from pathlib import Path
from typing import Any

import pytest
import torch

import crossimage
from crossimage.cli.app import main
from crossimage.cli.checkpoints import import_
from crossimage.interop import FORMATS, import_model
from crossimage.interop.checkpoint_files import read_checkpoint
from tests.interop.nvlabs_networks import UNITGenerator

GEN = {"dim": 2, "activ": "relu", "n_downsample": 1, "n_res": 1, "pad_type": "reflect"}


@pytest.fixture
def checkpoint(tmp_path: Path) -> Path:
    """A tiny checkpoint of the official UNIT code."""
    path = tmp_path / "gen_00000001.pt"
    torch.save({d: UNITGenerator(3, GEN).state_dict() for d in "ab"}, path)
    return path


def test_the_help_names_every_format() -> None:
    text = " ".join(str(import_.__doc__).split())
    assert [
        name
        for name in FORMATS
        if f"{name}," not in text and f"{name};" not in text and f"{name} or" not in text
    ] == []


class Trap:
    def __reduce__(self) -> tuple[Any, ...]:
        return print, ("code of the checkpoint runs",)


def test_code_in_a_file_never_runs(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for name, write in (("new.pt", torch.save), ("old.pt", None)):
        path = tmp_path / name
        if write:
            write({"a": Trap()}, path)
        else:
            path.write_bytes(pickle.dumps({"a": Trap()}))
        with pytest.raises(ValueError, match=f"{name} .*(whose code would run|not a PyTorch)"):
            read_checkpoint(path)
    assert capsys.readouterr().out == ""


@pytest.mark.parametrize("share", [0, 0.001, 0.5, 0.99])
@pytest.mark.parametrize("zipped", [True, False])
def test_truncated_files_are_refused(
    checkpoint: Path, share: float, zipped: bool, tmp_path: Path
) -> None:
    state = torch.load(checkpoint, weights_only=True)
    torch.save(state, checkpoint, _use_new_zipfile_serialization=zipped)
    content = checkpoint.read_bytes()
    checkpoint.write_bytes(content[: int(share * len(content))])
    with pytest.raises(ValueError, match="gen_00000001.pt is truncated, damaged or not a PyTorch"):
        import_model([checkpoint], tmp_path / "model.safetensors")
    assert [path.name for path in tmp_path.iterdir()] == [checkpoint.name]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ([torch.zeros(1)], "holds a list; expected a checkpoint of named tensors"),
        ({"epoch": 3}, "holds no tensors"),
        ({"a": {}}, "holds no tensors"),
    ],
)
def test_files_of_anything_else_are_refused(content: Any, message: str, tmp_path: Path) -> None:
    torch.save(content, tmp_path / "file.pt")
    with pytest.raises(ValueError, match=message):
        read_checkpoint(tmp_path / "file.pt")


def test_missing_files_and_folders(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match="x.pt does not exist"):
        read_checkpoint(tmp_path / "x.pt")
    with pytest.raises(ValueError, match="is a folder"):
        read_checkpoint(tmp_path)


def test_names_are_joined_and_the_parallel_prefix_is_removed(tmp_path: Path) -> None:
    one = torch.ones(1)
    torch.save(OrderedDict({"module.x.weight": one, "module.y": one}), tmp_path / "file.pt")
    assert list(read_checkpoint(tmp_path / "file.pt").state) == ["x.weight", "y"]
    torch.save({"a": {"module.x": one}, "b": {"module.x": one}}, tmp_path / "file.pt")
    assert list(read_checkpoint(tmp_path / "file.pt").state) == ["a.x", "b.x"]


def test_tensors_of_no_known_network_are_refused(tmp_path: Path) -> None:
    torch.save({"backbone.conv.weight": torch.zeros(1)}, tmp_path / "file.pt")
    with pytest.raises(
        ValueError, match=r"'backbone\.conv\.weight'\) are not of a known format"
    ) as e:
        import_model([tmp_path / "file.pt"], tmp_path / "model.safetensors")
    assert all(name in str(e.value) for name in FORMATS)
    for name in FORMATS:
        files = [tmp_path / "file.pt"] * len(FORMATS[name].FILES.required)
        with pytest.raises(ValueError, match="expected"):
            import_model(files, tmp_path / "model.safetensors", name)
    assert not (tmp_path / "model.safetensors").exists()


def test_a_tensor_too_many_is_refused(checkpoint: Path, tmp_path: Path) -> None:
    state = torch.load(checkpoint, weights_only=True)
    state["b"]["classifier.weight"] = torch.zeros(5, 4)
    torch.save(state, checkpoint)
    with pytest.raises(ValueError, match=r"'b\.classifier\.weight'.*\[5, 4\], has no place"):
        import_model([checkpoint], tmp_path / "model.safetensors")
    assert not (tmp_path / "model.safetensors").exists()


def test_failure_leaves_what_stood_there(checkpoint: Path, tmp_path: Path) -> None:
    out = tmp_path / "model.safetensors"
    import_model([checkpoint], out)
    before = out.read_bytes()
    with pytest.raises(ValueError, match="unknown option"):
        import_model([checkpoint], out, options={"colour": "red"})
    assert out.read_bytes() == before


@pytest.mark.parametrize("format", list(FORMATS))
def test_a_number_of_files_that_no_format_has(
    format: str, checkpoint: Path, tmp_path: Path
) -> None:
    with pytest.raises(ValueError, match=f"{format} is imported from the files .*; found 7"):
        import_model([checkpoint] * 7, tmp_path / "model.safetensors", format)


def test_the_result_is_no_input(checkpoint: Path, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="is one of the files to import"):
        import_model([checkpoint], checkpoint)
    with pytest.raises(ValueError, match="is a folder"):
        import_model([checkpoint], tmp_path)


def test_importing_draws_no_random_numbers(checkpoint: Path, tmp_path: Path) -> None:
    before = torch.get_rng_state()
    import_model([checkpoint], tmp_path / "model.safetensors")
    assert torch.equal(torch.get_rng_state(), before)


@pytest.mark.parametrize("names", ["x", "x,x", "x,y,z"])
def test_two_domains_have_two_names(names: str, checkpoint: Path, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=f"domains must be two different names, found '{names}'"):
        import_model([checkpoint], tmp_path / "model.safetensors", options={"domains": names})


def test_a_range_of_values_can_be_given(checkpoint: Path, tmp_path: Path) -> None:
    out = tmp_path / "model.safetensors"
    options = {"value_range.a": "0,4095", "value_range.b": "-1000,3000"}
    import_model([checkpoint], out, options=options)
    config = crossimage.load(out, "cpu").config
    assert (config.range_of("a"), config.range_of("b")) == ((0, 4095), (-1000, 3000))


@pytest.mark.parametrize("format", [[], ["nvlabs-unit"]])
def test_command(
    format: list[str], checkpoint: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "new" / "model.safetensors"
    arguments = [*format, str(checkpoint), "domains=edges,shoes", "--out", str(out), "padding=zero"]
    assert main(["import", *arguments]) == 0
    printed = capsys.readouterr().out
    assert ("recognised as nvlabs-unit" in printed) == (not format)
    assert "from the tensors: channels=[3, 3], width=2" in printed
    assert "from key=value: padding=zero" in printed
    assert f"model written to {out}" in printed
    model = crossimage.load(out, device="cpu")
    assert (model.domains, model.config.padding) == (("edges", "shoes"), "zeros")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["nvlabs-unet", "{}"], "unknown format 'nvlabs-unet'; did you mean 'nvlabs-unit'?"),
        (["{}", "paddin=zero"], "unknown option 'paddin'; did you mean 'padding'?"),
        (["{}", "--fast"], "'--fast' is not understood"),
        (["other.pt"], "there is no other.pt; expected a file"),
        (["{folder}/model.ckpt-1000"], "this looks like a file of a TensorFlow model"),
        (["{folder}/model.ckpt-10"], "model.ckpt-10; "),
        ([], "no checkpoint file is given"),
        (["{}", "--config", "missing.yaml"], "missing.yaml"),
    ],
)
def test_mistakes_are_one_sentence(
    arguments: list[str],
    message: str,
    checkpoint: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    out = tmp_path / "model.safetensors"
    for suffix in ("index", "data-00000-of-00001"):
        (tmp_path / f"model.ckpt-1000.{suffix}").write_bytes(b"\0" * 8)
    words = [word.replace("{}", str(checkpoint)) for word in arguments]
    words = [word.replace("{folder}", str(tmp_path)) for word in words]
    assert main(["import", *words, "--out", str(out)]) == 2
    printed = capsys.readouterr()
    assert message in printed.err
    assert printed.err.count("\n") == 1
    assert not out.exists()
