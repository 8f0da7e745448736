"""Checks of what is compared: training images in place of test images, other domains, JPEGs."""

from __future__ import annotations

import os
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path

from crossimage.config import Facts
from crossimage.data.build import Source, find_source
from crossimage.data.holdout import HELD_OUT_OF, D, hold_out
from crossimage.data.images.formats import HEAD, format_of
from crossimage.data.sources.domains.data_set import DataSet, shown
from crossimage.data.sources.domains.names import are_letters
from crossimage.data.sources.domains.scan import scan_domains
from crossimage.data.sources.folders import Domain
from crossimage.data.sources.leaks import find_leaks
from crossimage.data.sources.similar_names import match_names
from crossimage.data.validation import split_validation
from crossimage.evaluation.galleries.images import ImageStream, prefetch
from crossimage.inference.predictor import Predictor
from crossimage.training.recorded import has_changed, recorded_data, recorded_domains
from crossimage.utils.reading import open_data


@dataclass(frozen=True)
class KnownImages:
    """Images that are known already, in place of a data set to search.

    Attributes:
        name: What they are, for a reader.
        domains: Their domains, in the order of the model's.
    """

    name: str
    domains: Sequence[Domain]


Tested = DataSet | KnownImages
"""Where the images come from that a model is tested on."""


def data_name(data: Tested) -> str:
    """Return the name of a data set, for a reader."""
    return data.name if isinstance(data, KnownImages) else shown(data)


def training_images_among(
    tests: Sequence[Path], trained_on: Sequence[Domain], owner: str
) -> str | None:
    """Return a sentence about test images that are training images; None if there are none.

    Images are compared by content.

    Args:
        tests: The test images.
        trained_on: The domains with the training images.
        owner: What these are, such as ``training images of munit``.
    """
    trains = tuple(path for domain in trained_on for path in domain.train)
    leaks = find_leaks([Domain("", trains, tuple(dict.fromkeys(tests)))])
    if not leaks.pairs:
        return None
    named = ", ".join(f"{path.parent.name}/{path.name}" for path, _ in leaks.pairs[:3])
    more = ", ..." if len(leaks.pairs) > 3 else ""
    return (
        f"{len(leaks.pairs):,} of the {leaks.total:,} images used for testing are {owner}: "
        f"{named}{more}"
    )


def changed_since(run: Path | None, trained_on: Sequence[Domain], title: str) -> str | None:
    """Return a sentence if images were held out of data that has changed; None otherwise.

    Another tenth is held out of more images, so that what is tested may have been trained on.

    Args:
        run: The model's run.
        trained_on: The domains of its data set as they are now.
        title: The model's title.
    """
    held_out = any(domain.test_from.startswith(HELD_OUT_OF) for domain in trained_on)
    if not held_out or not has_changed(run, trained_on):
        return None
    return (
        f"the images that {title} was trained on have changed since, so that images held out for "
        "testing now may be among them; evaluate it with images of their own"
    )


def find_tested(data: Tested, model: Predictor) -> Source:
    """Find the images of a data set that a model is tested on.

    Without test images, those are used that were held out in training, if the model was trained on
    images of this data set; see :func:`held_out_of`.

    Raises:
        FileNotFoundError: A folder or a file of the data set is missing.
        ValueError: The data set does not have the layout that the method is trained on.
    """
    if isinstance(data, KnownImages):
        known = tuple(data.domains)
        return Source(model.networks.layout, known, Facts(model.config.domains, 0))
    config = replace(model.config, holdout=0.0, evaluate_every=0, best_metric="", patience=0)
    flexible = not model.networks.has_direction(config)  # then other_domains says so
    source = find_source(data, config, model.networks.layout, flexible=flexible)
    return replace(source, domains=held_out_of(source.domains, model))


