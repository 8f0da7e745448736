"""What a translation method is: players, a training step of moves, and a translation.

A method knows its networks, its losses and how it translates. It knows nothing of optimizers,
devices, precision, processes, files or the command line; the trainer and the translator do.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Collection, Iterator
from dataclasses import dataclass, field
from typing import Any, ClassVar, Self, cast

import torch
from torch import Tensor, nn

from crossimage.config import Companion, Layout
from crossimage.config import Config as BaseConfig
from crossimage.labels import Labels
from crossimage.methods.optimizers import Adam, Optimizer
from crossimage.utils.contact_sheet import Panel


class Update:
    """One move: the players that move together, and the loss terms that they descend.

    Args:
        players: A name from :meth:`Method.players`, or several, such as
            ``("generators", "heads")``; each moves by its own optimizer.
        losses: Raw scalar terms; ``config.weights`` holds a weight of the same name for each.

    Attributes:
        players: Names of the players that move.
        player: The first of them, under whose name the terms are logged.
        losses: See above.
    """

    def __init__(self, players: str | tuple[str, ...], losses: dict[str, Tensor]) -> None:
        self.players = (players,) if isinstance(players, str) else players
        self.player = self.players[0]
        self.losses = losses


class Noise:
    """Noise that depends on the samples alone, not on how a step is split into batches.

    Every draw is made for all ``total`` samples of the training step and then cut to the current
    rows, so that micro-batches and several processes together see what one big batch would see.

    Args:
        seed: Seed of the draws; the same for all parts of one training step.
        total: Samples of the whole step.
        rows: The current samples.
        device: Device of the draws.
    """

    def __init__(self, seed: int, total: int, rows: slice, device: torch.device | str) -> None:
        self.total, self.rows = total, rows
        self.generator = torch.Generator(device).manual_seed(seed)

    def __call__(self, *shape: int) -> Tensor:
        """Draw standard normal noise of shape ``(rows, *shape)``; every call draws anew."""
        return self.shared(self.total, *shape)[self.rows]

    def uniform(self, *shape: int) -> Tensor:
        """Draw noise of shape ``(rows, *shape)``, uniform in [0, 1].

        Both ends are included: fp32 rounds values close to 1 up to it.
        """
        return torch.special.ndtr(self(*shape))

    def shared(self, *shape: int) -> Tensor:
        """Draw standard normal noise of the given shape, once for all samples of the step.

        All micro-batches and processes of the step see the same values.
        """
        device = self.generator.device
        return torch.randn(*shape, generator=self.generator, device=device)


@dataclass
class Batch:
    """Input of a training step.

    Attributes:
        images: One float tensor (N, C, H, W) in [-1, 1] per domain, by the method's letters; in a
            paired method, row n of all domains is one pair. With the layout ``classes``: also
            under ``"reference"`` and ``"reference_2"``, as many as ``Config.references``. With the
            layout ``class_pairs``: a sketch or an edge map under ``"x"``, its photo under
            ``"photo"``, and another photo under ``"real"``. Also the
            :meth:`Method.companions` by their names, except for sample sheets.
        noise: The step's source of random codes.
        labels: Class indices (N,) of the images of the method's ``labelled`` domains. With the
            layout ``labelled``: label vectors (N, L) under ``"x"``, and under ``"target"`` those
            of other random images of the same data set. With the layout ``classes``: those of the
            references under ``"target"``. With the layout ``class_pairs``: those of the pairs under
            ``"x"``, and of further photos under ``"real"``.
        step: Number of steps completed before; determines the stage of methods with several.
    """

    images: dict[str, Tensor]
    noise: Noise
    labels: dict[str, Tensor] = field(default_factory=dict)
    step: int = 0


class Method(ABC, nn.Module):
    """A translation method: one paper.

    Args:
        config: The paper's hyper-parameters.
        training: Also build the players that only training needs, such as discriminators.

    Attributes:
        Config: The config class; its defaults are the paper's.
        letters: The paper's subscripts of the domains, in the order of ``config.domains``; the
            single letter ``"x"`` if images of all domains are drawn together.
        layout: Which images the method learns from.
        labels: The labels that describe an image's domain, for the layouts ``labelled``,
            ``classes`` and ``class_pairs``.
        labelled: Letters of the domains for whose images training needs classes; see
            :meth:`needs_labels`.
        run_settings: Settings that belong to a run rather than to the networks: a run that starts
            from a model does not inherit them.
        test_settings: Settings of how networks translate, which may be changed after training; see
            :meth:`apply_test_settings`.
        targets: Letters of the domains that can be translated to: one for methods that translate
            in one direction only, none for those that generate images from noise alone.
        upscales: Height and width of a translation as multiples of its input's.
        style_dim: Length of a style code; 0 for methods without styles.
        few_shot: Whether a style is the mean style of several references that together describe
            one target, such as a class unseen in training. There are no random styles then, and no
            other way to name a target.
        optional_style: Whether images are also translated without a reference, by a style of
            zeros. There are no random styles then.
        stochastic: Whether translation itself draws random numbers (dropout), so that an input has
            several translations without a style code.
        batch_multiple: The number of images that a process sees at a time must be a multiple of
            this; see :meth:`needs_batches_of`.
        conditional: Whether discriminators score an image together with the input it belongs to.
        condition_channels: Channels of that input, which come before those of the image.
        classes: Number of classes if the images to translate are label maps; 0 otherwise.
        multiple: Height and width of images to translate must be multiples of this many pixels.
        min_size: Smallest height and width of images to translate.
        min_style_size: Smallest height and width of an image whose style is encoded.
        fixed_size: Height and width of all images if the networks take only one size.
        player_order: Names of all players, which are modules of the method, in the order of their
            moves.
        inference_players: Names of the players that translation needs. These alone are kept in a
            model file and built with ``training=False``; all others, discriminators or heads that
            move together with the generators, are trained and checkpointed only.
        inference_fixed: Names of the fixed networks that translation needs, such as a landmark
            network. They are built in ``__init__``, each time or never for a config, get their
            weights in :meth:`build_fixed_networks` and are kept in the model file. No player moves
            them, and they stay in evaluation mode, without gradients of their own.
        file_hash: The SHA-256 of the file of an exported model, whose weights are in a graph.
        bytes_per_pixel: Memory that translating an image takes, per pixel of it, for exported
            models, which translate images as a whole; None: it follows from the networks' layers.
        loaded: Names of the networks of ``inference_fixed`` whose weights are those of a model or a
            checkpoint, so that :meth:`build_fixed_networks` need not find any.
    """

    Config: ClassVar[type[BaseConfig]]
    letters: ClassVar[tuple[str, ...]] = ("a", "b")
    player_order: ClassVar[tuple[str, ...]] = ("discriminators", "generators")
    inference_players: ClassVar[tuple[str, ...]] = ("generators",)
    inference_fixed: ClassVar[tuple[str, ...]] = ()
    few_shot: ClassVar[bool] = False
    optional_style: ClassVar[bool] = False
    layout: ClassVar[Layout] = "unpaired"
    labelled: ClassVar[tuple[str, ...]] = ()
    run_settings: ClassVar[tuple[str, ...]] = ()
    test_settings: ClassVar[tuple[str, ...]] = ()
    batch_multiple: ClassVar[int] = 1
    conditional: ClassVar[bool] = False
    targets: tuple[str, ...] = ("a", "b")
    labels: Labels | None = None
    upscales: int = 1
    style_dim: int = 0
    stochastic: bool = False
    condition_channels: int = 0
    classes: int = 0
    multiple: int = 1
    min_size: int = 1
    min_style_size: int = 1
    fixed_size: tuple[int, int] | None = None
    file_hash: str = ""
    bytes_per_pixel: float | None = None
    loaded: tuple[str, ...] = ()
    config: BaseConfig

    @abstractmethod
    def __init__(self, config: Any, *, training: bool = True) -> None:
        super().__init__()
        self.config = config

    @classmethod
    def needs_labels(cls, config: Any) -> tuple[str, ...]:
        """Return the letters of the domains whose classes training with a config needs."""
        return cls.labelled

    @classmethod
    def has_direction(cls, config: Any) -> bool:
        """Return whether training with a config treats its domains differently.

        If so, data whose folders are not called like the domains of a recipe is refused, since a
        wrong order would train the wrong direction.
        """
        one_way = len(cls.targets) < 2 or cls.layout == "paired"
        return one_way or bool(cls.needs_labels(config))

    @classmethod
    def companions(cls, config: Any) -> dict[str, Companion]:
        """Return the further images that each training sample has, by name; by default none.

        For the layout ``unpaired``. They are found under these names in ``Batch.images``.
        """
        return {}

    @classmethod
    def data_needs(cls, config: Any, chosen: Collection[str]) -> dict[str, Any]:
        """Return what ``find_source`` must know of the method, as its keyword arguments.

        Args:
            config: The settings of the training.
            chosen: Names of the settings that the user has chosen.
        """
        return {
            "layout": cls.layout,
            "class_letters": cls.needs_labels(config),
            "companions": cls.companions(config),
            "flexible": "domains" not in chosen and not cls.has_direction(config),
        }

    @classmethod
    def needs_batches_of(cls, config: Any) -> int:
        """Return what the number of images that a process sees must be a multiple of."""
        return cls.batch_multiple

    @property
    def kind(self) -> type[Method]:
        """The class of the method; of an exported model, that of the method it was."""
        return type(self)

    @property
    def names(self) -> dict[str, str]:
        """Names of the domains by letter."""
        return dict(zip(self.letters, self.config.domains or self.letters, strict=True))

    @property
    def channels(self) -> dict[str, int]:
        """Image channels of the domains by letter."""
        return dict(zip(self.letters, self.config.channels, strict=True))

    def other(self, letter: str) -> str:
        """Return the letter of the other one of two domains."""
        first, second = self.letters
        return first if letter == second else second

    def source_of(self, target: str) -> str:
        """Return the letter of the images that are translated to those of a letter."""
        return target if len(self.letters) == 1 else self.other(target)

    def players(self) -> dict[str, nn.Module]:
        """Return the players that are built, each a module whose parameters move together."""
        return {name: getattr(self, name) for name in self.player_order if hasattr(self, name)}

    def fixed(self) -> dict[str, nn.Module]:
        """Return the networks of ``inference_fixed`` that are built."""
        return {name: getattr(self, name) for name in self.inference_fixed if hasattr(self, name)}

    def train(self, mode: bool = True) -> Self:
        """Switch to training or evaluation mode, in which the fixed networks always are."""
        super().train(mode)
        for network in self.fixed().values():
            network.eval()
        return self

    def loss_weights(self, step: int) -> object:
        """Return the weights of the loss terms, one attribute each; by default the config's.

        Args:
            step: Number of steps completed before.
        """
        return cast(Any, self.config).weights

    def rate_factor(self, step: int) -> float:
        """Return what multiplies all learning rates besides the config's decay; by default 1.

        Args:
            step: Number of steps completed before.
        """
        return 1.0

    def optimizers(self) -> dict[str, Optimizer]:
        """Return the optimizer of each player; by default Adam with the config's settings.

        The decay of the learning rate multiplies the rates of all players by the same factor.
        """
        c = self.config
        adam = Adam(c.learning_rate, c.betas, c.weight_decay)
        return dict.fromkeys(self.players(), adam)

    def build_fixed_networks(self) -> None:  # noqa: B027 - most methods have none
        """Build the pretrained networks that only the training step needs.

        The networks of ``inference_fixed`` are built already; unless they are ``loaded``, this
        loads their weights.

        Raises:
            ValueError: A file of weights is unusable.
            FileNotFoundError: Weights are missing.
        """

    def discriminator_networks(self) -> list[nn.Module]:
        """Return the networks that are called with images to score.

        By default ``discriminators`` is one of them, or holds them by name.
        """
        network = self.get_submodule("discriminators")
        return list(network.values()) if isinstance(network, nn.ModuleDict) else [network]

    def tensors(self, *players: str) -> dict[str, Tensor]:
        """Return the weights and buffers of some networks by their names in the method.

        Args:
            players: Names of players or of fixed networks that translation needs; by default all.
                Other fixed networks are left out.
        """
        modules = self.players() | self.fixed()
        moved = {
            id(tensor)
            for name in players or modules
            for tensor in modules[name].state_dict(keep_vars=True).values()
        }
        state = self.state_dict(keep_vars=True)
        return {name: tensor.detach() for name, tensor in state.items() if id(tensor) in moved}

    def memory(self) -> dict[str, Tensor]:
        """Return the buffers, by name, that only training carries from step to step.

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
            to: Letter of the target domain; label vectors (N, L) for methods with labels.
            style: Style codes (N k, style_dim), k per image; given if and only if the method has
                styles.

        Returns:
            Images (N k, C, H, W), the k translations of an image in a row. Values outside [-1, 1]
            are clipped wherever they are shown, written or measured.
        """

    @abstractmethod
    def preview(self, fixed: Batch, fresh: Noise) -> list[Panel]:
        """Return the panels of a sample sheet.

        Args:
            fixed: Images, labels and noise that are the same every time. Of pairs, test images
                may lack their partners.
            fresh: Noise that is new every time.
        """

    def panel(self, source: str, target: str, columns: list[tuple[str, Tensor]]) -> Panel:
        """Return a panel titled with the names of the two domains, from their letters."""
        return Panel(f"{self.names[source]} to {self.names[target]}", columns)

    def generate(self, z: Tensor) -> Tensor:
        """Generate images (N, C, H, W) from codes (N, style_dim) alone."""
        raise ValueError(f"{type(self).__name__} translates images; it cannot generate from noise")

    @property
    def latent_dim(self) -> int:
        """Length of the random codes that styles are made from; by default they are the styles."""
        return self.style_dim

    def style_from(self, z: Tensor, to: Any) -> Tensor:
        """Map random codes (N, latent_dim) to styles (N, style_dim); by default, the same codes.

        Args:
            z: Codes, standard normal.
            to: The target, as in :meth:`translate`.
        """
        return z

    def encode_style(self, x: Tensor, domain: Any) -> Tensor:
        """Encode images of a domain into style codes (N, style_dim).

        Args:
            x: Images (N, C, H, W) in [-1, 1].
            domain: Their domain, in the form of :meth:`translate`'s target.
        """
        raise ValueError(f"{type(self).__name__} has no style codes")

    @property
    def encodes_styles(self) -> bool:
        """Whether the method encodes images into style codes."""
        return self.kind.encode_style is not Method.encode_style

    def encode_content(self, x: Tensor, domain: str) -> Tensor:
        """Encode images of a domain into content codes (N, C, H, W)."""
        raise ValueError(f"{type(self).__name__} has no content codes")

    def classify(self, x: Tensor, domain: str) -> Tensor:
        """Return class logits (N, classes) of images of a domain."""
        raise ValueError(f"{type(self).__name__} has no classifier")

    def discriminate(self, x: Tensor, domain: str, condition: Tensor | None = None) -> list[Tensor]:
        """Return the score maps (N, 1, h, w) of a domain's discriminator, one per scale.

        By default ``discriminators`` is one network for all images, or holds one per domain under
        the domain's letter. The finest scale comes first.

        Args:
            x: Images (N, C, H, W) in [-1, 1] of the domain.
            domain: The domain's letter.
            condition: The input images that ``x`` are translations of, for discriminators that
                score both together.

        Raises:
            ValueError: The domain has no discriminator, or it is not loaded.
        """
        self.check_discriminators()
        network = self.get_submodule("discriminators")
        if isinstance(network, nn.ModuleDict):
            if domain not in network:
                raise ValueError(
                    f"{type(self).__name__} has no discriminator of {self.names[domain]}"
                )
            network = network[domain]
        return network(x)

    def apply_test_settings(self) -> None:
        """Let the networks follow those settings of the config that ``test_settings`` names."""

    def check_discriminators(self) -> None:
        """Refuse to score images without discriminators.

        Raises:
            ValueError: The method has none, or they are not loaded.
        """
        if "discriminators" not in self.player_order:
            raise ValueError(f"{type(self).__name__} has no discriminators")
        if "discriminators" not in self.players():
            raise ValueError(
                "the model was loaded without its discriminators; use "
                "load(path, discriminators=True) on the run folder"
            )


def repeat_per_style(x: Tensor, style: Tensor) -> Tensor:
    """Repeat each of N images or feature maps k times in a row, for N k style codes."""
    times = style.shape[0] // x.shape[0]
    return x if times == 1 else x.repeat_interleave(times, 0)  # which would lose the memory layout
