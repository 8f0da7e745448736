"""Images far larger than those that a model was trained on."""

from __future__ import annotations

from crossimage.config import Config
from crossimage.inference.predictor import Predictor


def is_large(predictor: Predictor, size: tuple[int, int]) -> bool:
    """Return whether an image of a height and width is more than twice as large as in training.

    What counts is the shortest side, compared with that to which training resized images, or with
    the crop where it did not. Networks of a fixed size, to which every image is resized, and those
    that are trained on small crops of large images have no such limit: for super-resolution, and
    at random zoom.
    """
    networks, config = predictor.networks, predictor.config
    if networks.fixed_size is not None or networks.layout == "super_resolution":
        return False
    if config.smallest_zoom < 1:
        return False
    return min(size) > 2 * _trained_side(config)


def large_images(config: Config, count: int) -> str:
    """Return a sentence about the number of images that are far larger than those of training."""
    side = _trained_side(config)
    images = "1 image is" if count == 1 else f"{count} images are"
    if config.resize:
        doubt = (
            f"those that the model was trained on (shortest side {side} pixels), so that it may "
            f"not recognise their content; --size {side}"
        )
    else:
        doubt = (
            f"the crops that the model was trained on (shortest side {side} pixels); if these were "
            f"whole images rather than parts, --size {side}"
        )
    return (
        f"{images} more than twice as large as {doubt} shrinks images before they are translated, "
        "and the results with them"
    )


def _trained_side(config: Config) -> int:
    """Return the shortest side of the images that a model was trained on."""
    return config.resize or min(config.crop)
