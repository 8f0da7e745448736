"""The galleries of StarGAN v2's protocol: all ordered pairs of domains, by codes and references.

Choi et al., "StarGAN v2: Diverse Image Synthesis for Multiple Domains", 2020, appendix C: every
test image is translated to every other domain ten times, with random styles or with those of test
images of the target. The real images are the target's training images.
"""

from __future__ import annotations

from functools import partial
from itertools import permutations
from pathlib import Path
from typing import Literal

from torch import Tensor

from crossimage.data.labelled import LabelledImages
from crossimage.evaluation.galleries.images import ImageStream, as_uint8, to_rgb
from crossimage.evaluation.galleries.labels import open_images
from crossimage.evaluation.galleries.model import ModelGallery, PreparedInput, preparation
from crossimage.evaluation.galleries.parts import PartedGallery, part_titles
from crossimage.evaluation.galleries.references import ReferenceStyles
from crossimage.inference.predictor import Draw, Predictor, Target

Mode = Literal["latent", "reference"]
"""Where styles come from: random codes, or reference images."""

OUTPUTS = 10
"""Published number of outputs per input."""


class DomainPairGallery(ModelGallery):
    """A model's outputs for the test images of one class, translated to another one.

    Args:
        model: The trained model.
        images: The images of all classes.
        source: Name of the class that is translated.
        target: Name of the class that it is translated to.
        mode: Where styles come from.
        seed: Seed of random styles, and of the choice of references.
        data: The data set, for a reader.
        real: Training images of the target.
    """

    def __init__(
        self, model: Predictor, images: LabelledImages, source: str, target: str, mode: Mode,
        seed: int, data: str, real: ImageStream,
    ) -> None:  # fmt: skip
        self._images = images
        (domain,) = images.domains
        prepared = preparation(model.config)
        self._goal = images.labels.vectors(target, 1)[0]
        super().__init__(
            model, seed,
            {"data": data, "direction": f"{source} to {target}", "preparation": prepared},
            title=f"{source} to {target}",
            real=real,
            paths=domain.of_class(source, "test") or domain.of_class(source, "train"),
            target=target,
            keeps_class=False,
            published_outputs=OUTPUTS,
            torchvision=True,
        )  # fmt: skip
        self.max_outputs, self.depends_on_seed = None, True
        self.references = domain.of_class(target, "test") or domain.of_class(target, "train")
        self._styles: ReferenceStyles | None = None
        if mode == "reference":
            read = partial(images.centred, 0)
            self._styles = ReferenceStyles(model, self.references, read, target, 1, seed)

    def load(self, index: int) -> PreparedInput:
        """Load and prepare an input; see :meth:`ModelGallery.load`."""
        path = self.paths[index]
        x = self.model.fit_size(self._images.centred(0, path)[None])[0]
        return PreparedInput(path, x, self._goal)

    def pair_up(self) -> None:
        """Raise an error: no image has a partner of another class; see :meth:`Gallery.pair_up`."""
        raise ValueError(f"no image has a partner in the class {self.target}")

    def _draw(self, one: PreparedInput, k: int, target: Target) -> Draw:
        if self._styles:
            return self._styles.draw(one.path.name, k)
        return super()._draw(one, k, target)


def open_domain_pairs(
    title: str, model: Predictor, data: str, seed: int
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
    untested = [name for name in domain.label_set.names if not domain.of_class(name, "test")]

    def read(path: Path) -> Tensor:
        return to_rgb(as_uint8(images.centred(0, path)))

    prepared = preparation(model.config)
    real = {
        name: ImageStream(domain.of_class(name, "train"), read, prepared)
        for name in domain.label_set.names
    }

    def gallery(mode: Mode, styles: str) -> PartedGallery:
        parts = [
            DomainPairGallery(model, images, source, target, mode, seed, data, real[target])
            for source, target in permutations(domain.label_set.names, 2)
        ]
        tests = [path for part in parts for path in (*part.paths, *part.references)]
        return PartedGallery(
            f"{title} ({mode})", model, parts, images.domains, untested,
            {
                "method": model.method, "model": title, "data": data,
                "measured": (
                    f"means over {len(parts)} ordered pairs of domains ({part_titles(parts)}); "
                    f"styles {styles}; real images are the target's training images"
                ),
                "preparation": prepared,
            },
            tests,
        )  # fmt: skip

    return (
        gallery("latent", "of random codes"),
        gallery("reference", "of random test images of the target"),
    )
