"""Targets, styles, seeds and translations of a trained method, from tensors to tensors."""

from __future__ import annotations

import warnings
from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from contextvars import ContextVar
from pathlib import Path
from typing import Literal, SupportsIndex, get_args

import torch
from torch import Tensor

from crossimage.config import Config
from crossimage.data.images.resize import pad_to, resize_to_cover
from crossimage.inference.strips.engine import StripEngine
from crossimage.inference.strips.statistics import OWN, FixedStatistics
from crossimage.inference.strips.whole import WholeImages
from crossimage.inference.styles import Draw, RandomStyles
from crossimage.inference.targets import EncodedTarget, Target, Targets, select
from crossimage.labels import To
from crossimage.methods import METHODS
from crossimage.methods.base import Method
from crossimage.networks.layers.convolution import arrange
from crossimage.networks.layers.winograd import ONEDNN
from crossimage.utils.devices import find_device, has_bf16
from crossimage.utils.memory import is_out_of_memory
from crossimage.utils.numbers import seed_number, whole
from crossimage.utils.seeds import OwnRandomNumbers, fresh_seed, seed_of

__all__ = ["Precision", "Predictor"]

Precision = Literal["fp32", "bf16"]

_MIN_SIZE = 4  # pixels per side, for layers that pad by reflecting three pixels


_warned: set[str] = set()  # types of devices whose emulation of bf16 was reported

_FIXED: ContextVar[Mapping[int, WholeImages] | None] = ContextVar("fixed statistics", default=None)
"""What translates with fixed statistics in this thread, by the ``id`` of its predictor."""


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
        random_styles: Draws styles.
        run_folder: Folder of the run that the model was loaded from, if any.

    Raises:
        ValueError: The device or the precision does not exist, or the memory is not an amount.
    """

    run_folder: Path | None = None

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
        if precision == "bf16" or (self.device.type == "cpu" and ONEDNN):
            arrange(self.networks)  # convolutions are faster in this memory layout
        self.strips = StripEngine(
            self.networks, self.device, bf16=precision == "bf16", memory=memory, name=self.method,
            smallest=self.min_size,
        )  # fmt: skip
        self._targets = Targets(networks, self.device, self.method)
        self.random_styles = RandomStyles(networks, self.device, self.method)

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
        return self._targets.domains

    @property
    def targets(self) -> tuple[str, ...]:
        """Names of the domains, or labels, that images can be translated to."""
        return self._targets.names

    @property
    def multimodal(self) -> bool:
        """Whether an input has many random outputs, by style or by the networks' own noise."""
        return self.random_styles.exist or self.networks.stochastic

    def letter(self, domain: object) -> str:
        """Return the method's letter for a domain's name.

        Raises:
            ValueError: The domain is unknown.
        """
        return self._targets.letter(domain)

    def channels(self, letter: str) -> int:
        """Return the number of channels of a domain's images."""
        return self.config.channels[self.networks.letters.index(letter)]

    def target(self, to: To | None) -> Target:
        """Return a target; the only or the second domain if omitted.

        Few-shot methods have no targets of a name; theirs is the letter of their images.

        Raises:
            ValueError: The target is unknown, or the method does not translate.
        """
        return self._targets.find(to)

    def fit_size(self, x: Tensor) -> Tensor:
        """Resize and center-crop images (N, C, H, W) if the networks accept only one size."""
        size = self.networks.fixed_size
        return x if size is None else resize_to_cover(x, size)

    @property
    def min_size(self) -> int:
        """Smallest height and width that images to translate are padded to."""
        return max(self.networks.min_size, _MIN_SIZE)

    @property
    def min_style_size(self) -> int:
        """Smallest height and width that images of a style are padded to."""
        return max(self.networks.min_style_size, _MIN_SIZE)

    def pad(self, x: Tensor) -> tuple[Tensor, slice, slice]:
        """Pad images (N, C, H, W) to a size that the networks take.

        Returns:
            The padded images, and the rows and columns that hold the originals.
        """
        return pad_to(x, self.networks.multiple, self.min_size)

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
        self.random_styles.check_truncation(truncation)
        count = whole(n, "n", 1)
        target = None if domain is None else self._targets.of(domain).encode(count)
        codes = self.random_styles.codes(count, seed)
        return self.random_styles.from_codes(codes, target, truncation).cpu()

    def reference_style(self, x: Tensor, target: Target) -> Tensor:
        """Encode the styles (N, style_dim) of images (N, C, H, W) of a target domain.

        Raises:
            ValueError: The method has no styles, or the target's label vectors are of another
                number.
        """
        self.require_styles()
        padded, _, _ = pad_to(x, 1, self.min_style_size)
        with torch.no_grad():
            return self.networks.encode_style(padded, target.encode(len(x))).float()

    def draw(
        self,
        seed: int,
        name: str,
        k: int,
        target: EncodedTarget | None = None,
        truncation: float = 1.0,
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
        own, styles = seed_of(seed, name, k), self.random_styles
        if self.networks.optional_style:
            return Draw(torch.zeros(1, self.networks.style_dim), own)
        if not styles.exist:
            return Draw(None, own)
        return Draw(styles.from_codes(styles.codes(1, own), target, truncation).cpu(), own)

    def predict(self, x: Tensor, target: EncodedTarget, draws: Sequence[Sequence[Draw]]) -> Tensor:
        """Translate each image several times, encoding it once.

        Args:
            x: Images (N, C, H, W) on the networks' device.
            target: The target as :meth:`Target.encode` returns it.
            draws: N lists of k draws, one for each output.

        Returns:
            Float32 images (N, k, C, H, W) on the networks' device.
        """
        if self.networks.stochastic:
            # One at a time, because noise drawn for a batch would depend on all of its images.
            rows = []
            for i, own in enumerate(draws):
                row = select(target, slice(i, i + 1))
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
        target: EncodedTarget,
        style: Tensor | None,
        seed: SupportsIndex | None = None,
    ) -> Tensor:
        """Translate images of one size, which is arbitrary.

        Args:
            x: Images (N, C, H, W) on the networks' device.
            target: The target as :meth:`Target.encode` returns it.
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

    def _translate_within_memory(
        self, x: Tensor, target: EncodedTarget, style: Tensor | None
    ) -> Tensor:
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
            image = slice(i // several, i // several + 1)
            code = None if style is None else style[i : i + 1]
            outputs.append(self._translate_within_memory(x[image], select(target, image), code))
        return torch.cat(outputs)

    def _translate_whole(self, x: Tensor, target: EncodedTarget, style: Tensor | None) -> Tensor:
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
        codes = self.random_styles.codes(whole(n, "n", 1), seed)
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
