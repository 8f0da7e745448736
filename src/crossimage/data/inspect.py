"""Inspection of data before training: its images, broken files, and what training would do."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from functools import partial
from pathlib import Path

from crossimage.config import Companion, Config, DataRules, Layout
from crossimage.data.build import build_dataset, find_source
from crossimage.data.data_report import DataReport, SplitReport
from crossimage.data.images.files import verify
from crossimage.data.images.pixels import BombError, ImageError, ImageInfo, Pixels
from crossimage.data.images.resize import size_before_crop
from crossimage.data.left_out import describe, further_images
from crossimage.data.samples.class_pairs import ClassPairs
from crossimage.data.samples.datasets import ImageDataset
from crossimage.data.sources.domains.data_set import DataSet, read_data_set, shown
from crossimage.data.sources.domains.scan import scan_domains
from crossimage.data.sources.folders import SPLITS, Domain, Split
from crossimage.data.sources.labelled import LabelledDomain
from crossimage.data.sources.leaks import find_leaks
from crossimage.data.sources.pairs import advise_unpaired, check_sizes, unmatched
from crossimage.data.sources.summary import describe_pairs, describe_splits
from crossimage.data.unreadable import too_many
from crossimage.utils.progress import ProgressCallback, track
from crossimage.utils.texts.counts import counted, verb

_LISTED = 5  # blank images named at most

OnImage = Callable[[Path, ImageInfo, Pixels], object]
"""Receives the path, the header and the pixels of an image."""

_Files = Mapping[Path, ImageInfo | Exception]
"""The header of each file, or the reason why it cannot be used."""


def inspect(
    data: DataSet,
    config: Config | None = None,
    *,
    layout: Layout = "unpaired",
    class_letters: Collection[str] = (),
    companions: Mapping[str, Companion] | None = None,
    flexible: bool = False,
    on_image: OnImage | None = None,
    progress: ProgressCallback | None = None,
) -> DataReport:
    """Read every image of a data set.

    Args:
        data: A folder, paths by name or tables, as for :func:`find_source`.
        config: The settings of the training; None: the defaults.
        layout: The layout that the method learns from.
        class_letters: Letters of the domains whose images need classes.
        companions: Further images of each sample by name, for the layout ``unpaired``.
        flexible: Whether the data's own names take the place of the config's ``domains``.
        on_image: Receives path, header and pixels of every image that can be read.
        progress: Receives the number of images read.

    Raises:
        FileNotFoundError: A folder or a listed file is missing.
        ValueError: The data does not have that layout, or not the classes or the number of domains
            that the config expects.
    """
    chosen = config is not None
    config, data = config or Config(), read_data_set(data)
    unpaired = []
    if layout == "paired":  # name all images without a partner; training stops at the first
        unpaired = unmatched(
            scan_domains(data, config.domains, rules=config.data_rules, flexible=flexible),
            config.data_rules,
        )
        if unpaired:
            unpaired[-1] += advise_unpaired(data)
    source = find_source(
        data, config, "unpaired" if unpaired else layout, class_letters, companions,
        flexible=flexible,
    )  # fmt: skip
    config = config.complete(source.facts)
    images = build_dataset(source, config)
    paths = (path for domain in images.domains for path in (*domain.train, *domain.test))
    files = dict(_read(list(dict.fromkeys(paths)), config.data_rules, on_image, progress))
    domains = images.domains
    if not images.resizes:
        files |= _too_small(files, config)
    if layout == "super_resolution":  # the small images are made from the large ones
        domains = domains[1:]
    splits = []
    for domain in domains:
        for split in SPLITS:
            if domain.files(split):
                report = _summarise(domain, split, files | _lost(images, split, files), config)
                _count_labels(report, domain, split)
                splits.append(report)
    training = [note for d in domains if isinstance(d, LabelledDomain) for note in d.sentences()]
    training += _plan(images, splits, layout, chosen=chosen)
    others = [entry for domain in images.domains for entry in domain.left_out]
    for path, info in files.items():
        others += further_images(path, info.further) if isinstance(info, ImageInfo) else []
    broken = {path for split in splits for path, _ in split.broken}
    left_out = describe(others, len(broken))
    sources = [*source.notes, *describe_splits(images.domains)]
    if layout == "paired" and not unpaired:
        sources += describe_pairs(images.domains)
    if leaks := find_leaks(images.domains).sentence():
        sources.append(leaks)
    problems = unpaired + _problems(splits, images)
    return DataReport(shown(data), splits, training, problems, left_out, sources, images)


def _read(
    paths: Sequence[Path],
    rules: DataRules,
    on_image: OnImage | None,
    progress: ProgressCallback | None,
) -> Iterable[tuple[Path, ImageInfo | Exception]]:
    """Decode files; yield the header of each, or the reason why it cannot be read."""
    for path in track(paths, "reading images", len(paths), progress):
        try:
            yield path, verify(path, rules, partial(on_image, path) if on_image else None)
        except (ValueError, FileNotFoundError) as error:
            yield path, error


def _too_small(files: _Files, config: Config) -> dict[Path, ImageInfo | Exception]:
    """Return the images that are smaller than the crop, for training without enlargement."""
    height, width = config.crop
    return {
        path: ImageError(
            f"{path} is {info.width} x {info.height}, smaller than the crop of {width} x {height}"
        )
        for path, info in files.items()
        if isinstance(info, ImageInfo) and (info.height < height or info.width < width)
    }


def _lost(images: ImageDataset, split: Split, files: _Files) -> dict[Path, Exception]:
    """Return intact images whose pairs cannot be used: a partner is broken or of another size."""
    lost: dict[Path, Exception] = {}
    for group in images.groups:
        domains = [images.domains[i] for i in images.known(group, split)]
        for row in zip(*(domain.files(split) for domain in domains), strict=True):
            known = [(files[path], path) for path in row]
            broken = [info for info, _ in known if isinstance(info, Exception)]
            sizes = [((i.width, i.height), p) for i, p in known if isinstance(i, ImageInfo)]
            try:
                if not broken:
                    check_sizes(sizes)
            except ImageError as error:
                broken = [error]
            lost |= {path: broken[0] for _, path in sizes if broken}
    return lost


def _summarise(domain: Domain, split: Split, files: _Files, config: Config) -> SplitReport:
    paths = domain.files(split)
    report = SplitReport(domain.name, split, len(paths))
    sizes = []
    for path in paths:
        info = files[path]
        if isinstance(info, Exception):
            report.broken.append((str(path), str(info)))
            report.bombs += isinstance(info, BombError)
            continue
        if domain.half is not None and info.width % 2:
            reason = f"{path} is {info.width} pixels wide and can't be split into two halves"
            report.broken.append((str(path), reason))
            continue
        width, height = info.width // (1 if domain.half is None else 2), info.height
        sizes.append((width, height))
        report.modes[info.mode] += 1
        report.depths[info.depth] += 1
        report.channels[info.channels] += 1
        match info.flatness and info.flatness[0 if domain.half is None else 1 + domain.half]:
            case "blank":
                report.blank.append(str(path))
            case "flat channel":
                report.flat_channels.append(str(path))
        if info.limits is not None:
            low, high = report.limits or info.limits
            report.limits = min(low, info.limits[0]), max(high, info.limits[1])
            report.full = max(report.full, info.full)
        if info.gaps:
            report.gaps = report.gaps[0] + 1, report.gaps[1] + info.gaps
        report.ignored_profiles += info.ignored_profile is not None
        after = size_before_crop(height, width, config)
        report.enlarged += after[0] > height or after[1] > width
    sizes.sort(key=lambda size: (size[0] * size[1], size))
    if sizes:
        report.sizes = [sizes[0], sizes[len(sizes) // 2], sizes[-1]]
    return report


def _count_labels(report: SplitReport, domain: Domain, split: Split) -> None:
    """Count the images of each class, or those that have each attribute."""
    counts = Counter(domain.label_names(split))
    if isinstance(domain, LabelledDomain):
        report.labels = domain.describe_labels(split)
    elif counts:
        listed = ", ".join(f"{name} {counts[name]}" for name in sorted(counts))
        report.labels = f"classes of {domain.name} ({split}): {listed}"
    if isinstance(domain, LabelledDomain) and not domain.label_set.categorical:
        report.attributes.update({name: counts[name] for name in domain.label_set.names})
    else:
        report.classes.update(counts)


def _plan(
    images: ImageDataset, splits: Sequence[SplitReport], layout: Layout, *, chosen: bool
) -> list[str]:
    """Return what training would do; settings of no recipe (not ``chosen``) are called so."""
    plan = _describe_preparation(images, layout, chosen=chosen)
    for split in splits:
        if split.enlarged and split.split == "train":
            plan.append(
                f"{split.enlarged} of {counted(split.count, 'image')} of {split.domain} "
                f"{verb(split.enlarged, 'are')} smaller and would be enlarged."
            )
    plan += [sentence for split in splits for sentence in _describe_flat(split)]
    plan += [sentence for split in splits for sentence in _describe_values(split, images)]
    return plan + _describe_epochs(images, layout, chosen=chosen)


def _describe_preparation(images: ImageDataset, layout: Layout, *, chosen: bool) -> list[str]:
    """Return sentences on how images are resized, cropped and split."""
    domains, config = images.domains, images.config
    height, width = config.crop
    resizes = config.resize and images.resizes
    resize = f"resize the shortest side to {config.resize} px and " if resizes else ""
    flip = ", mirroring half of the images" if config.flip else ""
    unless = "" if chosen else "Unless a recipe says otherwise, training"
    plan = [f"{unless or 'Training'} would {resize}crop {width} x {height} px at random{flip}."]
    if images.rotates:
        plan.append("The crops would be rotated by 0, 90, 180 or 270 degrees at random.")
    if config.resized_crop:
        low, high = (round(100 * share) for share in config.resized_crop_scale)
        plan.append(
            f"Of {round(100 * config.resized_crop)} % of the images, a random part of {low} to "
            f"{high} % of the area would be resized to {width} x {height} px instead."
        )
    if config.smallest_zoom < 1:
        plan.append(
            f"Before that, the images would be shrunk by random factors from "
            f"{config.smallest_zoom:.2g} to 1, one for the width and one for the height."
        )
    if domains[0].half is not None:
        plan.append(
            f"Each image is split in the middle: left is {domains[0].name}, right is "
            f"{domains[1].name}."
        )
    if layout == "paired":
        plan.append("The images of a pair are cropped at the same position and mirrored together.")
    return plan


def _describe_flat(split: SplitReport) -> list[str]:
    """Return sentences on images that are blank, or have a blank channel."""
    name, sentences = f"{split.domain} ({split.split})", []
    if split.blank:
        sentences.append(
            f"{name}: {len(split.blank)} of {counted(split.count, 'image')} "
            f"{verb(len(split.blank), 'are')} blank, with the same colour everywhere: "
            f"{_listed(split.blank)}."
        )
    if split.flat_channels:
        sentences.append(
            f"{name}: {len(split.flat_channels)} of {counted(split.count, 'image')} "
            f"{verb(len(split.flat_channels), 'have')} a channel that is the same everywhere."
        )
    return sentences


def _describe_epochs(images: ImageDataset, layout: Layout, *, chosen: bool) -> list[str]:
    """Return sentences on how often training would see each image."""
    domains, config = images.domains, images.config
    turns = len(domains) if layout == "labelled" else 1
    plan = []
    if turns > 1:
        plan.append("The data sets take turns: each step sees images of one of them.")
    sizes = " and ".join(
        f"{counted(len(domain.train), 'image')} ({domain.name})" for domain in domains
    )
    steps = turns * -(-max(len(domain.train) for domain in domains) // config.samples)
    times = config.steps / steps
    moves = f" ({config.samples} images per step)" if config.samples > config.batch_size else ""
    often = f"{times:,.{0 if times > 10 else 1}f} times"
    if not chosen:
        plan.append(f"An epoch is {sizes}.")
    elif images.draws_evenly:
        plan.append(
            f"Classes are drawn evenly: in the {config.steps:,} steps configured, images are seen "
            f"{often} on average, those of small classes more often."
        )
    elif isinstance(images, ClassPairs):
        plan.append(images.describe_draws())
    else:
        plan.append(
            f"An epoch is {sizes}; at batch size {config.batch_size}{moves} every image is seen "
            f"within {counted(steps, 'step')}, and {often} in the {config.steps:,} steps "
            "configured."
        )
    return plan


def _known(split: SplitReport) -> bool:
    """Return whether the depths of all images determine which values are black and white."""
    return all(depth in ("1-bit", "8-bit", "16-bit") for depth in split.depths)


def _describe_values(split: SplitReport, images: ImageDataset) -> list[str]:
    """Return sentences on how pixel values are mapped to the range of the networks."""
    name, config = f"{split.domain} ({split.split})", images.config
    (limits,) = {
        config.range_of(letter)
        for letter, domain in zip(images.letters, images.domains, strict=True)
        if domain.name == split.domain
    }
    sentences = []
    if split.limits is not None and config.data_rules != 1 and (limits or _known(split)):
        low, high = limits or (0, split.full)
        sentences.append(
            f"{name}: images of more than 8 bits hold {split.limits[0]:g} to {split.limits[1]:g}; "
            f"{low:g} becomes black and {high:g} white"
            + ("." if limits else ", unless `value_range=low,high` is set.")
        )
    count, pixels = split.gaps
    if count:
        sentences.append(
            f"{name}: {counted(count, 'image')} {verb(count, 'hold')} "
            f"{counted(pixels, 'pixel')} without a value, which {verb(pixels, 'become')} black."
        )
    if split.ignored_profiles:
        sentences.append(
            f"{name}: {counted(split.ignored_profiles, 'image')} "
            f"{verb(split.ignored_profiles, 'have')} a colour profile that cannot be used, and "
            f"{verb(split.ignored_profiles, 'are')} taken for sRGB."
        )
    return sentences


def _problems(splits: Sequence[SplitReport], images: ImageDataset) -> list[str]:
    problems, config = [], images.config
    channels_of = {d.name: n for d, n in zip(images.domains, images.channels, strict=True)}
    letters = zip(images.domains, images.letters, strict=True)
    ranges = {domain.name: config.range_of(letter) for domain, letter in letters}
    for split in splits:
        name = f"{split.domain} ({split.split})"
        # gray, RGB and opacity are converted into one another
        wanted = channels_of[split.domain]
        able = {1, 2, 3, 4} if wanted in (1, 3, 4) else {wanted}
        unfit = {n: count for n, count in split.channels.items() if n not in able | {wanted}}
        for channels, count in unfit.items():
            problems.append(
                f"{name}: {counted(count, 'image')} {verb(count, 'have')} "
                f"{counted(channels, 'channel')}, expected {wanted}; set "
                "`channels` to what the images have."
            )
        if ranges[split.domain] is None and not _known(split):
            low, high = split.limits or (0.0, 0.0)
            problems.append(
                f"{name}: there are images of unknown range, which hold {low:g} to {high:g}; set "
                "`value_range=low,high`."
            )
        if split.bombs:
            problems.append(
                f"{name}: {counted(split.bombs, 'image')} {verb(split.bombs, 'have')} too many "
                "pixels; remove or shrink them."
            )
        if too_many(len(split.broken), split.count):
            problems.append(
                f"{name}: {len(split.broken)} of {counted(split.count, 'image')} "
                f"{verb(len(split.broken), 'are')} broken, more than 5 %; remove or repair them."
            )
    return problems


def _listed(paths: Sequence[str]) -> str:
    """Return the first paths, and how many more there are."""
    more = len(paths) - _LISTED
    return ", ".join(paths[:_LISTED]) + (f" and {more} more" if more > 0 else "")
