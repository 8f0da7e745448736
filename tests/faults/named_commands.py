"""Commands whose inputs and results all have one awkward name, on the inputs of the trials."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

from tests.faults.commands.world import World, own_runtime
from tests.faults.names import with_suffix


class Named:
    """Copies of a world's inputs under a name.

    Args:
        world: The inputs.
        folder: Where the copies are made.
        name: The name of each file and folder.
    """

    def __init__(self, world: World, folder: Path, name: str) -> None:
        self.folder, self.name = folder, name
        self.model, self.gan = self._of(world.model), self._of(world.gan)
        self.checkpoint = self._of(world.checkpoint)
        self.video, self.answers = self._of(world.originals / "video.mp4"), self._of(world.answers)
        self.runs = self._of(world.runs[0]), self._of(world.runs[1])
        self.data, self.study = self._of(world.data), self._of(world.study)
        self.frames, self.runtime = self._of(world.frames), self._of(world.runtime)
        self.originals = self._of(world.originals)
        self.images = self._of(world.images)
        for number, path in enumerate(sorted(self.images.iterdir())):
            path.rename(path.with_name(with_suffix(f"{name}{number}"[-255:], ".png")))
        for number, path in enumerate(sorted(self.frames.iterdir())):
            path.rename(path.with_name(with_suffix(name[:20], f"{number:04}.png")))
        self.classes = self._of(world.classes)
        for split in self.classes.iterdir():
            min(split.iterdir()).rename(split / name.lstrip("."))

    def _of(self, source: Path) -> Path:
        parent = self.folder / f"{source.name[:8]}{len([*self.folder.iterdir()])}"
        parent.mkdir()
        if source.is_dir():
            return Path(shutil.copytree(source, parent / self.name))
        return Path(shutil.copy(source, parent / with_suffix(self.name, source.suffix)))


Words = Callable[[Named, Path], list[object]]


def _file(out: Path, suffix: str) -> Path:
    return out.with_name(with_suffix(out.name, suffix))


def _made(*words: object) -> Callable[[Path], list[object]]:
    return lambda out: ["data", "make", *words, "--out", out]


_PLAIN = ["--features", "random", "--metrics", "fid,kid", "--device", "cpu"]

COMMANDS: dict[str, Words] = {
    "video (mp4)": lambda w, out: ["video", w.model, w.video, "--out", _file(out, ".mp4")],
    "video (gif)": lambda w, out: ["video", w.model, w.frames, "--out", _file(out, ".gif")],
    "video (frames)": lambda w, out: [  # a dot would begin a suffix
        "video", w.model, w.video, "--out", out.with_name(out.name.replace(".", "") or "x"),
    ],
    "evaluate": lambda w, out: [
        "evaluate", *w.runs, "--data", w.data, *_PLAIN, "--out", out,
    ],
    "evaluate --fake": lambda w, out: [
        "evaluate", "--fake", w.images, "--real", w.data / "testB", *_PLAIN, "--out", out,
    ],
    "fit-classifier": lambda w, out: [
        "evaluate", "fit-classifier", "--data", w.classes, "--out", _file(out, ".safetensors"),
        "--network", "resnet18_small", "--size", 16, "--epochs", 1, "--device", "cpu",
    ],
    "compare": lambda w, out: ["compare", *w.runs, "--out", _file(out, ".html")],
    "runs": lambda w, _: ["runs", w.runs[0].parent],
    "info": lambda w, _: ["info", w.runs[0]],
    "import": lambda w, out: [
        "import", "junyanz-cyclegan", w.checkpoint, w.checkpoint, "--out",
        _file(out, ".safetensors"),
    ],
    "sample": lambda w, out: ["sample", w.gan, "--out", out, "--samples", 2],
    "translate": lambda w, out: ["translate", w.model, w.images, "--out", out],
    "push": lambda w, out: [
        "push", w.runs[0], "me/model", "--license", "apache-2.0", "--out", out,
    ],
    "export --int8": lambda w, out: ["export", w.model, _file(out, ".onnx"), "--int8", w.images],
    "export --web": lambda w, out: [
        "export", w.model, _file(out, ".onnx"), "--web", out, "--runtime", w.runtime, "--sample",
        min(w.images.iterdir()),
    ],
    "study analyse": lambda w, _: ["study", "analyse", w.study],
    "study import": lambda w, _: ["study", "import", w.study, w.answers],
    "study export": lambda w, out: ["study", "export", w.study, "--out", _file(out, ".zip")],
    "data make labels": lambda w, out: [*_made("labels", "--from", w.originals / "labels")(out)],
    "data make frames": lambda w, out: [*_made("frames", "--video", w.video, "--every", 3)(out)],
    "data make edges": lambda w, out: [*_made("edges", "--photos", w.images)(out)],
    "data make mnist": lambda w, out: [*_made("mnist", "--from", w.originals)(out)],
    "data inspect": lambda w, out: ["data", "inspect", w.classes, "--out", out, "--no-estimate"],
}  # fmt: skip
"""Words of each command, given its inputs and the path of its result."""

PREPARE: dict[str, Callable[[], None]] = {"export --web": own_runtime}

WRITES_NOTHING_NEW = ("runs", "info", "study analyse", "study import")
