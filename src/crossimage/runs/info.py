"""Description of a run, a model file or a checkpoint, line by line."""

from __future__ import annotations

import shlex
from pathlib import Path

from crossimage.checkpoints.addresses import model_path, scheme_of
from crossimage.checkpoints.load import load_networks
from crossimage.checkpoints.model_file import model_hash
from crossimage.inference.exported.load import is_onnx, load_exported
from crossimage.inference.exported.method import ExportedMethod
from crossimage.inference.predictor import Predictor
from crossimage.runs.listing import list_runs
from crossimage.training.best.standing import BEST_MODEL


def describe(model: str | Path) -> list[tuple[str, str]]:
    """Return the facts of a trained model as names and values.

    Args:
        model: A run folder, a model file, a checkpoint, or the address of a model.

    Raises:
        FileNotFoundError: There is no model.
        ValueError: The file is not a model, or damaged.
    """
    path = model_path(model, "MODEL")
    networks = load_exported(path) if is_onnx(path) else load_networks(path)
    predictor = Predictor(networks, "cpu")
    config = networks.config
    parameters = sum(p.numel() for p in networks.parameters())
    facts = [
        ("model", str(model)),
        ("method", predictor.method),
        ("domains", ", ".join(predictor.domains)),
        ("translates to", ", ".join(predictor.targets) or "nothing: it makes images from noise"),
        ("channels", ", ".join(map(str, config.channels))),
        ("parameters", f"{parameters:,} that translate"),
        ("outputs per input", "many" if predictor.multimodal else "one"),
        ("sha256", model_hash(networks)),
    ]
    if networks.fixed_size:
        facts.insert(5, ("size", "x".join(map(str, networks.fixed_size)) + " pixels only"))
    if isinstance(networks, ExportedMethod):
        facts = [(name, value) for name, value in facts if name != "parameters"]
        facts += _of_export(networks)
    if scheme_of(model)[0]:
        facts.insert(1, ("file", str(path)))
    if path.is_dir():
        run = list_runs(path)[0]
        facts += [("data", run.data), ("steps", f"{run.step:,} of {run.steps:,}, {run.state}")]
        best = path / BEST_MODEL
        facts += [("figure", run.figure)] if run.figure else []
        facts += [("best model", str(best))] if best.is_file() else []
    if networks.targets:
        to = ["--to", predictor.targets[-1]] if len(predictor.targets) > 1 else []
        words = ["translate", str(model), "IMAGES", *to]
    else:
        words = ["sample", str(model)]
    facts.append(("use", shlex.join(["crossimage", *words, "--out", "DIR"])))
    return facts


def _of_export(networks: ExportedMethod) -> list[tuple[str, str]]:
    about = networks.about
    facts = [("exported from", f"the model with sha256 {about.model_sha256}")]
    precision = about.precision
    if about.psnr is not None:
        precision += (
            f", PSNR {about.psnr:.1f} dB against fp32 on {about.compared} held-out images, ranges "
            f"measured on {about.calibrated} others"
        )
    return [*facts, ("precision", precision)]
