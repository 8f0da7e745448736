"""Networks compiled by PyTorch, and runs that use them."""

import csv
import shutil
from pathlib import Path

import pytest
import torch
from torch import Tensor, nn
from torch._dynamo.utils import counters

from crossimage import train
from crossimage.checkpoints.training_state import Checkpoints
from crossimage.training.listener import Listener
from crossimage.training.run import run_training
from crossimage.training.step import compile as compiling
from tests.conftest import small

with_a_compiler = pytest.mark.skipif(
    not (shutil.which("g++") or shutil.which("clang++") or shutil.which("cl")),
    reason="there is no C++ compiler",
)


class Pair(nn.Module):
    """Networks that are called, in containers that are not."""

    def __init__(self) -> None:
        super().__init__()
        self.first = nn.Sequential(nn.Conv2d(3, 4, 3), nn.ReLU())
        self.others = nn.ModuleList([nn.Conv2d(4, 3, 1)])


def is_compiled(y: Tensor) -> bool:
    return "Compiled" in type(y.grad_fn).__name__


def weights(run: Path) -> dict[str, Tensor]:
    checkpoint = Checkpoints(run, 1).load_newest(pytest.fail)
    assert checkpoint is not None
    return checkpoint[1]["method"]


def assert_same(one: Path, two: Path) -> None:
    first, second = weights(one), weights(two)
    assert [name for name in first if not torch.equal(first[name], second[name])] == []


def losses_of_the_first_step(run: Path) -> list[float]:
    with open(run / "metrics.csv", newline="") as file:
        row = next(csv.DictReader(file))
    return [float(row[name]) for name in row if "/" in name]


def test_the_outermost_networks_are_compiled() -> None:
    pair = Pair()
    assert list(compiling.networks_of(pair)) == [pair.first, pair.others[0]]


@with_a_compiler
def test_compiled_networks_compute_the_same_until_it_is_undone() -> None:
    pair, x = Pair(), torch.randn(2, 3, 8, 8)
    names, plain = list(pair.state_dict()), pair.first(x)
    compiling.compile_networks(pair)
    compiled = pair.first(x)
    assert is_compiled(compiled) and list(pair.state_dict()) == names
    torch.testing.assert_close(compiled, plain)
    with compiling.uncompiled():
        assert not is_compiled(pair.first(x))
    compiling.undo(pair)
    assert torch.equal(pair.first(x), plain) and not is_compiled(pair.first(x))


@with_a_compiler
@pytest.mark.parametrize("augment", ["none", "color,translation,cutout"])
@pytest.mark.filterwarnings("ignore:The .grad attribute")  # PyTorch's compiler looks at it
def test_a_compiled_run_learns_the_same_and_is_continued_to_the_bit(
    augment: str, pairs: Path, tmp_path: Path
) -> None:
    def run(name: str, steps: int, **changes: bool) -> Path:
        settings = small("pix2pix", steps=steps, decay_steps=0, log_every=1, **changes)
        settings["augment"] = augment
        assert not train("pix2pix", pairs, tmp_path / name, **settings).warnings
        return tmp_path / name

    torch._dynamo.reset()  # the networks of another test have the same code
    made = counters["stats"]["unique_graphs"]
    whole = run("whole", 4, compile=True)
    assert counters["stats"]["unique_graphs"] >= made + 2
    plain = run("plain", 4)
    run("cut", 2, compile=True)
    assert_same(run("cut", 4, compile=True), whole)
    first, second = (losses_of_the_first_step(run) for run in (whole, plain))
    assert first == pytest.approx(second, rel=1e-4)


@pytest.mark.parametrize("method, norm", [("cyclegan", "instance"), ("pix2pix", "batch")])
def test_what_cannot_be_compiled_is_reported_and_trains_as_usual(
    method: str, norm: str, folders: Path, pairs: Path, tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    """Nor do rehearsals leave a trace in the history of images or in batch norms."""

    def fail(*_: object) -> None:
        raise RuntimeError("no compiler was found\nand many lines more")

    def compile_in_vain(player: nn.Module) -> None:
        if any(isinstance(layer, nn.ConvTranspose2d) for layer in player.modules()):
            for network in compiling.networks_of(player):
                network._compiled_call_impl = fail

    monkeypatch.setattr(compiling, "compile_networks", compile_in_vain)
    data = str({"cyclegan": folders, "pix2pix": pairs}[method])
    for name, chosen in (("plain", False), ("compiled", True)):
        settings = small(method, steps=2, compile=chosen, norm=norm)
        result = train(method, data, tmp_path / name, **settings)
    expected = "the generators are not compiled: RuntimeError: no compiler was found"
    assert expected in result.warnings
    assert_same(tmp_path / "plain", tmp_path / "compiled")


def test_players_of_a_later_stage_are_compiled_when_it_has_come(
    classes: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def compile_in_vain(player: nn.Module) -> None:
        if any(isinstance(layer, nn.ConvTranspose2d) for layer in player.modules()):
            for network in compiling.networks_of(player):
                network._compiled_call_impl = lambda *_: 1 / 0

    monkeypatch.setattr(compiling, "compile_networks", compile_in_vain)

    class Messages(Listener):
        def say(self, sentence: str) -> None:
            said.append(sentence)

    said: list[str] = []
    settings = small("dtn", steps=5, classifier_steps=2, compile=True)
    result = run_training("dtn", str(classes), tmp_path, settings, listener=Messages())
    compiled = [sentence for sentence in said if sentence.startswith("compiling the")]
    assert len(compiled) == 3
    assert compiled[0] == "compiling the classifier ..."
    assert compiled[-1] == "compiling the generators ..."
    problem = "the generators are not compiled: ZeroDivisionError: division by zero"
    assert problem in result.warnings
