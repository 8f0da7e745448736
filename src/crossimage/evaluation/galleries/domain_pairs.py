"""The galleries of StarGAN v2's protocol: all ordered pairs of domains, by codes and references.

Choi et al., "StarGAN v2: Diverse Image Synthesis for Multiple Domains", 2020, appendix C: every
test image is translated to every other domain ten times, with random styles or with those of test
images of the target. The real images are the target's training images.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from itertools import permutations
from pathlib import Path
from typing import Literal

from crossimage.evaluation.galleries.checks import Tested, data_name
from crossimage.evaluation.galleries.classes import ClassGallery, stream_of
from crossimage.evaluation.galleries.labels import open_images
from crossimage.evaluation.galleries.model import preparation
from crossimage.evaluation.galleries.parts import PartedGallery, part_titles
from crossimage.evaluation.galleries.references import ReferenceStyles
from crossimage.inference.predictor import Predictor

Mode = Literal["latent", "reference"]
"""Where styles come from: random codes, or reference images."""

OUTPUTS = 10
"""Published number of outputs per input."""


def open_domain_pairs(
    title: str, model: Predictor, data: Tested, seed: int
) -> tuple[PartedGallery, PartedGallery]:
    """Open the galleries of all ordered pairs of domains, with random styles and with references.

    Args:
        title: Title of the model.
        model: The trained model, of a method with labels and styles.
        data: The data set that it was trained on.
        seed: Seed of random styles, and of the choice of references.

    Raises:
        FileNotFoundError: A folder, a table or a file of the data is missing.
        ValueError: The data does not fit the model.
    """
    assert model.networks.labels is not None
    images = open_images(title, model, data, model.networks.labels)
    (domain,) = images.domains
    names = domain.label_set.names
    untested = [name for name in names if not domain.of_class(name, "test")]

    def tests_of(name: str) -> Sequence[Path]:
        return domain.of_class(name, "test") or domain.of_class(name, "train")

    real = {name: stream_of(images, domain.of_class(name, "train")) for name in names}

    def part(mode: Mode, source: str, target: str) -> ClassGallery:
        styles = None
        if mode == "reference":
            read = partial(images.centred, 0)
            styles = ReferenceStyles(model, tests_of(target), read, model.target(target), 1, seed)
        return ClassGallery(
            model, images, tests_of(source), target, images.labels.vectors(target, 1)[0],
            real[target], styles, seed, data, f"{source} to {target}",
            title=f"{source} to {target}",
            published_outputs=OUTPUTS,
        )  # fmt: skip

    def gallery(mode: Mode, styles: str) -> PartedGallery:
        parts = [part(mode, source, target) for source, target in permutations(names, 2)]
        tests = [path for name in names for path in tests_of(name)]
        return PartedGallery(
            f"{title} ({mode})", model, parts, images.domains, untested,
            {
                "method": model.method, "model": title, "data": data_name(data),
                "measured": (
                    f"means over {len(parts)} ordered pairs of domains ({part_titles(parts)}); "
                    f"styles {styles}; real images are the target's training images"
                ),
                "preparation": preparation(model.config),
            },
            tests,
        )  # fmt: skip

    return (
        gallery("latent", "of random codes"),
        gallery("reference", "of random test images of the target"),
    )
