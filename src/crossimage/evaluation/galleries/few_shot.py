"""The gallery of few-shot models: images translated to each of several classes, by K references.

Liu et al., "Few-Shot Unsupervised Image-to-Image Translation", 2019, section 5: images of the
training classes are translated to every class that is unseen in training.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path

from torch import Tensor

from crossimage.data.labelled import LabelledImages
from crossimage.evaluation.galleries.images import ImageStream, as_uint8, to_rgb
from crossimage.evaluation.galleries.labels import open_images
from crossimage.evaluation.galleries.model import ModelGallery, PreparedInput, preparation
from crossimage.evaluation.galleries.parts import PartedGallery, part_titles
from crossimage.evaluation.galleries.references import ReferenceStyles
from crossimage.inference.predictor import Draw, Predictor, Target
from crossimage.utils.names import did_you_mean, look_up

_NAMED = 20  # classes named at most in an error message


class FewShotGallery(ModelGallery):
    """A model's outputs for images of other classes, with the style of K references of one class.

    The real images are those that the references are drawn from.

    Args:
        model: The trained model.
        images: The images of all classes.
        paths: Files of the inputs.
        references: Files of the images of the target class, at least K.
        target: Name of the target class.
        count: K.
        seed: Seed of the choice of references.
        data: The data set, for a reader.
    """

    def __init__(
        self, model: Predictor, images: LabelledImages, paths: Sequence[Path],
        references: Sequence[Path], target: str, count: int, seed: int, data: str,
    ) -> None:  # fmt: skip
        self._images = images
        prepared = preparation(model.config)
        super().__init__(
            model, seed,
            {"data": data, "direction": f"to {target}", "preparation": prepared},
            title=target,
            real=ImageStream(references, self._read_real, prepared),
            paths=paths,
            target=target,
            keeps_class=False,
            torchvision=True,
            few_shot=True,
        )  # fmt: skip
        self.max_outputs, self.depends_on_seed = None, True
        letter = model.resolve_target(None)
        read = partial(images.centred, 0)
        self._styles = ReferenceStyles(model, references, read, letter, count, seed)
        self._letter = model.encode_target(letter, 1)

    def load(self, index: int) -> PreparedInput:
        """Load and prepare an input; see :meth:`ModelGallery.load`."""
        path = self.paths[index]
        x = self.model.fit_size(self._images.centred(0, path)[None])[0]
        return PreparedInput(path, x, self._letter)

    def pair_up(self) -> None:
        """Raise an error: no image has a partner of another class; see :meth:`Gallery.pair_up`."""
        raise ValueError(f"no image has a partner in the class {self.target}")

    def _draw(self, one: PreparedInput, k: int, target: Target) -> Draw:
        return self._styles.draw(one.path.name, k)

    def _read_real(self, path: Path) -> Tensor:
        return to_rgb(as_uint8(self._images.centred(0, path)))


def open_few_shot(
    title: str, model: Predictor, data: str, to: str | None, count: int, seed: int
) -> PartedGallery:
    """Open the gallery of a few-shot model, with a part for each target class.

    Inputs are the test images of training classes, or training images where there are none. Test
    images are references; those of training classes without any are training images.

    Args:
        title: Title of the model.
        model: The trained model.
        data: The data set that it was trained on.
        to: Names of the target classes, separated by commas; None: all classes that are unseen in
            training, or all classes if there are none.
        count: References for each output, K.
        seed: Seed of the choice of references.

    Raises:
        FileNotFoundError: A folder or a file of the data is missing.
        ValueError: The data does not fit the model, a class is unknown, or has too few images.
    """
    assert model.networks.labels is not None
    images = open_images(title, model, data, model.networks.labels)
    (domain,) = images.domains
    known = domain.label_set.names
    tested = {name: domain.of_class(name, "test") for name in known}
    unseen = _unseen(domain.test, domain.test_values, domain.test_root)
    sources = {name: tested[name] or domain.of_class(name, "train") for name in known}
    pool: dict[str, Sequence[Path]] = {**sources, **unseen}
    targets = _targets(to, pool) if to is not None else list(unseen or sources)
    for name in targets:
        if len(pool[name]) < count:
            where = pool[name][0].parent
            raise ValueError(
                f"the class {name} has {len(pool[name])} images, in {where}, and --references "
                f"{count} needs as many of each class: add images, or give --references "
                f"{min(len(pool[one]) for one in targets)}"
            )
    parts = []
    for name in targets:
        paths = [path for source in known if source != name for path in sources[source]]
        parts.append(FewShotGallery(model, images, paths, pool[name], name, count, seed, data))
    untested = [name for name in known if not tested[name]]
    inputs = "test images"
    if untested:
        inputs = "training images" if not any(tested.values()) else "test or training images"
    references = [path for name in targets for path in pool[name]]
    return PartedGallery(
        title, model, parts, images.domains, [name for name in untested if name in targets],
        {
            "method": model.method, "model": title, "data": data,
            "measured": (
                f"means over {len(parts)} target classes, {sum(one in unseen for one in targets)} "
                f"of them unseen in training ({part_titles(parts)}); inputs are {inputs} of the "
                f"training classes; references drawn for each output: {count}"
            ),
            "preparation": preparation(model.config),
        },
        references,
    )  # fmt: skip


def _unseen(
    paths: Sequence[Path], values: Sequence[Sequence[int]], root: Path
) -> Mapping[str, Sequence[Path]]:
    """Return the test images of classes without training images, by the names of their folders."""
    classes: defaultdict[str, list[Path]] = defaultdict(list)
    for path, own in zip(paths, values, strict=True):
        if not any(own):
            classes[path.relative_to(root).parts[0]].append(path)
    return classes


def _targets(to: str, pool: Mapping[str, Sequence[Path]]) -> list[str]:
    """Return the names of the classes that ``--to`` names."""
    names = tuple(pool)
    targets = []
    for part in dict.fromkeys(word.strip() for word in to.split(",")):
        index = look_up(part, names)
        if index is None:
            more = ", ..." if len(names) > _NAMED else ""
            raise ValueError(
                f"there is no class '{part}', only {', '.join(names[:_NAMED])}{more}"
                f"{did_you_mean(part, names)}"
            )
        targets.append(names[index])
    return targets
