"""Configuration: frozen dataclasses, filled from recipes and from users' overrides.

The config class of every method derives from :class:`Config` and adds its own fields, with the
defaults of its paper. Keys are flat, except for the small groups that methods nest
(``weights.cycle``). Methods, also those outside this package, import the names below from here.
"""

from crossimage.config.base import (
    ClassesConfig,
    Companion,
    Config,
    Facts,
    SuperResolutionConfig,
    micro_batch_size,
)
from crossimage.config.building import (
    EARLIER_DEFAULTS,
    C,
    build,
    differences,
    explain_invalid,
    explain_unknown,
    flatten,
    keys,
    merged,
    to_dict,
)
from crossimage.config.fields import (
    AUGMENTATIONS,
    Areas,
    Augmentations,
    Betas,
    Channels,
    Counts,
    DataRules,
    Depth,
    DepthOrZero,
    Epochs,
    FilePath,
    Flags,
    Fraction,
    Groups,
    Half,
    Halves,
    Halvings,
    HalvingsOrZero,
    Indices,
    Items,
    ItemsOrZero,
    Layout,
    Letter,
    Names,
    NonNegativeFloat,
    NonNegativeInt,
    PositiveFloat,
    PositiveInt,
    Range,
    Ranges,
    Share,
    Shares,
    Side,
    SideOrZero,
    Size,
    Width,
    WidthOrZero,
    Workers,
    settings,
)
from crossimage.config.yaml_files import read_yaml, write_yaml

# fmt: off
__all__ = [
    "AUGMENTATIONS", "Areas", "Augmentations", "Betas", "C", "Channels", "ClassesConfig",
    "Companion",
    "Config", "Counts", "DataRules", "Depth", "DepthOrZero", "EARLIER_DEFAULTS", "Epochs",
    "Facts", "FilePath", "Flags", "Fraction", "Groups", "Half", "Halves", "Halvings",
    "HalvingsOrZero", "Indices", "Items", "ItemsOrZero", "Layout", "Letter", "Names",
    "NonNegativeFloat", "NonNegativeInt", "PositiveFloat", "PositiveInt", "Range", "Ranges",
    "Share", "Shares", "Side", "SideOrZero", "Size", "SuperResolutionConfig", "Width",
    "WidthOrZero", "Workers", "build", "differences", "explain_invalid", "explain_unknown",
    "flatten", "keys", "merged", "micro_batch_size", "read_yaml", "settings", "to_dict",
    "write_yaml",
]
# fmt: on
