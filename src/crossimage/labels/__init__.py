"""Labels of images: their names, the vectors that hold them, and the settings about them."""

from crossimage.labels.names import To, check_names, label_index, parse_target
from crossimage.labels.settings import (
    EVERY_COLUMN,
    ClassPairsConfig,
    LabelledConfig,
    LabelValues,
    ReferencesConfig,
)
from crossimage.labels.vectors import Labels, LabelSet

__all__ = [
    "ClassPairsConfig",
    "EVERY_COLUMN",
    "LabelSet",
    "LabelValues",
    "LabelledConfig",
    "Labels",
    "ReferencesConfig",
    "To",
    "check_names",
    "label_index",
    "parse_target",
]
