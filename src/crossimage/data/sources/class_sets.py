"""Data sets of images of classes, in class folders or with tables of attributes."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace

from crossimage.config import DataRules
from crossimage.data.left_out import LeftOut
from crossimage.data.sources.domains.data_set import DataSet, shown
from crossimage.data.sources.labelled import LabelledDomain, Values, find_labelled
from crossimage.labels import LabelSet, LabelValues

NO_CLASS = ("image of none or several of the classes", "images of none or several of the classes")
_NAMED = 5  # classes named at most in an error message


def find_class_set(
    data: DataSet,
    chosen: Sequence[str] = (),
    rules: DataRules = 3,
    values: LabelValues | None = None,
    *,
    references: int = 1,
    unseen: bool = False,
) -> LabelledDomain:
    """Find a data set of images that have exactly one class each.

    Args:
        data: Class folders or a table, as for
            :func:`~crossimage.data.sources.labelled.find_labelled`. A single attribute of a table,
            such as Male, makes two classes, Male and not_Male. Several are one class each; images
            that have none or several of them are left out.
        chosen: The classes or attributes to use, in this order. Empty: all.
        rules: The rules by which files are found and tables are read.
        values: The meaning of the values in tables.
        references: Images of a class that a sample needs.
        unseen: Whether test images may be of other classes than the training images. Their labels
            are zeros.

    Raises:
        FileNotFoundError: A folder, a table or an image is missing.
        ValueError: There are several data sets, there are fewer than two classes, or a class has
            too few images.
    """
    try:
        found = find_labelled(data, chosen, rules, values, unseen=unseen)
    except ValueError:
        if len(chosen) != 2 or chosen[1] != _without(chosen[0]):
            raise
        found = find_labelled(data, chosen[:1], rules, values)  # the classes of a trained model
    if len(found) > 1:
        names = ", ".join(data_set.name for data_set in found)
        raise ValueError(
            f"{shown(data)} names {len(found)} data sets ({names}); expected one, whose images are "
            "of classes; put its class folders into one folder"
        )
    (data_set,) = found
    if not data_set.label_set.categorical:
        data_set = _from_attributes(data_set)
    counts = Counter(data_set.label_names("train"))
    few = [name for name in data_set.label_set.names if counts[name] < references]
    if few:
        listed = ", ".join(f"{name} ({counts[name]})" for name in few[:_NAMED])
        raise ValueError(
            f"{data_set.name} has too few training images of {listed}"
            f"{', ...' if len(few) > _NAMED else ''}: a sample needs {references} references of a "
            "class; add images, or choose the other classes with attributes=A,B,..."
        )
    return data_set


def _without(attribute: str) -> str:
    """Return the name of the class of images without an attribute."""
    return f"not_{attribute}"


def _from_attributes(data_set: LabelledDomain) -> LabelledDomain:
    """Return a data set whose attributes are taken for classes."""
    names = data_set.label_set.names
    if len(names) == 1:
        label_set = LabelSet((names[0], _without(names[0])), True)

        def both(values: tuple[Values, ...]) -> tuple[Values, ...]:
            return tuple((value, 1 - value) for (value,) in values)

        return replace(
            data_set, label_set=label_set, values=both(data_set.values),
            test_values=both(data_set.test_values),
        )  # fmt: skip
    train = [row for row, own in enumerate(data_set.values) if sum(own) == 1]
    test = [row for row, own in enumerate(data_set.test_values) if sum(own) == 1]
    kept = {data_set.train[row] for row in train} | {data_set.test[row] for row in test}
    out = tuple(
        LeftOut(NO_CLASS, path.name, str(path))
        for path in (*data_set.train, *data_set.test)
        if path not in kept
    )
    result = replace(
        data_set,
        label_set=LabelSet(names, True),
        train=tuple(data_set.train[row] for row in train),
        values=tuple(data_set.values[row] for row in train),
        test=tuple(data_set.test[row] for row in test),
        test_values=tuple(data_set.test_values[row] for row in test),
        left_out=(*data_set.left_out, *out),
    )
    counts = Counter(result.label_names("train"))
    if missing := [name for name in names if not counts[name]]:
        raise ValueError(
            f"no training image of {data_set.name} has {missing[0]} and none of the other classes "
            f"{', '.join(name for name in names if name != missing[0])}; choose attributes that "
            "exclude one another with attributes=A,B,..., or a single one"
        )
    return result
