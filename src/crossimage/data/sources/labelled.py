"""Data sets of labelled images, in class folders or with tables of attributes."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Self

from crossimage.config import DataRules, Facts
from crossimage.data.left_out import WITHOUT_LABELS, LeftOut
from crossimage.data.sources.domains.class_folders import find_classes
from crossimage.data.sources.domains.data_set import DataSet, read_data_set
from crossimage.data.sources.domains.named import domain_folders
from crossimage.data.sources.find import visible_folders
from crossimage.data.sources.folders import Domain, Split, train_folder
from crossimage.data.sources.split_names import may_hold_splits
from crossimage.data.sources.tables.attributes import AttributeTable
from crossimage.data.sources.tables.columns import TableLabels, attributes_setting, read_labels
from crossimage.data.sources.tables.partition import tables_of_splits
from crossimage.data.sources.tables.read import (
    CELEBA,
    find_table,
    read_split_tables,
    read_table,
    tables_in,
)
from crossimage.labels import EVERY_COLUMN, LabelSet, LabelValues, check_names, label_index
from crossimage.utils.names import did_you_mean, look_up
from crossimage.utils.paths import as_path

Values = tuple[int, ...]
"""The labels of an image: 1 or 0 for each label of its data set."""


@dataclass(frozen=True)
class LabelledDomain(Domain):
    """One data set of labelled images.

    Attributes:
        label_set: The labels that its images may have.
        values: Labels of every training image.
        test_values: Labels of every test image.
        notes: Sentences on how its table was read and which parts are not used.
    """

    label_set: LabelSet = LabelSet((), False)
    values: tuple[Values, ...] = ()
    test_values: tuple[Values, ...] = ()
    notes: tuple[str, ...] = ()

    def of_class(self, name: str, split: Split) -> tuple[Path, ...]:
        """Return the training or test images of a class or with an attribute."""
        index = self.label_set.names.index(name)
        values = self.values if split == "train" else self.test_values
        return tuple(p for p, own in zip(self.files(split), values, strict=True) if own[index])

    def label_names(self, split: Split) -> Iterator[str]:
        """Iterate over the labels of all training or test images."""
        for values in self.values if split == "train" else self.test_values:
            yield from (n for n, has in zip(self.label_set.names, values, strict=True) if has)

    def holding_out(self, indices: Collection[int]) -> Self:
        """Return the domain with some of its training images in place of its test images."""
        values = tuple(own for index, own in enumerate(self.values) if index not in indices)
        tests = tuple(self.values[index] for index in sorted(indices))
        return replace(super().holding_out(indices), values=values, test_values=tests)

    def with_tests_of(self, other: Self) -> Self:
        """Return the domain with the test images of another one."""
        return replace(super().with_tests_of(other), test_values=other.test_values)

    def describe_labels(self, split: Split) -> str:
        """Return how many training or test images have each label, as text."""
        total, counts = len(self.files(split)), Counter(self.label_names(split))
        kind = "classes" if self.label_set.categorical else "attributes"
        names = sorted(self.label_set.names) if kind == "classes" else self.label_set.names
        shown = [
            f"{name} {counts[name]}" if kind == "classes"
            else f"{name} {counts[name]} yes / {total - counts[name]} no"
            for name in names[:_SHOWN]
        ]  # fmt: skip
        more = f" and {len(names) - _SHOWN:,} more" if len(names) > _SHOWN else ""
        if kind == "classes" and (unseen := total - counts.total()):
            more += f"; images of classes unseen in training: {unseen:,}"
        return f"{kind} of {self.name} ({split}): {', '.join(shown)}{more}"

    def sentences(self) -> list[str]:
        """Return the notes as sentences that name the data set."""
        return [f"{self.name}: {note}." for note in self.notes]


_INSTEAD = ", validation images in place of test images"
_SHOWN = 50  # labels listed at most in a sentence


def find_labelled(
    data: DataSet,
    chosen: Sequence[str] = (),
    rules: DataRules = 3,
    values: LabelValues | None = None,
    *,
    unseen: bool = False,
) -> tuple[LabelledDomain, ...]:
    """Find data sets of labelled images.

    Args:
        data: One data set, or several separated by commas. Each is a folder with one folder per
            class, see :func:`~crossimage.data.sources.domains.class_folders.find_classes`, a folder
            that holds a table of attributes, or such a table; see
            :func:`~crossimage.data.sources.tables.read.read_table`. Or the paths of each class of
            one data set by its name.
        chosen: The classes or attributes to use, in this order; each data set uses those that it
            has. Empty: all.
        rules: The rules by which files are found and tables are read.
        values: The meaning of the values in tables.
        unseen: Whether test images in class folders may be of classes that are not used in
            training. Their labels are zeros.

    Raises:
        FileNotFoundError: A folder, a table or an image is missing.
        ValueError: There are no labels, unknown labels, or labels that all or none of the training
            images have.
    """
    sources = _open_all(read_data_set(data), rules, unseen)
    names = [name for name, _ in sources]
    for name in names:
        if names.count(name) > 1:
            raise ValueError(f"two data sets are called '{name}'; rename a folder or a table")
    known = [
        source.columns if isinstance(source, AttributeTable) else source.classes
        for _, source in sources
    ]
    _check_settings(
        values or LabelValues(), [s.columns for _, s in sources if isinstance(s, AttributeTable)]
    )
    union = tuple(dict.fromkeys(label for labels in known for label in labels))
    exact = set(union)
    wanted = dict.fromkeys(
        name if name in exact else union[label_index(name, union)] for name in chosen
    )
    data_sets = []
    for (name, source), labels in zip(sources, known, strict=True):
        having = set(labels)
        own = [label for label in wanted if label in having]
        if wanted and not own:
            raise ValueError(
                f"{name} has none of {', '.join(chosen)}; its labels: {', '.join(labels)}"
            )
        if isinstance(source, AttributeTable):
            data_set = _from_table(name, source, own, values, rules, alone=len(sources) == 1)
            if rules != 1 and not wanted:
                _check_no_splits(source, data_set.label_set.names)
        else:
            data_set = _from_classes(name, source, own, unseen)
        if rules != 1:
            check_names(data_set.label_set.names, str(data_set.train_root))
        data_sets.append(data_set)
    return checked(data_sets)


def _check_no_splits(table: AttributeTable, labels: Sequence[str]) -> None:
    """Refuse a label that nobody asked for whose name suggests that it marks test images."""
    flags = [name for name in labels if may_hold_splits(name)]
    if flags and not table.splits_from:
        raise ValueError(
            f"{table.file}: the column '{flags[0]}' may mark the images to test with; name it "
            "split, with train, val or test in it, or choose the labels with attributes=A,B,..."
        )


def _check_settings(values: LabelValues, columns: Sequence[Sequence[str]]) -> None:
    """Refuse settings for columns that no table has."""
    known = [name for names in columns for name in names]
    folded = [name.replace("-", "_") for name in known]
    for key, by_column in (("positive", values.positive), ("negative", values.negative)):
        for name in by_column:
            if name == EVERY_COLUMN or any(look_up(name, own) is not None for own in columns):
                continue
            if look_up(name, folded) is None:
                hint = did_you_mean(name, known)
                raise ValueError(f"{key}.{name}: no table has a column '{name}'{hint}")


def facts_of_labelled(data_sets: Sequence[LabelledDomain]) -> Facts:
    """Return the facts about labelled data sets: their labels, and the number of all images."""
    known = [data_set.label_set for data_set in data_sets]
    return Facts(
        domains=tuple(name for labels in known for name in labels.names),
        epoch=sum(len(data_set.train) for data_set in data_sets),
        label_sets=tuple(len(labels.names) for labels in known),
        categorical=tuple(labels.categorical for labels in known),
    )


def _open_all(
    data: DataSet, rules: DataRules, unseen: bool
) -> list[tuple[str, AttributeTable | Domain]]:
    """Return the names of all data sets, and their tables or images with their classes."""
    if not isinstance(data, str):
        images = find_classes(data, rules)
        return [(images.name, images)]
    whole = as_path(data, "the path of the data set")
    parts = [data] if whole.exists() else [part.strip() for part in data.split(",")]
    return [_open(as_path(part, f"a path of {data}"), rules, unseen) for part in parts]


def _open(path: Path, rules: DataRules, unseen: bool) -> tuple[str, AttributeTable | Domain]:
    """Return a data set's name, and its table or its images with their classes."""
    if path.is_file():
        return path.stem, read_table(path, rules)
    if not path.is_dir():
        raise FileNotFoundError(f"there is no {path}; expected a folder or a table of images")
    name = path.resolve().name
    train = train_folder(path, rules)
    if train and (folders := visible_folders(train, rules)):
        if rules != 1 and (tables := tables_in(path)):
            raise ValueError(
                f"{path} holds class folders, such as {train / folders[0]}, and a table, "
                f"{tables[0]}; to learn from the table give its path as the data set, and to learn "
                "from the folders move the table elsewhere"
            )
        return name, find_classes(path, rules, unseen=unseen)
    by_split = tables_of_splits(tables_in(path, rules)) if rules != 1 else None
    if by_split and len(by_split) > 1:
        return name, read_split_tables(by_split)
    if table := find_table(path, rules):
        return name, read_table(table, rules)
    if rules == 3 and len(domain_folders(path, rules)) > 1:
        return name, find_classes(path, rules, unseen=unseen)
    raise ValueError(
        f"{path} holds no labels; expected class folders such as {path / 'cat'} or "
        f"{path / 'train' / 'cat'}, a .csv table, or {CELEBA}"
    )


