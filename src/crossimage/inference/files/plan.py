"""What is translated to what: inputs, targets, styles and the names of outputs."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from dataclasses import fields, replace
from functools import partial
from itertools import chain, product
from pathlib import Path
from typing import Any, NamedTuple

import torch
from torch import Tensor

from crossimage.data.images.encoded import EncodedImage
from crossimage.data.images.formats import Opacity
from crossimage.data.left_out import LeftOut
from crossimage.data.sources.results import SHEET_NAME
from crossimage.data.stores.addresses import local_path, store_address
from crossimage.inference.files.items import FolderItems, Item, Items
from crossimage.inference.files.ledger import ExpectedOutputs, input_state
from crossimage.inference.files.names import endings_of, name_outputs
from crossimage.inference.files.options import FileOptions
from crossimage.inference.files.records import Records, style_for, styles_of
from crossimage.inference.files.results import FolderResults, Results
from crossimage.inference.halves import HalfRule
from crossimage.inference.incoming import Incoming
from crossimage.inference.input_files import as_inputs, find_inputs
from crossimage.inference.inputs import FilesLike, ImageLike, fit_codes
from crossimage.inference.output_types import suffix_for
from crossimage.inference.predictor import Predictor
from crossimage.inference.references import Reference, find_references, reference_styles
from crossimage.inference.stores.places import open_results
from crossimage.inference.styles import Draw
from crossimage.inference.targets import Target
from crossimage.labels import To
from crossimage.utils.manifest import Entry
from crossimage.utils.numbers import whole
from crossimage.utils.paths import RealPaths, as_path
from crossimage.utils.reading import sha256_of
from crossimage.utils.seeds import seed_of

ALL_LABELS = "all"
"""The target that stands for every label of a method with labels, one after the other."""


class AssignedInputs(NamedTuple):
    """Inputs that a process translates for another one.

    Attributes:
        items: The inputs.
        planned: Number of results of all processes.
    """

    items: Sequence[Item]
    planned: int


class Plan(NamedTuple):
    """What is translated to what.

    Attributes:
        items: The inputs with their outputs.
        planned: Number of results of all processes that share the work.
        targets: The targets of every input.
        samples: Outputs per input and target.
        results: Where outputs are written.
        draw: Style and seed of an output, from the name that they depend on, its index and its
            target.
        sheet: Whether a sheet of all labels is written.
        left_out: What the given folders hold besides images.
        incoming: The inputs that are not files of the user.
        skipped: Inputs that could not be downloaded, each with the reason.
        records: Describes the outputs for the list of results.
        styles: What determines the style of each sample, for that list.
        random: Whether outputs depend on styles or noise.
        half: Which part of the inputs is translated.
        notes: What users should know about the references.
    """

    items: Items
    planned: int
    targets: Sequence[Target]
    samples: int
    results: Results
    draw: Callable[[str, int, Target], Draw]
    sheet: bool
    left_out: list[LeftOut]
    incoming: Incoming
    skipped: list[tuple[Path, str]]
    records: Records
    styles: list[dict[str, Any]]
    random: bool
    half: HalfRule
    notes: list[str]

    def expected(self, item: Item) -> ExpectedOutputs:
        """Describe the outputs of an input, without reading all of it."""
        half = self.half.part_of(self.incoming.image(item.path))
        name = self.incoming.names.get(item.path, item.path.as_posix())
        return ExpectedOutputs(
            item.path,
            [
                self.records.entry(
                    output,
                    input=name,
                    target=target.to,
                    style=style_for(item.drawn, style),
                    half=half,
                    random=self.random,
                )
                for output, (target, style) in zip(
                    item.outputs, product(self.targets, self.styles), strict=True
                )
            ],
        )

    def entries(self, item: Item) -> list[Entry]:
        """Describe the outputs of an input, in the order of its outputs, for the list of results.

        Raises:
            OSError: The input cannot be read.
        """
        state = input_state(item.path)  # before it is read, so that a change is seen next time
        sha256 = sha256_of(item.path)
        return [
            replace(entry, input_sha256=sha256, input_state=state)
            for entry in self.expected(item).outputs
        ]


def make_plan(
    predictor: Predictor,
    paths: FilesLike,
    out: Path,
    to: To | None,
    options: FileOptions,
    incoming: Incoming,
    assigned: AssignedInputs | None = None,
) -> Plan:
    """Find the inputs and name the outputs, before anything is translated.

    Args:
        predictor: The trained model.
        paths: Files, folders, patterns, lists, addresses and encoded images.
        out: Folder for the outputs.
        to: Name of the target domain, labels, or ``all`` of them.
        options: All other choices.
        incoming: Keeps the images that are not files.
        assigned: Inputs that another process has found and named already, in place of ``paths``.
    """
    out = local_path(out)
    results = open_results(out)
    left_out: list[LeftOut] = []
    references = (
        []
        if options.reference is None
        else find_references(
            options.reference,
            predictor.networks.few_shot,
            lambda image: named_images(image, out, incoming, left_out),
        )
    )
    samples = len(references) or options.samples
    labels = _all_labels(predictor, to)
    targets = [predictor.target(each) for each in labels] or [predictor.target(to)]
    _check_alpha(predictor, targets[0], options.alpha)
    if isinstance(to, Tensor):
        targets[0].encode(1)  # all files get the same labels
    if assigned is None:
        outputs = _titles(labels, samples) if labels else samples
        items, others, skipped = _find_items(
            paths, out, results, references, outputs, options, incoming
        )
        left_out += others
        planned = len(items) * len(targets) * samples
    else:
        items, skipped, planned = assigned.items, [], assigned.planned
    seed = int(torch.randint(2**62, ())) if options.seed is None else whole(options.seed, "seed")
    half = HalfRule(predictor.networks, targets[0].source, options.half)
    style_half = HalfRule(predictor.networks, targets[0].letter, options.half, reference=True)
    draw = draw_rule(predictor, targets, samples, references, options, seed, style_half)
    records = Records(predictor, seed, _settings(options))
    chosen = bool(references) or options.style is not None
    styles = styles_of(samples, options.same_style, references, options.style)
    return Plan(
        items, planned, targets, samples, results, draw, bool(labels), left_out, incoming,
        skipped, records, styles, chosen or predictor.multimodal, half,
        style_half.sentences("reference"),
    )  # fmt: skip


def _all_labels(predictor: Predictor, to: To | None) -> Sequence[str]:
    """Return every label if ``to`` stands for all of them; otherwise none."""
    networks = predictor.networks
    labels = predictor.targets if networks.labels and not networks.few_shot else ()
    # a label may itself be called "all"
    every = isinstance(to, str) and to == ALL_LABELS and ALL_LABELS not in labels
    return labels if every else ()


def _titles(labels: Sequence[str], samples: int) -> Sequence[str]:
    """Return what is appended to the names of an input's outputs for all labels."""
    if samples == 1:
        return labels
    return [f"{label}_{k + 1}" for label in labels for k in range(samples)]


