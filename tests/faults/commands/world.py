"""Commands that write results, on tiny inputs, and what they write."""

from __future__ import annotations

import csv
import hashlib
import io
import json
import re
import shutil
import sqlite3
import zipfile
from collections.abc import Callable
from dataclasses import dataclass
from html import unescape
from pathlib import Path

import numpy as np
import torch
from PIL import Image

from crossimage.checkpoints.model_file import save_model
from crossimage.config import build
from crossimage.data.make.object_classes import MAKERS as CLASSES
from crossimage.data.make.outlines import MAKERS
from crossimage.methods import METHODS
from crossimage.study.make import make_study
from crossimage.study.sheets import export_study
from crossimage.study.simulate import simulate
from tests.conftest import SMALL, small
from tests.faults.commands.originals import make_originals
from tests.faults.harness import PATIENCE, SERVER, start, train_command
from tests.faults.import_mutants import originals

SERVER.set_forkserver_preload(
    [
        "crossimage.training.run",
        "torch.utils.tensorboard",
        "crossimage.evaluation.api",
        "crossimage.evaluation.fitting.classifier",
        "crossimage.export.write",
        "crossimage.hub.push",
        "crossimage.study.make",
        "crossimage.study.sheets",
        "crossimage.study.analysis.analyse",
        "crossimage.video.translate",
        "crossimage.runs.comparison_page",
        "crossimage.doctor.report",
        "crossimage.interop",
        "onnxruntime.quantization",
    ]
)

RESULTS = "results"
"""The folder of a place in which a command writes; ``temporary`` and ``cache`` stand beside it."""

_DIGITS, _FRAMES = 24, 30


class World:
    """Inputs of all commands.

    Args:
        folder: Where they are made, unless they are there.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.data, self.classes = folder / "data", folder / "classes"
        self.images, self.frames = self.data / "testA", folder / "frames"
        self.model, self.gan = folder / "munit.safetensors", folder / "gan.safetensors"
        self.checkpoint, self.runtime = folder / "tensors.safetensors", folder / "runtime"
        self.study, self.answers = folder / RESULTS / "study", folder / "answers.json"
        self.originals = folder / "originals"
        if not (folder / "complete").exists():
            self._make()

    def _make(self) -> None:
        shutil.rmtree(self.folder, ignore_errors=True)  # one that was not finished
        self.folder.mkdir(parents=True)
        MAKERS["outlines"](self.data, size=24, count=5, test_count=3)
        CLASSES["object_kinds"](self.classes, size=24, count=60, test_count=40)
        for method, path in (("munit", self.model), ("gan", self.gan)):
            torch.manual_seed(0)
            kind = METHODS[method]
            config = build(kind.Config, SMALL[method] | {"crop": 16}, source="a test")
            save_model(path, kind(config))
        self.checkpoint.write_bytes(originals()["tensors.safetensors"])
        generator = np.random.default_rng(0)
        self.frames.mkdir()
        for number in range(_FRAMES):
            pixels = generator.integers(0, 256, (16, 16, 3)).astype(np.uint8)
            Image.fromarray(pixels).save(self.frames / f"frame_{number:05}.png")
        self.runtime.mkdir()
        for name in ("ort.wasm.min.js", "ort-wasm-simd-threaded.mjs"):
            (self.runtime / name).write_text(f"// {name}\n")
        (self.runtime / "ort-wasm-simd-threaded.wasm").write_bytes(bytes(50_000))
        names = {"one": str(self.data / "testA"), "two": str(self.data / "testB")}
        settings = {"questions": 3, "answers": 2, "trials": 3, "checks": 1}
        make_study(self.study, "preference", names, data=names["one"], changes=settings)
        simulate(self.study, {"one": 1.0, "two": 0.0})
        self._answer(self.folder / "sheets.zip")
        make_originals(self.originals)
        (self.folder / "complete").touch()

    def _answer(self, sheets: Path) -> None:
        """Answer the first sheet of the study as a browser does."""
        export_study(self.study, sheets)
        with zipfile.ZipFile(sheets) as archive:
            page = archive.read("sheet-1.html").decode()
        name = re.search(r'data-study="(\w+)"', page)
        forms = re.findall(r'data-question="(\d+)"\s+data-ordering="([^"]+)"', page)
        assert name
        answers = [
            {"question": int(number), "ordering": json.loads(unescape(order)), "answer": 0,
             "milliseconds": 900, "exposures": []}
            for number, order in forms
        ]  # fmt: skip
        form = {"study": name[1], "sheet": 1, "id": f"{1:024x}", "platform": ""}
        self.answers.write_text(json.dumps({**form, "answers": answers}))

    @property
    def runs(self) -> tuple[Path, Path]:
        """Two finished runs, which are trained the first time."""
        both = self.folder / "run-1", self.folder / "run-2"
        for number, run in enumerate(both):
            if not (run / "model.safetensors").exists():
                settings = small(steps=2, seed=number, sample_every=1, log_every=1)
                process = start(train_command(self.data, run, settings))
                process.join(PATIENCE)
                assert process.exitcode == 0
        return both

    def study_at(self, place: Path) -> Path:
        """Return a study of a place's own, which is made there the first time."""
        study = place / RESULTS / "study"
        if not study.exists():
            study.parent.mkdir(parents=True, exist_ok=True)
            shutil.copytree(self.study, study.parent / "copy")
            (study.parent / "copy").rename(study)
        return study


