"""Random styles: the codes that are drawn, and the networks that turn them into styles."""

from __future__ import annotations

from typing import NamedTuple, SupportsIndex

import torch
from torch import Tensor

from crossimage.inference.targets import EncodedTarget, repeat, select, target_names
from crossimage.methods.base import Method
from crossimage.utils.numbers import check_fraction
from crossimage.utils.seeds import fresh_seed, seeded

_MEAN_OF = 10_000  # random styles whose mean is a target's mean style


class Draw(NamedTuple):
    """The randomness of one output.

    Attributes:
        style: Its style code (1, style_dim); None for methods without styles.
        seed: Seed of the networks' own random numbers (dropout).
    """

    style: Tensor | None
    seed: int


class RandomStyles:
    """Draws the styles of a trained method.

    Args:
        networks: The trained method.
        device: Where its networks compute.
        name: Its name, for error messages.
    """

    def __init__(self, networks: Method, device: torch.device, name: str) -> None:
        self._networks, self._device, self._name = networks, device, name
        self._means: dict[object, Tensor] = {}

    @property
    def exist(self) -> bool:
        """Whether styles can be drawn at random."""
        networks = self._networks
        return bool(networks.style_dim) and not (networks.few_shot or networks.optional_style)

    @property
    def are_mapped(self) -> bool:
        """Whether a network makes them, from random codes and a target."""
        return self._networks.kind.style_from is not Method.style_from

    def check_truncation(self, truncation: float, *, given: bool = False) -> None:
        """Refuse a truncation that is not in [0, 1], or of styles that no network makes.

        Args:
            truncation: The truncation.
            given: Whether a style or a reference takes the place of random styles.

        Raises:
            ValueError: It does not apply.
        """
        check_fraction(truncation, "truncation")
        if truncation != 1 and not self.are_mapped:
            raise ValueError(
                f"this {self._name} has no network that makes styles, so there is no mean style "
                "to move them towards: leave out truncation"
            )
        if truncation != 1 and given:
            raise ValueError(
                "truncation applies to random styles, so it excludes style and reference"
            )

    def codes(self, n: int, seed: SupportsIndex | None) -> Tensor:
        """Draw random codes (n, latent_dim) on the CPU.

        Raises:
            ValueError: The method has no random styles, or ``seed`` is not a valid integer.
        """
        if self._networks.few_shot:
            raise ValueError(
                f"{self._name} has no random styles: give reference images of the class to "
                "translate to"
            )
        if self._networks.optional_style:
            raise ValueError(f"{self._name} has no random styles: give a reference image, or none")
        generator = seeded(fresh_seed() if seed is None else seed)
        length = self._networks.latent_dim
        # One by one, so that the first codes do not depend on how many follow.
        return torch.stack([torch.randn(length, generator=generator) for _ in range(n)])

    def from_codes(
        self, codes: Tensor, target: EncodedTarget | None, truncation: float = 1.0
    ) -> Tensor:
        """Return the styles (n, style_dim) of random codes (n, latent_dim).

        Args:
            codes: The codes.
            target: A letter, label vectors (1, L) or (n, L), or None if it does not matter.
            truncation: See :meth:`crossimage.Translator.sample_style`.

        Raises:
            ValueError: The target matters, and there is none.
        """
        if not self.are_mapped:
            return codes
        if target is None:
            raise ValueError(
                f"the random styles of this {self._name} depend on their domain: give one of "
                f"{', '.join(target_names(self._networks))}"
            )
        codes, styles = codes.to(self._device), []
        # One by one, so that rounding does not depend on the others.
        for i, code in enumerate(codes):
            row = min(i, len(target) - 1)
            own = select(target, slice(row, row + 1))
            with torch.no_grad():
                style = self._networks.style_from(code[None], own).float()
            if truncation != 1:
                style = torch.lerp(self._mean(own), style, truncation)
            styles.append(style)
        return torch.cat(styles)

    def _mean(self, target: EncodedTarget) -> Tensor:
        """Return the mean style (1, style_dim) of a letter or of a label vector (1, L)."""
        key = target if isinstance(target, str) else tuple(target[0].tolist())
        if key not in self._means:
            generator = torch.Generator().manual_seed(0)
            codes = torch.randn(_MEAN_OF, self._networks.latent_dim, generator=generator)
            many = repeat(target, _MEAN_OF)
            with torch.no_grad():
                styles = self._networks.style_from(codes.to(self._device), many).float()
            self._means[key] = styles.mean(0, keepdim=True)
        return self._means[key]
