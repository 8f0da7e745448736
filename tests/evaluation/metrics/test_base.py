"""A metric states everything about itself: what it gives, what it needs, when it refuses."""

import inspect
import json
import re
import sys
from pathlib import Path
from types import ModuleType

import pytest
import torch

import crossimage
from crossimage.cli.app import main
from crossimage.evaluation.galleries.base import GalleryItem
from crossimage.evaluation.galleries.translations import TranslationGallery
from crossimage.evaluation.metrics import METRICS
from crossimage.evaluation.metrics.base import (
    Amounts,
    BatchedAccumulator,
    Metric,
    RandomStrips,
    Setup,
    load_metric,
)
from crossimage.evaluation.options import Options
from crossimage.evaluation.report.figures import LOWER, Figure, mean_of
from tests.evaluation.helpers import evaluated, model, networks, pictures


class Brightness(Metric):
    """All that a new metric takes, beside its line in the list."""

    name = "brightness"
    directions = {"brightness": LOWER}

    def __init__(self, setup: Setup) -> None:
        super().__init__(setup)
        self.values: list[float] = []

    @classmethod
    def refusal(cls, setup: Setup) -> str | None:
        return "it is dark" if setup.gallery.title == "dark" else super().refusal(setup)

    def update(self, item: GalleryItem) -> None:
        self.values.append(float(item.outputs.double().mean()))

    def figures(self) -> list[Figure]:
        value, interval = mean_of(self.values)
        return [Figure("brightness", value, interval, len(self.values), "mean", None, "torch")]


@pytest.fixture
def toy(monkeypatch: pytest.MonkeyPatch) -> None:
    module = ModuleType("toy")
    module.Brightness = Brightness  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "crossimage.evaluation.metrics.toy", module)
    monkeypatch.setitem(METRICS, "brightness", "toy.Brightness")


@pytest.mark.usefixtures("toy")
def test_a_new_metric_appears_in_the_report_with_its_direction(
    folders: Path, tmp_path: Path
) -> None:
    models = model("munit"), model("cyclegan")
    result = crossimage.evaluate(
        *models, data=folders, metrics="brightness", out=tmp_path, device="cpu"
    )
    values = {run.title: run["brightness"].value for run in result}
    assert len(set(values.values())) == 2
    page = (tmp_path / "report.html").read_text()
    assert "lower is better" in page and "higher is better" not in page
    (best,) = re.findall(r'class="best">([^ <]+)', page)
    assert best == f"{min(values.values()):.4g}"
    runs = json.loads((tmp_path / "report.json").read_text())["runs"]
    assert [run["figures"][0]["name"] for run in runs] == ["brightness"] * 2


@pytest.mark.usefixtures("toy")
def test_a_new_metric_refuses_by_itself(tmp_path: Path) -> None:
    for name in ("dark", "light"):
        pictures(tmp_path / name, "a.png", "b.png")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(tmp_path)
        result = crossimage.evaluate(fake="light", real="dark", metrics="brightness")
        assert result["light"]["brightness"].count == 2
        with pytest.raises(ValueError, match="brightness can't be computed for dark: it is dark"):
            crossimage.evaluate(fake="dark", real="light", metrics="brightness")


@pytest.mark.usefixtures("toy")
def test_an_undeclared_figure_is_an_error_of_the_metric(
    folders: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Brightness, "directions", {"light": LOWER})
    with pytest.raises(AssertionError, match="brightness must declare brightness"):
        evaluated(TranslationGallery("run", model(), str(folders), None, 0), "brightness")


def test_the_help_lists_every_metric(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["evaluate", "--help"]) == 0
    words = re.sub(r"[^a-z0-9_]+", " ", capsys.readouterr().out)
    assert " ".join(METRICS) in words


@pytest.mark.parametrize("name", METRICS)
def test_the_docs_and_the_help_of_its_network_name_every_metric(name: str) -> None:
    docs = Path(__file__).parents[3] / "docs" / "evaluate.md"
    rows = [line for line in docs.read_text().splitlines() if line.startswith("| `")]
    assert sum(f"`{name}`" in row.split("|")[1] for row in rows) == 1
    network = load_metric(name).network
    if network in ("features", "classifier", "segmenter"):
        (text,) = re.findall(
            rf"^    {network}: ((?:.|\n {{8}})*)", inspect.getdoc(Options) or "", re.M
        )
        assert name in re.findall(r"\w+", text)


@pytest.mark.parametrize("name", METRICS)
def test_every_metric_declares_its_figures(name: str) -> None:
    metric = load_metric(name)
    assert metric.__doc__ and metric.directions
    assert metric.figures_of_real_images <= set(metric.directions)
    assert any(figure.startswith(name) for figure in metric.directions)


ELSEWHERE = (
    "accuracy",  # needs folders of classes
    "lpips_pairs", "translation_accuracy", "unseen_accuracy", "dipd",  # need several targets
    "flicker",  # needs a video
)  # fmt: skip


def test_every_declared_figure_is_given_and_carries_its_direction(
    pairs: Path, tmp_path: Path
) -> None:
    gallery = TranslationGallery("run", model("bicyclegan"), str(pairs), None, 0)
    own = networks("edges", "shoes", segmenter=True, face=True)
    wanted = [name for name in METRICS if name not in ELSEWHERE]
    figures = evaluated(gallery, *wanted, own=own, amounts=Amounts(samples=2)).figures
    declared = {}
    for name in wanted:
        declared |= load_metric(name).directions
    assert {figure.name: figure.direction for figure in figures} == declared
    assert {d.better for d in declared.values()} == {"higher", "lower", "neither"}


def item(name: str, count: int, size: int) -> GalleryItem:
    return GalleryItem(name, torch.zeros(count, 3, size, size), None, None, Path(name))


def test_outputs_are_batched_across_inputs_of_one_size() -> None:
    batches: list[tuple[str, int]] = []

    class Watched(BatchedAccumulator):
        def update_batch(self, items: list[GalleryItem], outputs: torch.Tensor) -> None:  # type: ignore[override]
            batches.append(("".join(one.name for one in items), len(outputs)))

    watched = Watched(4)
    for one in (
        item("a", 2, 8),
        item("b", 2, 8),
        item("c", 2, 8),
        item("d", 2, 9),
        item("e", 1, 9),
    ):
        watched.update(one)
    assert batches == [("ab", 4), ("c", 2)]
    watched.flush()
    watched.flush()
    assert batches[2:] == [("de", 3)]


def test_random_strips_are_the_same_for_one_seed() -> None:
    def names(seed: int) -> list[str]:
        strips = RandomStrips(40, seed, "inputs")
        for number in range(40):
            strips.update(GalleryItem(
                str(number), torch.zeros(1, 3, 4, 4, dtype=torch.uint8), None, None, Path()
            ))  # fmt: skip
        (block,) = strips.blocks()
        assert block.title == "Random inputs"
        return [strip.caption for strip in block.strips]

    assert len(names(0)) == 12 and names(0) == names(0) != names(1)