def held_out_of(domains: Sequence[D], model: Predictor) -> tuple[D, ...]:
    """Return domains in which the images that a model did not train on are test images.

    Of data that the model knows nothing of, all images may be used for testing, and nothing is held
    out. If its own data is not known, it may be this. Images by which the best model of a run was
    chosen are left out.
    """
    share, layout = model.config.holdout, model.networks.layout
    chosen_by = bool(model.config.evaluate_every)
    if not chosen_by and (not share or all(domain.test for domain in domains)):
        return tuple(domains)
    own = recorded_domains(recorded_data(model.run_folder), model)
    known = {os.path.realpath(path) for domain in own for path in (*domain.train, *domain.test)}
    paths = (path for domain in domains for path in domain.train)
    if known and not any(os.path.realpath(path) in known for path in paths):
        return tuple(domains)
    tested = hold_out(layout, domains, share)
    if chosen_by:
        with suppress(ValueError):  # too few images: then it was not trained on these
            tested, _ = split_validation(layout, tested, model.config.data_rules)
    return tested


def other_domains(
    data: str, model: Predictor, title: str, trained_on: DataSet | None
) -> str | None:
    """Return a sentence if a data set has other domains than a model; None if it has not.

    Letters such as those of ``trainA`` and ``trainB`` say nothing, and a model may have given the
    folders that it was trained on other names.

    Args:
        data: The data set, as an option takes it.
        model: The model, of a method with two domains.
        title: The model's title.
        trained_on: The data set that it was trained on, where known.
    """
    if isinstance(trained_on, str) and Path(data).resolve() == Path(trained_on).resolve():
        return None
    try:
        domains = scan_domains(data, count=None, rules=model.config.data_rules)
    except (OSError, ValueError):
        return None
    found = [domain.name for domain in domains]
    own = list(model.config.domains)
    if are_letters(found) or are_letters(own) or len(match_names(found, own)) == len(own):
        return None
    taken = ", ".join(f"{name} for {other}" for name, other in zip(found, own, strict=False))
    which = f", so it takes {taken}" if len(found) == len(own) else ""
    return (
        f"{title} was trained on {' and '.join(own)}, and {data} holds {', '.join(found)}"
        f"{which}; figures of a model on other domains than its own say little about it"
    )


def real_images_among(results: ImageStream, real: ImageStream) -> str | None:
    """Return a sentence if some results are files of the real images; None otherwise."""
    found = find_leaks([Domain("", tuple(real.paths), tuple(results.paths))]).pairs
    if not found:
        return None
    first, same = found[0]
    equal = f"{first} is {same}" if first.samefile(same) else f"{first} equals {same}"
    return (
        f"{len(found):,} of the {len(results):,} results are files of the real images ({equal}), "
        "which no model has made; check the two folders"
    )


def jpegs_on_one_side(results: ImageStream, real: ImageStream) -> str | None:
    """Return a sentence if only the results, or only the real images, hold JPEGs; else None."""
    counts = _jpegs(results.paths), _jpegs(real.paths)
    if all(counts) or not any(counts):
        return None
    first, second = _sides(counts, results, real)
    return (
        f"{first} are JPEGs, and {second}; metrics see the compression as a difference between them"
    )


def gray_on_one_side(results: ImageStream, real: ImageStream) -> str | None:
    """Return a sentence if all results are gray and no real image is, or vice versa; else None."""
    counts = results.gray, real.gray
    if counts not in ((0, len(real)), (len(results), 0)):
        return None
    first, second = _sides(counts, results, real)
    return f"{first} are gray, and {second}; metrics see colour as a difference between them"


def _sides(counts: tuple[int, int], results: ImageStream, real: ImageStream) -> tuple[str, str]:
    """Return how many images of each side something is true of; the side with some first."""
    fake = f"{counts[0]:,} of the {len(results):,} results"
    true = f"{counts[1]:,} of the {len(real):,} real images"
    return (fake, true) if counts[0] else (true, fake)


def _jpegs(paths: Sequence[Path]) -> int:
    return sum(prefetch(_is_jpeg, paths, 64))


def _is_jpeg(path: Path) -> bool:
    with open_data(path) as file:
        return format_of(file.read(HEAD)) == "JPEG"