@dataclass(frozen=True)
class Command:
    """A command that writes.

    Attributes:
        words: Its words in a world, given the folder that it writes to.
        prepare: A function of a module that the process calls first.
        before: Words of a command whose results are there already, if any.
    """

    words: Callable[[World, Path], list[object]]
    prepare: Callable[[], object] | None = None
    before: Callable[[World, Path], list[object]] | None = None


def _made(*words: object) -> Callable[[World, Path], list[object]]:
    return lambda w, out: ["data", "make", *words, "--out", out / "made"]


def own_runtime() -> None:
    """Take a runtime of three small files for that of browsers."""
    from crossimage.export.web import runtime

    files = {
        "ort.wasm.min.js": b"// ort.wasm.min.js\n",
        "ort-wasm-simd-threaded.mjs": b"// ort-wasm-simd-threaded.mjs\n",
        "ort-wasm-simd-threaded.wasm": bytes(50_000),
    }
    runtime.FILES.update({k: hashlib.sha256(v).hexdigest() for k, v in files.items()})


def _translate(seed: int) -> Callable[[World, Path], list[object]]:
    return lambda w, out: [
        "translate", w.model, w.images, "--out", out / "images", "--seed", seed, "--samples", 2,
    ]  # fmt: skip


def _fit(seed: int) -> Callable[[World, Path], list[object]]:
    return lambda w, out: [
        "evaluate", "fit-classifier", "--data", w.classes, "--out", out / "fitted.safetensors",
        "--network", "resnet18_small", "--size", 16, "--epochs", 1, "--seed", seed,
        "--device", "cpu",
    ]  # fmt: skip


def _digits(name: str, *words: object) -> Callable[[World, Path], list[object]]:
    return lambda w, out: [*_made(name, *words)(w, out), "--from", w.originals]


def _video(name: str, seed: int = 0) -> Callable[[World, Path], list[object]]:
    return lambda w, out: ["video", w.model, w.frames, "--out", out / name, "--seed", seed]


def _export(*words: object) -> Callable[[World, Path], list[object]]:
    return lambda w, out: ["export", w.model, out / "model.onnx", *words]


def _study(word: str) -> Callable[[World, Path], list[object]]:
    return lambda w, out: ["study", word, w.study_at(out.parent)]


