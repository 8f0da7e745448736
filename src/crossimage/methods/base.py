"""What a translation method is: players, a training step of moves, and a translation.

A method knows its networks, its losses and how it translates. It knows nothing of optimizers,
devices, precision, processes, files or the command line; the trainer and the translator do.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, ClassVar

import torch
from torch import Tensor, nn

from crossimage.config import Config as BaseConfig
from crossimage.config import Layout
from crossimage.labels import Labels
from crossimage.utils.contact_sheet import Panel


@dataclass
class Update:
    """One move: the player whose parameters move, and the loss terms it descends.

    Attributes:
        player: A name from :meth:`Method.players`.
        losses: Raw scalar terms; ``config.weights`` holds a weight of the same name for each.
    """

    player: str
    losses: dict[str, Tensor]


class Noise:
    """Standard normal noise that belongs to the samples, not to how a step is cut into batches.

    Every draw is made for all ``total`` samples of the training step and then cut to the rows at
    hand, so that micro-batches and several processes see together what one big batch would see.

    Args:
        seed: Seed of the draws; the same for all parts of one training step.
        total: Samples of the whole step.
        rows: The samples at hand.
        device: Where the draws are made.
    """

    def __init__(self, seed: int, total: int, rows: slice, device: torch.device | str) -> None:
        self.total, self.rows = total, rows
        self.generator = torch.Generator(device).manual_seed(seed)

    def __call__(self, *shape: int) -> Tensor:
        """Draw noise of shape (rows, *shape); every call draws anew."""
        device = self.generator.device
        draws = torch.randn(self.total, *shape, generator=self.generator, device=device)
        return draws[self.rows]


@dataclass
class Batch:
    """What a training step sees.

    Attributes:
        images: One float tensor (N, C, H, W) in [-1, 1] a domain, under the method's letters; of
            a paired method, row n of all domains is one pair.
        noise: The step's source of random codes.
        labels: Class numbers (N,) of the images of the method's ``labelled`` domains. With the
            layout ``labelled``: label vectors (N, L) under ``"x"``, and under ``"target"`` those
            of other random images of the same data set.
        step: How many steps were made before; tells methods of several stages where they are.
    """

    images: dict[str, Tensor]
    noise: Noise
    labels: dict[str, Tensor] = field(default_factory=dict)
    step: int = 0


class Method(ABC, nn.Module):
    """A translation method: one paper.

    Args:
        config: The paper's hyper-parameters.
        training: Build the players that only training needs too, such as discriminators.

    Attributes:
        Config: The config class; its defaults are the paper's.
        letters: The paper's subscripts of the domains, in the order of ``config.domains``; the
            one letter ``"x"`` where images of all domains are drawn alike.
        layout: Which images the method learns from.
        labels: The labels that tell an image's domain, for the layout ``labelled``.
        labelled: Letters of the domains whose images training needs the classes of; see
            :meth:`needs_labels`.
        run_settings: Settings that belong to a run rather than to the networks: a run that starts
            from a model does not inherit them.
        targets: Letters of the domains that can be translated to; none where images are made of
            noise alone.
        upscales: How many times as high and wide as its input a translation is.
        style_dim: Length of a style code; 0 for methods without.
        stochastic: Whether translation draws random numbers of its own (dropout), so that it has
            several answers an input without a style code.
        batch_multiple: The images that a process sees at a time must be a multiple of this.
        conditional: Whether discriminators judge an image together with the input it belongs to.
        multiple: Height and width of images to translate must be multiples of this many pixels.
        min_size: Least height and width of images to translate.
        min_style_size: Least height and width of an image whose style is encoded.
        fixed_size: Height and width of all images where the networks know no other.
        player_order: Names of all players, each that of a module, in the order of their moves.
        inference_players: Names of the players whose weights translate: what a model file holds.
    """

    Config: ClassVar[type[BaseConfig]]
    letters: ClassVar[tuple[str, ...]] = ("a", "b")
    player_order: ClassVar[tuple[str, ...]] = ("discriminators", "generators")
    inference_players: ClassVar[tuple[str, ...]] = ("generators",)
    layout: ClassVar[Layout] = "unpaired"
    labelled: ClassVar[tuple[str, ...]] = ()
    run_settings: ClassVar[tuple[str, ...]] = ()
    batch_multiple: ClassVar[int] = 1
    conditional: ClassVar[bool] = False
    targets: tuple[str, ...] = ("a", "b")
    labels: Labels | None = None
    upscales: int = 1
    style_dim: int = 0
    stochastic: bool = False
    multiple: int = 1
    min_size: int = 1
    min_style_size: int = 1
    fixed_size: tuple[int, int] | None = None
    config: BaseConfig

    @abstractmethod
    def __init__(self, config: Any, *, training: bool = True) -> None:
        super().__init__()
        self.config = config

    @classmethod
    def needs_labels(cls, config: Any) -> tuple[str, ...]:
        """Letters of the domains whose images training with a config needs the classes of."""
        return cls.labelled

    @property
    def names(self) -> dict[str, str]:
        """The domains' names by their letters."""
        return dict(zip(self.letters, self.config.domains or self.letters, strict=True))

    def players(self) -> dict[str, nn.Module]:
        """The modules whose parameters move together, by the player's name; those there are."""
        return {name: getattr(self, name) for name in self.player_order if hasattr(self, name)}

    def build_fixed_networks(self) -> None:  # noqa: B027 - most methods have none
        """Build the pretrained networks that only the training step needs.

        Raises:
            ValueError: A file of weights is unusable.
            FileNotFoundError: Weights are missing.
        """

    def tensors(self, *players: str) -> dict[str, Tensor]:
        """Weights and buffers of some players (default: all) by their names in the method.

        Fixed networks, which no player moves, are left out.
        """
        modules = self.players()
        moved = {
            id(tensor)
            for name in players or modules
            for tensor in modules[name].state_dict(keep_vars=True).values()
        }
        state = self.state_dict(keep_vars=True)
        return {name: tensor.detach() for name, tensor in state.items() if id(tensor) in moved}

    def memory(self) -> dict[str, Tensor]:
        """Buffers, by their names in the method, that only training carries from step to step.

        Every process of a run has its own; a checkpoint keeps all of them.
        """
        return {}

    @abstractmethod
    def training_step(self, batch: Batch) -> Iterator[Update]:
        """Yield the step's moves, with the same loss terms at every step of a stage.

        Never yield inside a context manager.
        """

    @abstractmethod
    def translate(self, x: Tensor, to: Any, style: Tensor | None = None) -> Tensor:
        """Translate images to another domain.

        Args:
            x: Images (N, C, H, W) in [-1, 1].
            to: Letter of the target domain; label vectors (N, L) of methods with labels.
            style: Style codes (N k, style_dim), k for each image; given exactly where the method
                has styles.

        Returns:
            Images (N k, C, H, W), the k answers of an image in a row.
        """

    @abstractmethod
    def preview(self, fixed: Batch, fresh: Noise) -> list[Panel]:
        """Panels of a sample sheet.

        Args:
            fixed: Images, labels and noise that are the same every time.
            fresh: Noise that is new every time.
        """

    def generate(self, z: Tensor) -> Tensor:
        """Images (N, C, H, W) made of codes (N, style_dim) alone."""
        raise ValueError(f"{type(self).__name__} translates images; it makes none of noise")

    def encode_style(self, x: Tensor, domain: str) -> Tensor:
        """Style codes (N, style_dim) of images of a domain."""
        raise ValueError(f"{type(self).__name__} has no style codes")

    def encode_content(self, x: Tensor, domain: str) -> Tensor:
        """Content codes (N, C, H, W) of images of a domain."""
        raise ValueError(f"{type(self).__name__} has no content codes")

    def classify(self, x: Tensor, domain: str) -> Tensor:
        """Class logits (N, classes) of images of a domain."""
        raise ValueError(f"{type(self).__name__} has no classifier")

    def discriminate(self, x: Tensor, domain: str, condition: Tensor | None = None) -> list[Tensor]:
        """Score maps of a domain's discriminator, one a scale.

        Args:
            x: Images (N, C, H, W) in [-1, 1] of the domain.
            domain: The domain's letter.
            condition: The input images that ``x`` are translations of, for discriminators that
                judge both together.
        """
        raise ValueError(f"{type(self).__name__} has no discriminator of images")
