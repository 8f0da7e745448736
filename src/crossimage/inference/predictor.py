"""Targets, styles, seeds and translations of a trained method, from tensors to tensors."""

from __future__ import annotations

import warnings
from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from contextvars import ContextVar
from pathlib import Path
from typing import Literal, NamedTuple, SupportsIndex, get_args

import torch
from torch import Tensor

from crossimage.config import Config
from crossimage.data.images.resize import pad_to, resize_to_cover
from crossimage.inference.inputs import domain_index
from crossimage.inference.strips.engine import StripEngine
from crossimage.inference.strips.statistics import OWN, FixedStatistics
from crossimage.inference.strips.whole import WholeImages
from crossimage.labels import To
from crossimage.methods import METHODS
from crossimage.methods.base import Method
from crossimage.networks.layers.convolution import arrange
from crossimage.utils.arguments import find_device, has_bf16, seed_number, seeded, whole
from crossimage.utils.memory import is_out_of_memory
from crossimage.utils.seeds import OwnRandomNumbers, fresh_seed, seed_of

__all__ = ["Draw", "Precision", "Predictor", "Target"]

Precision = Literal["fp32", "bf16"]

Target = str | Tensor
"""A target in the form that networks take: a domain's letter, or label vectors (N, L)."""

_MEAN_OF = 10_000  # random styles whose mean is a domain's mean style

_MIN_SIZE = 4  # pixels per side, for layers that pad by reflecting three pixels


_warned: set[str] = set()  # types of devices whose emulation of bf16 was reported

_FIXED: ContextVar[Mapping[int, WholeImages] | None] = ContextVar("fixed statistics", default=None)
"""What translates with fixed statistics in this thread, by the ``id`` of its predictor."""


class Draw(NamedTuple):
    """The randomness of one output.

    Attributes:
        style: Its style code (1, style_dim); None for methods without styles.
        seed: Seed of the networks' own random numbers (dropout).
    """

    style: Tensor | None
    seed: int