COMMANDS: dict[str, Command] = {
    "import": Command(
        lambda w, out: [
            "import", "junyanz-cyclegan", w.checkpoint, w.checkpoint, "--out",
            out / "imported.safetensors",
        ]
    ),
    "translate": Command(_translate(0), before=_translate(1)),
    "sample": Command(
        lambda w, out: ["sample", w.gan, "--out", out / "images", "--seed", 0, "--samples", 6],
        before=lambda w, out: ["sample", w.gan, "--out", out / "images", "--seed", 1,
                               "--samples", 4],
    ),
    "evaluate": Command(
        lambda w, out: [
            "evaluate", w.runs[0], w.runs[1], "--data", w.data, "--features", "random",
            "--metrics", "fid,kid", "--device", "cpu", "--out", out / "evaluation",
        ]
    ),
    "fit-classifier": Command(_fit(0), before=_fit(1)),
    "export": Command(_export()),
    "export --int8": Command(  # of a model that was trained: the results of others are too far off
        lambda w, out: [
            "export", "builtin:outlines", out / "model.onnx", "--int8", w.images,
        ]
    ),
    "export --web": Command(
        lambda w, out: [
            *_export()(w, out), "--web", out / "page", "--runtime", w.runtime, "--sample",
            w.images / "00000.png",
        ],
        own_runtime,
    ),
    "video (mp4)": Command(_video("video.mp4"), before=_video("video.mp4", 1)),
    "video (gif)": Command(_video("video.gif")),
    "video (frames)": Command(_video("video")),
    "compare": Command(lambda w, out: ["compare", *w.runs, "--out", out / "compare.html"]),
    "push --out": Command(
        lambda w, out: ["push", w.runs[0], "me/model", "--license", "apache-2.0", "--out",
                        out / "card"]
    ),
    "data inspect": Command(
        lambda w, out: ["data", "inspect", w.data, "--out", out / "inspected", "--no-estimate"]
    ),
    "data make outlines": Command(_made("outlines", "--size", 24, "--count", 6)),
    "data make object_kinds": Command(
        _made("object_kinds", "--size", 24, "--count", 60, "--test-count", 40)
    ),
    "data make noise_sketches": Command(_made("noise_sketches", "--size", 32, "--count", 6)),
    "data make edges": Command(
        lambda w, out: [*_made("edges")(w, out), "--photos", w.data / "trainB"]
    ),
    "data make blur": Command(
        lambda w, out: [*_made("blur")(w, out), "--photos", w.data / "trainB"]
    ),
    "data make combine": Command(
        lambda w, out: [*_made("combine")(w, out), "--a", w.images, "--b", w.data / "testB"]
    ),
    "data make grey": Command(
        lambda w, out: [*_made("grey")(w, out), "--photos", w.data / "trainB"]
    ),
    "data make labels": Command(
        lambda w, out: [*_made("labels")(w, out), "--from", w.originals / "labels"]
    ),
    "data make frames": Command(
        lambda w, out: [
            *_made("frames", "--every", 3)(w, out),
            "--video", w.originals / "video.mp4",
        ]  # fmt: skip
    ),
    "data make mnist2usps": Command(_digits("mnist2usps", "--count", 20)),
    "data make svhn2mnist": Command(_digits("svhn2mnist")),
    "data make mnist2mnistm": Command(
        lambda w, out: [*_digits("mnist2mnistm")(w, out), "--photos", w.originals / "photos"]
    ),
    "data make mnist": Command(_digits("mnist")),
    "data make fashion_classes": Command(_digits("fashion_classes")),
    "data make split": Command(lambda w, out: [*_made("split")(w, out), "--from", w.images]),
    "study make": Command(
        lambda w, out: [
            "study", "make", "preference", f"one={w.images}", f"two={w.data / 'testB'}", "--data",
            w.images, "--out", out / "study", "--set", "questions=3", "answers=2", "trials=3",
            "checks=1",
        ]
    ),
    "study import": Command(
        lambda w, out: [*_study("import")(w, out), w.answers]
    ),
    "study analyse": Command(_study("analyse")),
    "study export": Command(
        lambda w, out: [*_study("export")(w, out), "--out", out / "sheets.zip"]
    ),
}  # fmt: skip


def results(place: Path) -> dict[str, str]:
    """Return digests of the files that a command has written, by path.

    What differs from one time to the next by design (dates, random names of a study) is left out.
    """
    found = {}
    for path in sorted((place / RESULTS).rglob("*")):
        if path.is_file():
            name = str(path.relative_to(place / RESULTS))
            name, content = _plain(name, path)
            content = content.replace(str(place.absolute()).encode(), b"")
            name = re.sub(r"report-\d+", "report", name)  # after one that was complete
            if name:
                found.setdefault(name, hashlib.sha256(content).hexdigest())
    return found


_OF_THE_TIME = {"run", "input_state", "output_state"}
_SECRET = re.compile(rb"completion_code: .*|[0-9a-f]{32}|\b\d{4}-\d\d-\d\d[ T][\d:.+Z]+")


def _plain(name: str, path: Path) -> tuple[str, bytes]:
    """Return the name of a file and its content without what differs by design."""
    content = path.read_bytes()
    if path.suffix == ".jsonl":
        lines = (json.loads(line) for line in content.splitlines() if line.strip())
        kept = (line for line in lines if line.get("kind") != "report")
        last = {
            line["output"]: {k: line[k] for k in line if k not in _OF_THE_TIME} for line in kept
        }
        return name, json.dumps(sorted(last.items())).encode()
    if path.suffix in (".sqlite", ".db"):
        with sqlite3.connect(f"file:{path}?mode=ro", uri=True) as database:
            kinds = database.execute("select name from sqlite_master where type = 'table'")
            counts = [
                (kind, *database.execute(f'select count(*) from "{kind}"').fetchone())
                for (kind,) in sorted(kinds)
            ]
        database.close()
        return name, repr(counts).encode()
    if name.endswith(("-wal", "-shm", "-journal")):
        return "", b""
    if path.suffix == ".zip":
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            return name, repr([entry.filename.partition("/")[0] for entry in archive.infolist()
                               if archive.read(entry) is not None]).encode()  # fmt: skip
    if "study/images" in name or "study.part" in name:
        name = f"{path.parent.name}/{hashlib.sha256(content).hexdigest()}"
    if path.suffix == ".csv":
        rows = [row for row in csv.reader(io.StringIO(content.decode()))]
        return name, repr(rows).encode()
    if path.suffix in (".yaml", ".json", ".html"):
        content = _SECRET.sub(b"", content)
    return name, content