def _find_items(
    paths: FilesLike,
    out: Path,
    results: Results,
    references: Sequence[Reference],
    outputs: int | Sequence[str],
    options: FileOptions,
    incoming: Incoming,
) -> tuple[Items, list[LeftOut], list[tuple[Path, str]]]:
    """Find the inputs and name their outputs.

    Args:
        paths: Files, folders, patterns, lists, addresses and encoded images.
        out: Folder for the outputs.
        results: The same folder as a place of results.
        references: Images that must not be overwritten either.
        outputs: Outputs per input, or the titles of those for all labels.
        options: All other choices.
        incoming: Keeps the images that are not files.

    Returns:
        The inputs; what the given folders hold besides images; and the inputs that could not be
        downloaded, each with the reason.

    Raises:
        ValueError: An output would overwrite an input or a reference.
    """
    suffix = partial(suffix_for, format=options.format, depth=options.depth)
    given = as_inputs(paths)
    folder = _single_folder(given)
    if folder is not None and not references:
        in_folder = FolderItems(folder, out, suffix, endings_of(outputs))
        if in_folder.is_plain and len(in_folder):
            return in_folder, in_folder.left_out, []
    found = find_inputs(given, out, incoming, options.progress)
    names = name_outputs(found.files, suffix, outputs)
    items = [
        Item(
            number,
            source.path,
            (source.folder / source.path.name).as_posix(),
            [name.as_posix() for name in group],
        )
        for number, (source, group) in enumerate(zip(found.files, names, strict=True))
    ]
    if isinstance(results, FolderResults):
        _protect(items, references, out, sheet=not isinstance(outputs, int))
    else:
        _protect_objects(items, results)
    return items, found.left_out, found.skipped