class Predictor:
    """A trained method on a device, ready to translate batches of tensors.

    :class:`crossimage.Translator` adds the interface for users; functions that translate data sets
    or files take a predictor.

    Args:
        networks: The trained method.
        device: Where the networks compute; ``auto`` is the GPU if there is one.
        precision: Arithmetic of translations, ``fp32`` or ``bf16``. Outputs are float32 either way.
        memory: Memory that translations may take: an amount such as ``2GB``, of this process on the
            CPU and of its tensors on a GPU, or ``auto``, what is free. Images that do not fit as a
            whole are translated in strips of rows, with the same results.

    Attributes:
        networks: The trained method, an ``nn.Module`` in evaluation mode.
        device: Where the networks compute.
        precision: Arithmetic of translations.
        strips: Translates what does not fit in memory as a whole.

    Raises:
        ValueError: The device or the precision does not exist, or the memory is not an amount.
    """

    _run_folder: Path | None = None  # where the model was loaded from, if from a run

    def __init__(
        self,
        networks: Method,
        device: str | torch.device = "auto",
        precision: Precision = "fp32",
        memory: str = "auto",
    ) -> None:
        if precision not in get_args(Precision):
            raise ValueError(f"precision must be fp32 or bf16, found {precision!r}")
        self.device, self.precision = find_device(device), precision
        if precision == "bf16":
            _warn_of_emulation(self.device)
        self.networks = networks.to(self.device).eval().requires_grad_(False)
        self._mean_styles: dict[object, Tensor] = {}
        if precision == "bf16":  # whose convolutions prefer this memory layout
            arrange(self.networks)
        self.strips = StripEngine(
            self.networks, self.device, bf16=precision == "bf16", memory=memory, name=self.method,
            smallest=_MIN_SIZE,
        )  # fmt: skip

    @property
    def method(self) -> str:
        """Name of the method, such as ``munit``; its class's name if it is not registered."""
        cls = self.networks.kind
        return next((name for name, known in METHODS.items() if known is cls), cls.__name__)

    @property
    def config(self) -> Config:
        """The frozen configuration that the model was trained with."""
        return self.networks.config

    @property
    def domains(self) -> tuple[str, ...]:
        """Names of the domains."""
        return self.config.domains or self.networks.letters

    @property
    def targets(self) -> tuple[str, ...]:
        """Names of the domains, or labels, that images can be translated to."""
        networks = self.networks
        if networks.labels:
            return networks.labels.names
        return tuple(networks.names[letter] for letter in networks.targets)

    @property
    def has_prior(self) -> bool:
        """Whether styles can be drawn at random."""
        networks = self.networks
        return bool(networks.style_dim) and not (networks.few_shot or networks.optional_style)

    @property
    def multimodal(self) -> bool:
        """Whether an input has many random outputs, by style or by the networks' own noise."""
        return self.has_prior or self.networks.stochastic

    @property
    def maps_codes(self) -> bool:
        """Whether random styles are made by a network, from random codes and a target."""
        return self.networks.kind.style_from is not Method.style_from

    def letter(self, domain: object) -> str:
        """Return the method's letter for a domain's name.

        Raises:
            ValueError: The domain is unknown.
        """
        letters = self.networks.letters
        if self.networks.labels or self.networks.few_shot:
            return letters[0]
        return letters[domain_index(domain, self.domains)]

    def source_letter(self, to: To) -> str:
        """Return the letter of the domain whose images are translated to a target."""
        letters = self.networks.letters
        if len(letters) == 1:
            return letters[0]
        assert isinstance(to, str) and len(letters) == 2
        return letters[1 - letters.index(self.letter(to))]

    def channels(self, letter: str) -> int:
        """Return the number of channels of a domain's images."""
        return self.config.channels[self.networks.letters.index(letter)]

    def resolve_target(self, to: To | None) -> To:
        """Return a target by its exact name; the only or the second domain if omitted.

        Few-shot methods have no targets of a name; theirs is the letter of their images.

        Raises:
            ValueError: The target is unknown, or the method does not translate.
        """
        networks = self.networks
        if not networks.targets:
            raise ValueError(f"this {self.method} makes images from noise only; use sample")
        if networks.few_shot:
            if to is not None and to != networks.letters[0]:
                raise ValueError(
                    f"this {self.method} translates to what the reference images show: leave out to"
                )
            return networks.letters[0]
        if networks.labels:
            if to is None:
                raise ValueError(f"to is missing; expected some of {', '.join(self.targets)}")
            if not isinstance(to, Tensor):
                networks.labels.vectors(to, 1)
            return to
        if to is None:
            return self.targets[-1]
        name = networks.names[self.letter(to)]
        if name not in self.targets:
            raise ValueError(
                f"this {self.method} model translates only to {' and '.join(self.targets)}"
            )
        return name

    def encode_target(self, to: To, count: int) -> Target:
        """Return the target of ``count`` images as the networks take it.

        Raises:
            ValueError: The domain or label is unknown.
        """
        if self.networks.few_shot:
            return self.networks.letters[0]
        if self.networks.labels:
            return self.networks.labels.vectors(to, count).to(self.device)
        return self.letter(to)

    def fit_size(self, x: Tensor) -> Tensor:
        """Resize and center-crop images (N, C, H, W) if the networks accept only one size."""
        size = self.networks.fixed_size
        return x if size is None else resize_to_cover(x, size)

    def pad(self, x: Tensor) -> tuple[Tensor, slice, slice]:
        """Pad images (N, C, H, W) to a size that the networks take.

        Returns:
            The padded images, and the rows and columns that hold the originals.
        """
        return pad_to(x, self.networks.multiple, max(self.networks.min_size, _MIN_SIZE))

    def sample_style(
        self,
        n: int,
        domain: To | None = None,
        seed: SupportsIndex | None = None,
        *,
        truncation: float = 1.0,
    ) -> Tensor:
        """Sample style codes (n, style_dim) from the prior, on the CPU.

        Args:
            n: Number of codes, at least 1.
            domain: The domain the codes are meant for: its name, or a target as for translation.
                Needed by methods whose random styles are made by a network (StarGAN v2).
            seed: Makes the codes reproducible; the first ones are the same for every ``n``.
            truncation: How far styles are from the domain's mean style, as a share of their own
                distance from it, in [0, 1]: lower values give fewer and more typical styles. For
                methods whose random styles are made by a network.

        Raises:
            ValueError: The domain is unknown or missing, the method has no random styles, ``n`` or
                ``seed`` is not a valid integer, or the truncation does not apply.
        """
        self.require_styles()
        self.check_truncation(truncation)
        count = whole(n, "n", 1)
        if domain is None:
            target = None
        elif self.networks.labels:
            target = self.encode_target(domain, count)
        else:
            target = self.letter(domain)
        codes = self._codes(count, seed)
        return self._styles_of(codes, target, truncation).cpu()

    def check_truncation(self, truncation: float) -> None:
        """Refuse a truncation that is not in [0, 1], or of styles that no network makes.

        Raises:
            ValueError: It does not apply.
        """
        if isinstance(truncation, bool) or not isinstance(truncation, int | float):
            raise ValueError(f"truncation must be a number from 0 to 1, found {truncation!r}")
        if not 0 <= truncation <= 1:
            raise ValueError(f"truncation must be a number from 0 to 1, found {truncation:g}")
        if truncation != 1 and not self.maps_codes:
            raise ValueError(
                f"this {self.method} has no network that makes styles, so there is no mean style "
                "to move them towards: leave out truncation"
            )

    def _codes(self, n: int, seed: SupportsIndex | None) -> Tensor:
        """Draw random codes (n, latent_dim) on the CPU."""
        if self.networks.few_shot:
            raise ValueError(
                f"{self.method} has no random styles: give reference images of the class to "
                "translate to"
            )
        if self.networks.optional_style:
            raise ValueError(f"{self.method} has no random styles: give a reference image, or none")
        generator = seeded(fresh_seed() if seed is None else seed)
        length = self.networks.latent_dim
        # One by one, so that the first codes do not depend on how many follow.
        return torch.stack([torch.randn(length, generator=generator) for _ in range(n)])

    def _styles_of(self, codes: Tensor, target: Target | None, truncation: float = 1.0) -> Tensor:
        """Return the styles (n, style_dim) of random codes (n, latent_dim).

        Args:
            codes: The codes.
            target: A letter, label vectors (1, L) or (n, L), or None if it does not matter.
            truncation: See :meth:`sample_style`.
        """
        if not self.maps_codes:
            return codes
        if target is None:
            raise ValueError(
                f"the random styles of this {self.method} depend on their domain: give one of "
                f"{', '.join(self.targets)}"
            )
        codes, styles = codes.to(self.device), []
        # One by one, so that rounding does not depend on the others.
        for i, code in enumerate(codes):
            own = target if isinstance(target, str) else target[min(i, len(target) - 1)][None]
            with torch.no_grad():
                style = self.networks.style_from(code[None], own).float()
            if truncation != 1:
                style = torch.lerp(self._mean_style(own), style, truncation)
            styles.append(style)
        return torch.cat(styles)

    def _mean_style(self, target: Target) -> Tensor:
        """Return the mean style (1, style_dim) of a letter or of a label vector (1, L)."""
        key = target if isinstance(target, str) else tuple(target[0].tolist())
        if key not in self._mean_styles:
            generator = torch.Generator().manual_seed(0)
            codes = torch.randn(_MEAN_OF, self.networks.latent_dim, generator=generator)
            many = target if isinstance(target, str) else target.expand(_MEAN_OF, -1)
            with torch.no_grad():
                styles = self.networks.style_from(codes.to(self.device), many).float()
            self._mean_styles[key] = styles.mean(0, keepdim=True)
        return self._mean_styles[key]

    def reference_style(self, x: Tensor, domain: To) -> Tensor:
        """Encode the styles (N, style_dim) of images (N, C, H, W) of a domain.

        Args:
            x: The images.
            domain: Their domain: its name, or with labels a target as for translation.

        Raises:
            ValueError: The domain is unknown, or the method has no styles.
        """
        self.require_styles()
        padded, _, _ = pad_to(x, 1, max(self.networks.min_style_size, _MIN_SIZE))
        with torch.no_grad():
            return self.networks.encode_style(padded, self.encode_target(domain, len(x))).float()

    def draw(
        self, seed: int, name: str, k: int, target: Target | None = None, truncation: float = 1.0
    ) -> Draw:
        """Draw the style and the seed of one output.

        They depend on nothing else, so an output does not depend on what else is translated.

        Args:
            seed: Seed of all outputs.
            name: Name of the input, such as its file name.
            k: Index of the output among those of the input.
            target: The output's target, a letter or a label vector (1, L); needed by methods whose
                random styles are made by a network.
            truncation: See :meth:`sample_style`.
        """
        own = seed_of(seed, name, k)
        if self.networks.optional_style:
            return Draw(torch.zeros(1, self.networks.style_dim), own)
        if not self.has_prior:
            return Draw(None, own)
        return Draw(self._styles_of(self._codes(1, own), target, truncation).cpu(), own)

    def predict(self, x: Tensor, target: Target, draws: Sequence[Sequence[Draw]]) -> Tensor:
        """Translate each image several times, encoding it once.

        Args:
            x: Images (N, C, H, W) on the networks' device.
            target: The target as :meth:`encode_target` returns it.
            draws: N lists of k draws, one for each output.

        Returns:
            Float32 images (N, k, C, H, W) on the networks' device.
        """
        if self.networks.stochastic:
            # One at a time, because noise drawn for a batch would depend on all of its images.
            rows = []
            for i, own in enumerate(draws):
                row = target if isinstance(target, str) else target[i : i + 1]
                images = [
                    self.translate_batch(x[i : i + 1], row, self._join_styles([draw]), draw.seed)
                    for draw in own
                ]
                rows.append(torch.cat(images))
            return torch.stack(rows)
        y = self.translate_batch(
            x, target, self._join_styles([draw for own in draws for draw in own])
        )
        return y.reshape(len(x), -1, *y.shape[1:])

    def translate_batch(
        self,
        x: Tensor,
        target: Target,
        style: Tensor | None,
        seed: SupportsIndex | None = None,
    ) -> Tensor:
        """Translate images of one size, which is arbitrary.

        Args:
            x: Images (N, C, H, W) on the networks' device.
            target: The target as :meth:`encode_target` returns it.
            style: Style codes (N k, style_dim), k consecutive ones per image; None for methods
                without styles.
            seed: Seed of the networks' own random numbers.

        Returns:
            Float32 images (N k, C, H, W) on the networks' device, in [-1, 1] but for networks that
            do not end in tanh.

        Raises:
            TooLargeError: The images do not fit in memory, not even in strips.
        """
        if (fixed := self._fixed) is not None:
            fixed.statistics.check(target, style)
            seed = fixed.statistics.seed
        # no_grad rather than inference_mode, so that outputs can be used in training.
        with torch.no_grad(), self._seeded(seed):
            return self._translate_within_memory(x, target, style)

    def _translate_within_memory(self, x: Tensor, target: Target, style: Tensor | None) -> Tensor:
        """Translate images together, or else one by one, or else in strips."""
        several = 1 if style is None else len(style) // len(x)
        if self.strips.fits((len(x), *x.shape[1:]), target, several):
            try:
                return self._translate_whole(x, target, style)
            except (MemoryError, RuntimeError) as error:
                if not is_out_of_memory(error):
                    raise
            # outside of the handler, whose error keeps the tensors alive
            if self.device.type == "cuda":
                torch.cuda.empty_cache()
            self.strips.note_fallback()
        if len(x) * several == 1 or self.networks.stochastic:
            statistics = OWN if (fixed := self._fixed) is None else fixed.statistics
            return self.strips.translate_tensor(x, target, style, statistics)
        outputs = []
        for i in range(len(x) * several):
            image = i // several
            own = target if isinstance(target, str) else target[image : image + 1]
            code = None if style is None else style[i : i + 1]
            outputs.append(self._translate_within_memory(x[image : image + 1], own, code))
        return torch.cat(outputs)

    def _translate_whole(self, x: Tensor, target: Target, style: Tensor | None) -> Tensor:
        padded, rows, columns = self.pad(x)
        if (fixed := self._fixed) is not None:
            several = 1 if style is None else len(style) // len(x)
            images = torch.split(padded.repeat_interleave(several, 0), 1)
            y = torch.cat(fixed.translate(images))
        else:
            with torch.autocast(x.device.type, torch.bfloat16, enabled=self.precision == "bf16"):
                y = self.networks.translate(padded, target, style)
        scale = self.networks.upscales
        rows, columns = (slice(s.start * scale, s.stop * scale) for s in (rows, columns))
        return y[:, :, rows, columns].float().contiguous()

    @contextmanager
    def fixed_statistics(self, statistics: FixedStatistics) -> Iterator[None]:
        """Let norms use given statistics rather than those of each image.

        Within this context, all images that its thread translates are translated to the target, by
        the style and with the seed that the statistics were pooled for.

        Args:
            statistics: What :func:`crossimage.inference.pooling.pool_statistics` returned for these
                networks.
        """
        fixed = WholeImages(self.networks, self.device, statistics, bf16=self.precision == "bf16")
        before = _FIXED.set({**(_FIXED.get() or {}), id(self): fixed})
        try:
            yield
        finally:
            _FIXED.reset(before)

    @property
    def _fixed(self) -> WholeImages | None:
        return (_FIXED.get() or {}).get(id(self))

    @contextmanager
    def seeded_draw(self, draw: Draw) -> Iterator[Tensor | None]:
        """Seed the networks' own random numbers for one output; yield its style, on their device.

        Args:
            draw: The randomness of the output.
        """
        with self._seeded(draw.seed):
            yield self._join_styles([draw])

    def sample_batches(
        self, n: int, seed: SupportsIndex | None = None, batch_size: int = 64
    ) -> Iterator[Tensor]:
        """Generate images from noise, batch by batch.

        Args:
            n: Number of images, at least 1.
            seed: Makes the images reproducible; the first ones are the same for every ``n``.
            batch_size: Images per batch.

        Yields:
            Float32 images (N, C, H, W) in [-1, 1] on the CPU.

        Raises:
            ValueError: The method translates images instead, or a number is not valid.
        """
        if self.networks.targets:
            raise ValueError(f"this {self.method} does not make images from noise; use translate")
        codes = self._codes(whole(n, "n", 1), seed)
        for z in torch.split(codes, whole(batch_size, "batch_size", 1)):
            with torch.no_grad():
                images = self.networks.generate(z.to(self.device))
            yield images.float().cpu()

    def _seeded(self, seed: SupportsIndex | None) -> AbstractContextManager[object]:
        """Give the networks random numbers of their own, if they draw any."""
        if not self.networks.stochastic:
            return nullcontext()
        return OwnRandomNumbers(fresh_seed() if seed is None else seed_number(seed))

    def _join_styles(self, draws: Sequence[Draw]) -> Tensor | None:
        styles = [draw.style for draw in draws if draw.style is not None]
        return torch.cat(styles).to(self.device) if styles else None

    def require_styles(self) -> None:
        """Refuse a method without styles.

        Raises:
            ValueError: It has none.
        """
        if not self.networks.style_dim:
            raise ValueError(f"{self.method} has no styles: leave out style and reference")


def _warn_of_emulation(device: torch.device) -> None:
    """Warn once that a device computes bf16 more slowly than fp32."""
    if device.type in _warned or has_bf16(device):
        return
    _warned.add(device.type)
    what, remedy = "GPU", ""
    if device.type == "cpu":
        what = "CPU"
        remedy = ", or export the model in int8, which is faster (`crossimage export ... --int8`)"
    warnings.warn(
        f"this {what} has no units for bf16, which takes about 2.5 times as long as fp32 there; "
        f"leave out precision=bf16{remedy}",
        stacklevel=4,
    )
