"""The gallery of few-shot models: images translated to each of several classes, by K references.

Liu et al., "Few-Shot Unsupervised Image-to-Image Translation", 2019, section 5: images of the
training classes are translated to every class that is unseen in training.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path

from crossimage.evaluation.galleries.checks import Tested, data_name
from crossimage.evaluation.galleries.classes import ClassGallery, stream_of
from crossimage.evaluation.galleries.labels import open_images
from crossimage.evaluation.galleries.model import preparation
from crossimage.evaluation.galleries.parts import PartedGallery, part_titles
from crossimage.evaluation.galleries.references import ReferenceStyles
from crossimage.inference.predictor import Predictor
from crossimage.utils.names import did_you_mean, look_up

_NAMED = 20  # classes named at most in an error message


def open_few_shot(
    title: str, model: Predictor, data: Tested, to: str | None, count: int, seed: int
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
    target = model.target(None)
    parts = []
    for name in targets:
        paths = [path for source in known if source != name for path in sources[source]]
        styles = ReferenceStyles(model, pool[name], partial(images.centred, 0), target, count, seed)
        parts.append(
            ClassGallery(
                model, images, paths, name, target.letter,
                stream_of(images, pool[name]), styles, seed, data, f"to {name}",
                title=name,
                few_shot=True,
            )
        )  # fmt: skip
    untested = [name for name in known if not tested[name]]
    inputs = "test images"
    if untested:
        inputs = "training images" if not any(tested.values()) else "test or training images"
    references = [path for name in targets for path in pool[name]]
    return PartedGallery(
        title, model, parts, images.domains, [name for name in untested if name in targets],
        {
            "method": model.method, "model": title, "data": data_name(data),
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
