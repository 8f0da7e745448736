"""The options of the official CycleGAN, pix2pix and BicycleGAN code, as ``train_opt.txt`` has them.

Settings that the tensors determine are compared with the options; all others are taken from them.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from crossimage.interop.mapping import MismatchError
from crossimage.utils.reading import read_text
from crossimage.utils.texts.yaml_text import parse_yaml

_LINE = re.compile(r"\s*(\w+): (.*?)(?:\s+\[default: .*\])?\s*")
_NAMES = {
    "ngf": "width",
    "ndf": "discriminator.width",
    "nef": "encoder_width",
    "nz": "style_dim",
}
_DIRECTIONS = {"AtoB": "a-to-b", "BtoA": "b-to-a", "a-to-b": "a-to-b", "b-to-a": "b-to-a"}


def read_options(path: Path) -> dict[str, Any]:
    """Read a file of options such as ``train_opt.txt``.

    Raises:
        OSError: It cannot be opened.
        ValueError: It holds no options.
    """
    values: dict[str, Any] = {}
    for line in read_text(path, errors="replace").splitlines():
        if match := _LINE.fullmatch(line):
            values[match[1]] = _value(match[2])
    if not values:
        raise ValueError(f"{path} holds no options; expected lines such as 'netG: resnet_9blocks'")
    return values


def _value(text: str) -> Any:
    try:
        value = parse_yaml(text)
    except ValueError:
        return text
    return value if isinstance(value, bool | int | float) else text


def expected_shapes(config: Mapping[str, Any]) -> dict[str, Any]:
    """Return the settings of the networks that options tell, by dotted name."""
    expected = {ours: config[theirs] for theirs, ours in _NAMES.items() if theirs in config}
    name = str(config.get("netG", ""))
    if match := re.fullmatch(r"resnet_([0-9]{1,6})blocks", name):
        expected |= {"generator": "resnet", "residual_blocks": int(match[1])}
    if match := re.fullmatch(r"unet_([0-9]{1,6})", name):
        expected |= {"generator": "unet", "downsamples": int(match[1]).bit_length() - 1}
    if config.get("netD") in ("basic", "n_layers"):
        layers = config.get("n_layers_D") if config["netD"] == "n_layers" else 3
        expected["discriminator.layers"] = layers
    if config.get("netD") == "pixel":
        expected["discriminator.layers"] = 0
    return expected


def check_shapes(
    config: Mapping[str, Any], shapes: Mapping[str, Any], channels: tuple[int, int]
) -> None:
    """Refuse options that the tensors contradict.

    Args:
        config: The options.
        shapes: Settings that the tensors determine, by dotted name.
        channels: Channels of the generator's input and output images.

    Raises:
        MismatchError: An option and the tensors differ.
    """
    found = {"input_nc": channels[0], "output_nc": channels[1]}
    for key, number in found.items():
        if config.get(key, number) != number:
            raise MismatchError(f"the options say {key}={config[key]}, and the tensors {number}")
    for key, value in expected_shapes(config).items():
        if key in shapes and shapes[key] != value:
            raise MismatchError(
                f"the options say {key}={value}, and the tensors {key}={shapes[key]}"
            )
    norm, has = config.get("norm"), str(shapes.get("norm"))
    if norm in ("instance", "batch", "none") and not has.endswith(norm):
        raise MismatchError(f"the options say norm={norm}, and the tensors norm={has}")
    dropout = shapes.get("dropout")
    if dropout is not None and config.get("no_dropout", not dropout) != (not dropout):
        raise MismatchError(
            f"the options say no_dropout={config['no_dropout']}, and the tensors dropout={dropout}"
        )


def choose_direction(
    options: Mapping[str, str], config: Mapping[str, Any] | None
) -> tuple[str, list[str]]:
    """Return the direction in our terms, and a note on it unless it is the published one.

    Raises:
        ValueError: It is neither ``AtoB`` nor ``BtoA``.
    """
    for origin, given in (("key=value", options), ("the config file", config or {})):
        if "direction" in given:
            name = str(given["direction"])
            if name not in _DIRECTIONS:
                raise ValueError(f"direction must be AtoB or BtoA, found '{name}'")
            return _DIRECTIONS[name], [f"from {origin}: direction={name}"]
    return "a-to-b", []


def choose_test_mode(
    options: Mapping[str, str], config: Mapping[str, Any] | None, norm: str, dropout: str | float
) -> tuple[str, str]:
    """Return ``test_mode``, and a note that says which it is and why.

    Args:
        options: Options of the import.
        config: The official options, if there are any.
        norm: The norm of the generator.
        dropout: Its dropout rate.
    """
    mode, why = "train", "as in the official test script without --eval"
    if config and config.get("eval") is True:
        mode, why = "eval", "since the test options of the run say eval: True"
    if "test_mode" in options:
        mode, why = options["test_mode"], "from key=value"
    batch, drops = norm == "batch", str(dropout) not in ("0", "0.0")
    norms = {"train": "each image's own statistics", "eval": "running statistics"}.get(mode, "")
    parts = [f"{norms} in batch norms"] * batch
    parts += ["dropout" if mode == "train" else "no dropout"] * drops
    effect = " and ".join(parts)
    if not parts:
        effect = "without effect on this network, which has neither batch norms nor dropout"
    elif mode == "train":
        effect += "; test_mode=eval changes that"
    return mode, f"test_mode={mode}, {why}: {effect}"