def _from_classes(name: str, images: Domain, chosen: Sequence[str], unseen: bool) -> LabelledDomain:
    """Return the images of some classes, or of all, with one label each."""
    names = tuple(chosen) or images.classes

    def choose(
        paths: Sequence[Path], labels: Sequence[int], others: bool
    ) -> tuple[tuple[Path, ...], tuple[Values, ...]]:
        own = zip(paths, ("" if k < 0 else images.classes[k] for k in labels), strict=True)
        kept = [(path, label) for path, label in own if others or label in names]
        values = {label: tuple(int(label == other) for other in names) for _, label in kept}
        return tuple(path for path, _ in kept), tuple(values[label] for _, label in kept)

    train, values = choose(images.train, images.class_indices, False)
    test, test_values = choose(images.test, images.test_class_indices, unseen)
    return LabelledDomain(
        name, train, test, train_root=images.train_root, test_root=images.test_root,
        label_set=LabelSet(names, True), values=values, test_values=test_values,
        left_out=images.left_out, train_from=images.train_from, test_from=images.test_from,
        roots=images.roots,
    )  # fmt: skip


def _from_table(
    name: str,
    table: AttributeTable,
    chosen: Sequence[str],
    values: LabelValues | None,
    rules: DataRules,
    alone: bool,
) -> LabelledDomain:
    """Return the images of a table with some of its attributes, or all."""
    labels = read_labels(table, chosen, values, rules, alone=alone)
    train, test = labels.table.split("train"), labels.table.split("test")
    if not train:
        raise ValueError(f"{table.file} names no images to train with")
    if table.tests is not None:
        return _from_two_tables(name, labels, table.tests, values)
    return LabelledDomain(
        name, tuple(row.path for row in train), tuple(row.path for row in test),
        train_root=table.file, test_root=table.file, label_set=LabelSet(labels.names, False),
        values=tuple(labels.values[row.path] for row in train),
        test_values=tuple(labels.values[row.path] for row in test), notes=labels.notes,
        train_from=labels.table.origin("train"), test_from=labels.table.origin("test"),
        left_out=labels.table.left_out(),
    )  # fmt: skip


