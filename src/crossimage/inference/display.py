"""How a model shows itself in a console or a notebook."""

from __future__ import annotations

from pathlib import Path

from PIL import Image

from crossimage.data.images.arrays import to_pil
from crossimage.inference.predictor import Predictor
from crossimage.inference.sample_files import sample_grid
from crossimage.utils.html import page_template
from crossimage.utils.sheet_files import sheet_files
from crossimage.utils.writing.pictures import data_url

_MAX_WIDTH = 1200  # pixels of the images in a notebook
_SAMPLES = 16  # images of models that generate them from noise


def facts_of(predictor: Predictor) -> dict[str, str | tuple[object, ...]]:
    """Return the facts that describe a model, by name."""
    networks, config = predictor.networks, predictor.config
    height, width = networks.fixed_size or config.crop
    return {
        "method": predictor.method,
        "labels" if networks.labels else "domains": predictor.domains,
        "size": f"{width}x{height}",
        "channels": config.channels,
        "device": str(predictor.device),
        "precision": predictor.precision,
    }


_OF_RUNS = ("model.safetensors", "best.safetensors")


def run_folder_of(path: Path) -> Path | None:
    """Return the run folder of a model's path, if the path is one or one of its model files."""
    folder = path if path.is_dir() else path.parent
    return folder if path.is_dir() or path.name in _OF_RUNS else None


def as_html(predictor: Predictor, run_folder: Path | None) -> str:
    """Return a model's facts and sample images as HTML that needs no other file.

    Args:
        predictor: The model.
        run_folder: Folder of the run that it was loaded from, whose newest sample sheet is shown.
            Without one, models that generate images from noise show some; others show none.
    """
    source, caption = None, ""
    image = None
    sheets = sheet_files(run_folder) if run_folder else []
    if sheets:
        _, newest = sheets[-1]
        image, caption = _open(newest), f"newest samples of the run, {newest.name}"
    elif not predictor.networks.targets:
        image, caption = _noise_samples(predictor), "samples from noise"
    if image is not None:
        image.thumbnail((_MAX_WIDTH, image.height))
        source = data_url(image)
    template = page_template("translator.html")
    return template.render(facts=facts_of(predictor), source=source, caption=caption)


def _open(path: Path) -> Image.Image | None:
    try:
        with Image.open(path) as image:
            return image.convert("RGB")
    except OSError:  # removed meanwhile, or damaged
        return None


def _noise_samples(predictor: Predictor) -> Image.Image | None:
    if predictor.config.channels[0] not in {1, 3, 4}:
        return None
    (images,) = predictor.sample_batches(_SAMPLES, seed=0, batch_size=_SAMPLES)
    return to_pil(sample_grid(images))
