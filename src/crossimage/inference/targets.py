"""Targets: what images are translated to, as users name it and as networks take it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import torch
from torch import Tensor

from crossimage.labels import Labels, To
from crossimage.methods.base import Method
from crossimage.utils.names import did_you_mean, look_up

EncodedTarget = str | Tensor
"""A target in the form that networks take: a domain's letter, or label vectors (N, L)."""


@dataclass(frozen=True, eq=False)
class Target:
    """What images are translated to.

    Attributes:
        to: The exact name of a domain or label, values by label, or label vectors.
        letter: Letter of the domain of outputs and references.
        source: Letter of the domain of inputs.
        labels: The labels, where networks take these.
        device: The device of the networks.
    """

    to: To
    letter: str
    source: str
    labels: Labels | None = field(repr=False)
    device: torch.device = field(repr=False)

    def encode(self, count: int) -> EncodedTarget:
        """Return the target of ``count`` images as the networks take it.

        Raises:
            ValueError: A label is unknown, or the label vectors are of another number or length.
        """
        if self.labels is None:
            return self.letter
        return self.labels.vectors(self.to, count).to(self.device)


class Targets:
    """Finds the targets of a trained method.

    Args:
        networks: The trained method.
        device: Where its networks compute.
        name: Its name, for error messages.
    """

    def __init__(self, networks: Method, device: torch.device, name: str) -> None:
        self._networks, self._device, self._name = networks, device, name

    @property
    def domains(self) -> tuple[str, ...]:
        """Names of the domains."""
        return self._networks.config.domains or self._networks.letters

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the domains, or labels, that images can be translated to."""
        return target_names(self._networks)

    def letter(self, domain: object) -> str:
        """Return the method's letter for a domain's name.

        Raises:
            ValueError: The domain is unknown.
        """
        letters = self._networks.letters
        if self._networks.labels or self._networks.few_shot:
            return letters[0]
        return letters[domain_index(domain, self.domains)]

    def find(self, to: To | None) -> Target:
        """Return a target; the only or the second domain if omitted.

        Few-shot methods have no targets of a name; theirs is the letter of their images.

        Raises:
            ValueError: The target is unknown, or the method does not translate.
        """
        networks = self._networks
        if not networks.targets:
            raise ValueError(f"this {self._name} makes images from noise only; use sample")
        if networks.few_shot:
            if to is not None and to != networks.letters[0]:
                raise ValueError(
                    f"this {self._name} translates to what the reference images show: leave out to"
                )
            return self.of(networks.letters[0])
        if networks.labels:
            if to is None:
                known = ", ".join(self.names)
                raise ValueError(
                    f"to is missing; expected some of {known}, such as --to {self.names[0]}"
                )
            if not isinstance(to, Tensor):
                networks.labels.vectors(to, 1)
            return self.of(to)
        target = self.of(self.names[-1] if to is None else to)
        if target.to not in self.names:
            raise ValueError(
                f"this {self._name} model translates only to {' and '.join(self.names)}"
            )
        return target

    def of(self, domain: To) -> Target:
        """Return a domain or labels as a target, whether or not the model translates to it."""
        networks, letter = self._networks, self.letter(domain)
        if networks.labels or networks.few_shot:
            labels = None if networks.few_shot else networks.labels
            return Target(domain, letter, letter, labels, self._device)
        source = networks.source_of(letter)
        return Target(networks.names[letter], letter, source, None, self._device)


def target_names(networks: Method) -> tuple[str, ...]:
    """Return the names of the domains, or labels, that images can be translated to."""
    if networks.labels:
        return networks.labels.names
    return tuple(networks.names[letter] for letter in networks.targets)


def domain_index(name: object, domains: Sequence[str]) -> int:
    """Return the index of a domain, whose name may differ in case.

    Raises:
        ValueError: The domain is unknown.
    """
    known = " and ".join(map(repr, domains))
    if not isinstance(name, str):
        raise ValueError(f"expected the name of a domain, {known}, found {name!r}")
    index = look_up(name, domains)
    if index is None:
        hint = did_you_mean(name, domains)
        raise ValueError(f"the model has no domain '{name}', only {known}{hint}")
    return index


def select(target: EncodedTarget, rows: slice) -> EncodedTarget:
    """Return the target of some of the images of a batch."""
    return target if isinstance(target, str) else target[rows]


def repeat(target: EncodedTarget, times: int) -> EncodedTarget:
    """Return the target of a batch that is repeated as a whole."""
    return target if isinstance(target, str) else target.repeat(times, 1)