def _from_two_tables(
    name: str, labels: TableLabels, tests: AttributeTable, values: LabelValues | None
) -> LabelledDomain:
    """Return the training images of one table and the test images of another."""
    missing = [label for label in labels.names if label not in tests.columns]
    if missing and len(missing) < len(labels.names):
        raise ValueError(
            f"{tests.file} has no column '{missing[0]}', which {labels.table.file} has; add it, "
            "or leave it out of `attributes`"
        )
    notes = labels.notes
    test: tuple[Path, ...] = ()
    test_values: tuple[Values, ...] = ()
    left_out = tuple(LeftOut(WITHOUT_LABELS, tests.file.name, str(r.path)) for r in tests.rows)
    if not missing:
        known = read_labels(tests, labels.names, values)
        rows, left_out = known.table.rows, ()
        test = tuple(row.path for row in rows)
        test_values = tuple(known.values[path] for path in test)
        notes += tuple(note for note in known.notes if note not in notes)
    instead = "" if tests.rows[0].split == "test" else _INSTEAD
    return LabelledDomain(
        name, tuple(row.path for row in labels.table.rows), test, train_root=labels.table.file,
        test_root=tests.file, label_set=LabelSet(labels.names, False),
        values=tuple(labels.values[row.path] for row in labels.table.rows),
        test_values=test_values,
        notes=notes, train_from=labels.table.file.name, test_from=f"{tests.file.name}{instead}",
        left_out=left_out,
    )  # fmt: skip


def checked(domains: Sequence[LabelledDomain]) -> tuple[LabelledDomain, ...]:
    """Return all data sets; refuse labels that do not distinguish the training images of one."""
    every = [name for domain in domains for name in domain.label_set.names]
    for domain in domains:
        names = domain.label_set.names
        if domain.label_set.categorical and len(names) < 2:
            raise ValueError(f"{domain.name} has only the class {names[0]}; expected at least two")
        for name, *column in zip(names, *domain.values, strict=True):
            if len(set(column)) < 2:
                share = "all" if column[0] else "none"
                others = [other for other in every if other != name]
                out = f"; leave it out with {attributes_setting(others)}" if len(names) > 1 else ""
                raise ValueError(
                    f"{share} of the training images of {domain.name} are {name}, so there is "
                    f"nothing to learn{out}"
                )
    return tuple(domains)
