"""Model cards: ``README.md`` of a repository, with YAML front matter that the hub reads."""

from __future__ import annotations

import inspect
import re
import shlex
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import PureWindowsPath
from typing import Any

import yaml

from crossimage.inference.predictor import Predictor
from crossimage.runs.reports import NO_SEED, Figures
from crossimage.utils.texts.shown import cut


@dataclass(frozen=True)
class Origin:
    """Where a model comes from, as far as that is recorded.

    Attributes:
        data: The data set, without the folders that it lies in; empty: not recorded.
        steps: Steps of training; None: not recorded.
        command: The command that trained it, likewise; empty: not recorded.
        device: What it was trained on; empty: not recorded.
    """

    data: str = ""
    steps: int | None = None
    command: str = ""
    device: str = ""


@dataclass(frozen=True)
class CardFacts:
    """The contents of a card that the model itself does not hold.

    Attributes:
        repo: Owner and name on the hub.
        licence: Its identifier on the hub, such as ``apache-2.0``.
        origin: Where the model comes from.
        figures: Figures of its evaluation.
        samples: File of sample images in the repository; None: there are none.
        exported: What kind of exported model it is, such as ``int8``; None: it is none.
        sha256: The SHA-256 of its weights, which `crossimage info` prints.
    """

    repo: str
    licence: str
    origin: Origin
    figures: Figures
    samples: str | None
    exported: str | None
    sha256: str


def write_card(model: Predictor, facts: CardFacts) -> str:
    """Return the card of a model as Markdown.

    Args:
        model: The model.
        facts: What it does not know of itself.
    """
    return (
        f"---\n{_front_matter(model, facts)}---\n\n" + "\n\n".join(_sections(model, facts)) + "\n"
    )


def _front_matter(model: Predictor, facts: CardFacts) -> str:
    translates = bool(model.networks.targets)
    values: dict[str, Any] = {
        "license": facts.licence,
        "library_name": "crossimage",
        "pipeline_tag": "image-to-image" if translates else "unconditional-image-generation",
        "tags": ["crossimage", model.method.replace("_", "-")],
    }
    if facts.exported:
        values["tags"].append("onnx")
    return yaml.safe_dump(values, sort_keys=False, allow_unicode=True)


def _sections(model: Predictor, facts: CardFacts) -> Iterator[str]:
    name = facts.repo.rpartition("/")[2]
    yield f"# {plain(name)}"
    yield _summary(model)
    if facts.samples:
        yield (
            f"![Samples of the training run]({facts.samples})\n\n"
            "The newest sample sheet of the training run."
        )
    yield "## Use"
    yield _use(model, facts)
    yield "## Method"
    yield paper_of(model)
    yield _settings(model, facts)
    yield "## Data and training"
    yield _training(facts.origin)
    yield "## Evaluation"
    yield _evaluation(facts.figures)
    yield "## Limits"
    yield "\n".join(f"- {limit}" for limit in _limits(model, facts))
    yield "## Licence"
    yield (
        f"The weights are under `{facts.licence}`, as whoever uploaded them states. The data that "
        "they were trained on may have terms of its own."
    )


def _summary(model: Predictor) -> str:
    what = f"A model of the method `{model.method}`"
    networks = model.networks
    if not networks.targets:
        return f"{what} that makes images from noise."
    if networks.few_shot:
        return f"{what} that translates images into the class of a few reference images."
    names = ", ".join(f"**{plain(each)}**" for each in model.targets)
    if networks.labels:
        return f"{what} that changes images by labels: {names}."
    source = networks.other(networks.targets[-1]) if len(networks.letters) > 1 else None
    if len(model.targets) > 1 or source is None:
        return f"{what} that translates images between the domains {names}."
    return f"{what} that translates images of **{plain(networks.names[source])}** into {names}."


def _use(model: Predictor, facts: CardFacts) -> str:
    extras = "hub,export" if facts.exported else "hub"
    words = ["crossimage", "translate", f"hf://{facts.repo}", "IMAGES"]
    call = 'model.translate("image.png", seed=0)'
    if not model.networks.targets:
        words = ["crossimage", "sample", f"hf://{facts.repo}"]
        call = "model.sample(4, seed=0)"
    elif model.networks.few_shot:
        words += ["--reference", "REFERENCES"]
        call = 'model.translate("image.png", reference=["one.png", "two.png"])'
    elif model.networks.labels or len(model.targets) > 1:
        words += ["--to", model.targets[-1]]
        call = f'model.translate("image.png", to={model.targets[-1]!r}, seed=0)'
    lines = [
        "```",
        f"pip install 'crossimage[{extras}]'",
        shlex.join([*words, "--out", "results"]),
        "```\n",
        "```python",
        "import crossimage\n",
        f'model = crossimage.load("hf://{facts.repo}")',
        f"image = {call}",
        "```",
    ]
    return "\n".join(lines)