def _single_folder(given: Sequence[object]) -> Path | None:
    """Return the folder that is the only input; None for anything else."""
    if len(given) != 1 or not isinstance(given[0], str | Path) or store_address(given[0]):
        return None
    path = local_path(as_path(given[0], "the path of an input", stores=True))
    return path if path.is_dir() else None


def _settings(options: FileOptions) -> dict[str, Any]:
    """Return the options that determine the pixels, but are stated nowhere else in the list."""
    elsewhere = {
        "samples", "reference", "same_style", "seed", "half", "format", "batch_size",
        "skip_existing", "progress", "style", "shard",
    }  # fmt: skip
    return {f.name: getattr(options, f.name) for f in fields(options) if f.name not in elsewhere}


def named_images(
    given: ImageLike, out: Path, incoming: Incoming, left_out: list[LeftOut]
) -> list[ImageLike | EncodedImage]:
    """Return the images that a reference names: itself, or those of a folder, pattern or list."""
    if not isinstance(given, str | Path):
        return [given]
    found = find_inputs(given, out, incoming)
    if found.skipped:  # fewer results than references would be surprising
        raise ValueError(found.skipped[0][1])
    left_out += found.left_out
    return [incoming.image(source.path) for source in found.files]


def draw_rule(
    predictor: Predictor,
    targets: Sequence[Target],
    samples: int,
    references: Sequence[Reference],
    options: FileOptions,
    seed: int,
    half: HalfRule,
) -> Callable[[str, int, Target], Draw]:
    """Return the function that gives an output's style and seed."""
    predictor.random_styles.check_truncation(options.truncation)
    code = None
    if options.style is not None:
        predictor.require_styles()
        code = fit_codes([options.style], 1, predictor.networks.style_dim, "style")
    if predictor.networks.few_shot and not references and code is None:
        raise ValueError(
            f"this {predictor.method} translates to the class of reference images, and there are "
            "none: give some"
        )
    size = options.size if predictor.networks.few_shot else None
    styles = [
        (target, reference_styles(predictor, references, target, half, size).cpu())
        for target in (targets if references else ())
    ]
    if references:
        samples = 1
    if not predictor.multimodal and (samples > 1 or options.same_style):
        raise ValueError(f"this {predictor.method} has no styles: it gives one output per input")

    def draw(name: str, k: int, to: Target) -> Draw:
        name = "" if options.same_style else name
        if code is not None:
            return Draw(code, seed_of(seed, name, k))
        for target, codes in styles:
            if target is to:
                return Draw(codes[k : k + 1], seed_of(seed, name, k))
        return predictor.draw(seed, name, k, to.encode(1), options.truncation)

    return draw


def _check_alpha(predictor: Predictor, target: Target, alpha: Opacity) -> None:
    """Refuse to treat opacity apart if the model translates it.

    Raises:
        ValueError: It has images of 4 channels.
    """
    letters = (target.source, target.letter)
    if alpha != "white" and 4 in map(predictor.channels, letters):
        raise ValueError(f"this model has images of 4 channels; leave out alpha={alpha}")


def _protect_objects(items: Sequence[Item], results: Results) -> None:
    """Refuse to overwrite an input in a store."""
    protected = {str(item.path) for item in items}
    for name in chain.from_iterable(item.outputs for item in items):
        if results.shown(name) in protected:
            raise ValueError(
                f"the result {results.shown(name)} would overwrite an input; choose another place "
                "for the results"
            )


def _protect(
    items: Sequence[Item], references: Sequence[Reference], out: Path, sheet: bool
) -> None:
    """Refuse to overwrite an input or a reference."""
    images = (image for reference in references for image in reference)
    given = chain(
        (item.path for item in items),
        (Path(image) for image in images if isinstance(image, str | Path)),
    )
    real = RealPaths()
    protected = {real.of(path) for path in given}
    folders = {os.path.dirname(path) for path in protected}
    for name in chain(*(item.outputs for item in items), (SHEET_NAME,) * sheet):
        path = out / name
        if real.of_folder(path) in folders and real.of(path) in protected:
            raise ValueError(
                f"the result {path} would overwrite an input; choose another folder for the results"
            )