def paper_of(model: Predictor) -> str:
    """Return what a method's page says about its paper: its title, and the reference."""
    text = inspect.cleandoc(sys.modules[model.networks.kind.__module__].__doc__ or "")
    paragraphs = [" ".join(each.split()) for each in text.split("\n\n")]
    if not paragraphs[0]:
        return f"`{plain(model.method)}`, which says nothing about its paper."
    cited = next((each for each in paragraphs if "https://" in each), "")
    match = re.match(r"(.*?https://\S+?)[.,;]?(?:\s|$)", cited)
    return paragraphs[0] + (f"\n\n{match[1]}" if match else "")


def _settings(model: Predictor, facts: CardFacts) -> str:
    networks, config = model.networks, model.config
    height, width = networks.fixed_size or config.crop
    exported = f"ONNX, {facts.exported}" if facts.exported else ""
    rows = [
        ("Size of training", f"{width} × {height} pixels"),
        ("Channels", " → ".join(str(each) for each in config.channels)),
        ("Parameters", "" if exported else f"{_count(model):,}"),
        ("Results per image", "any number" if model.multimodal else "one"),
        ("File", exported or "safetensors"),
        ("SHA-256 of the weights", f"`{facts.sha256}`"),
    ]
    return "| | |\n|---|---|\n" + "\n".join(f"| {name} | {text} |" for name, text in rows if text)


def _count(model: Predictor) -> int:
    return sum(parameter.numel() for parameter in model.networks.parameters())


def _training(origin: Origin) -> str:
    lines = [f"Data: {plain(origin.data) if origin.data else 'not recorded'}."]
    if origin.steps is not None:
        lines.append(f"Steps: {origin.steps:,}.")
    if origin.device:
        lines.append(f"Trained on: {plain(origin.device)}.")
    if not origin.command:
        return " ".join([*lines, "The command that trained it is not recorded."])
    return " ".join(lines) + f"\n\n```\n{origin.command}\n```"


def _evaluation(figures: Figures) -> str:
    if not figures:
        return "The model was not evaluated, or nothing about it is recorded."
    rows = [["Figure", "Value", "n", "Seed", "Measured", "Direction", "Data"]]
    for (name, direction), figure in figures.items():
        seed = "–" if figure.seed == NO_SEED else figure.seed
        cells = (name, figure.text, figure.count, seed, figure.protocol, direction)
        rows.append([plain(each) for each in (*cells, shortened(figure.data))])
    told = [number for number, cells in enumerate(zip(*rows, strict=True)) if any(cells[1:])]
    lines = [f"| {' | '.join(row[number] for number in told)} |" for row in rows]
    lines.insert(1, "|" + "---|" * len(told))
    return "By `crossimage evaluate`; ± is half the 95 % interval.\n\n" + "\n".join(lines)


def _limits(model: Predictor, facts: CardFacts) -> Iterator[str]:
    networks = model.networks
    height, width = networks.fixed_size or model.config.crop
    if networks.targets:
        yield (
            "It has learned from the images above, and images of other kinds are translated as if "
            "they were of these; results may invent or leave out what the input shows."
        )
    if networks.fixed_size:
        yield f"It takes {width} × {height} pixels only; other images are resized and cropped."
    else:
        yield f"It was trained at {width} × {height} pixels; larger images may look different."
    if networks.targets and len(model.targets) == 1 and not networks.labels:
        yield "It translates in one direction only."
    if not facts.figures:
        yield "No figure says how good it is."
    if facts.exported:
        yield "It only translates; it cannot be trained further."


def plain(text: str) -> str:
    """Return a text of a user or file that Markdown and tables show as it is, in one line."""
    return re.sub(r"([\\`*_\[\]<>|#])", r"\\\1", cut(" ".join(text.split())))


def shortened(word: str) -> str:
    """Return a word of a command in which absolute paths are cut to their last part.

    Paths may be several, and have names: ``a=/data/cats,b=/data/dogs``. Those of Windows are known
    on all systems.
    """
    parts = []
    for part in word.split(","):
        name, equals, path = part.rpartition("=")
        parts.append(name + equals + _without_folder(path))
    return ",".join(parts)


def _without_folder(path: str) -> str:
    """Return the last part of an absolute path; another text stays as it is."""
    absolute = re.match(r"\s*([/~\\]|[A-Za-z]:[\\/])", path)
    return PureWindowsPath(path).name if absolute else path  # which knows both separators
