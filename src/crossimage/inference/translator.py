"""A trained model in use: images in, images out."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from pathlib import Path
from typing import Any, Literal, SupportsIndex, get_args

import torch
from torch import Tensor

from crossimage.checkpoints.load import load_networks
from crossimage.checkpoints.model_file import save_model
from crossimage.config import Config
from crossimage.data.images.files import to_pil
from crossimage.data.images.resize import cover, pad_to
from crossimage.inference.files import Report, convert, write_samples
from crossimage.inference.inputs import (
    Codes,
    Picture,
    Pictures,
    domain_index,
    fit_codes,
    home,
    is_single,
    to_batches,
    together,
)
from crossimage.labels import To
from crossimage.methods.base import Method
from crossimage.networks.convolution import arrange
from crossimage.utils.arguments import find_device, forked, seeded, whole
from crossimage.utils.files import as_path

__all__ = ["Translator", "load"]

Precision = Literal["fp32", "bf16"]

_LEAST = 4  # pixels a side that layers need which reflect three pixels


def load(
    path: str | Path,
    device: str | torch.device = "auto",
    discriminators: bool = False,
    precision: Precision = "fp32",
) -> Translator:
    """Load a trained model.

    Args:
        path: A run folder or a model file.
        device: Where the networks compute; ``auto`` is the GPU where there is one.
        discriminators: Load the discriminators too, from the model file where it holds them,
            else from the run folder's newest checkpoint.
        precision: Arithmetic of translations; see :class:`Translator`.

    Raises:
        FileNotFoundError: There is no model at ``path``.
        ValueError: The file is no model that this version can read, the device or the precision
            does not exist, or there are no discriminators to load.
    """
    target = find_device(device)
    networks = load_networks(as_path(path, "the model's path"), discriminators)
    return Translator(networks, target, precision)


class Translator:
    """A trained model in use.

    Wherever images are taken, they may be a float tensor (N, C, H, W) in [-1, 1], a
    ``PIL.Image``, a path, or a list of images and paths. Images have any size: they are padded to
    what the networks need, and results are cropped back; only networks that know one size (DTN,
    UNIT's domain adaptation) get them resized and cropped to it.

    Args:
        networks: The trained method.
        device: Where the networks compute.
        precision: Arithmetic of translations. ``bf16`` is about three times as fast on hardware
            that has it, and its pixels differ by about a hundredth of the range; results are
            float32 either way.

    Attributes:
        networks: The underlying method, an ``nn.Module`` in evaluation mode.
        device: Where the networks compute.
        precision: Arithmetic of translations.

    Raises:
        ValueError: There is no such device or precision.
    """

    def __init__(
        self, networks: Method, device: str | torch.device = "auto", precision: Precision = "fp32"
    ) -> None:
        if precision not in get_args(Precision):
            raise ValueError(f"precision must be fp32 or bf16, found {precision!r}")
        self.device, self.precision = find_device(device), precision
        self.networks = networks.to(self.device).eval().requires_grad_(False)
        if precision == "bf16":  # which convolutions compute in this order of the memory
            arrange(self.networks)

    @property
    def method(self) -> str:
        """The method's name, such as ``munit``."""
        from crossimage.methods import METHODS

        return next(name for name, kind in METHODS.items() if kind is type(self.networks))

    @property
    def domains(self) -> tuple[str, ...]:
        """Names of the domains."""
        return self.config.domains or self.networks.letters

    @property
    def config(self) -> Config:
        """The frozen configuration the model was trained with."""
        return self.networks.config

    def translate(
        self,
        x: Pictures,
        to: To | None = None,
        style: Codes | None = None,
        reference: Pictures | None = None,
        seed: SupportsIndex | None = None,
    ) -> Any:
        """Translate images to another domain.

        Args:
            x: Images of the source domain.
            to: Name of the target domain; where omitted the only possible one, or the second one.
                Methods with labels take a label's name, values 0 or 1 by label, of which those
                that aren't named are 0, or label vectors (N, L) or (1, L).
            style: Style codes (N, style_dim), or (1, style_dim) for all images: a tensor, an array
                or nested lists.
            reference: N images of the target domain, or one for all, whose style is taken.
            seed: Makes a random style reproducible, and the same on every device, and so the noise
                of networks that drop values when translating; without it PyTorch's global
                generator is used.

        Returns:
            For a tensor a float32 tensor (N, C, H, W) in [-1, 1] on its device; for an image or a
            path a ``PIL.Image``; for a list a list of them.

        Raises:
            ValueError: The images, the domain or the style do not fit the model.
        """
        to = self.target(to)
        batches = self._open(x, self._source(to))
        count = sum(map(len, batches))
        styles = self._styles(count, to, style, reference, seed)
        codes = None if styles is None else styles[:, None]
        with self._seeded(seed):
            answers = self._answers(batches, self.goal(to, count), codes)
        if isinstance(x, Tensor):
            return answers[0][:, 0].to(x.device)
        images = [to_pil(answer[0, 0]) for answer in answers]
        return images[0] if is_single(x) else images

    def interpolate(
        self, x: Pictures, start: Codes, end: Codes, steps: int = 8, to: To | None = None
    ) -> Any:
        """Translate with styles on the straight line from ``start`` to ``end``.

        Args:
            x: Images of the source domain.
            start: First style codes, (N, style_dim) or (1, style_dim).
            end: Last style codes, likewise.
            steps: Styles, both ends included.
            to: Name of the target domain; as for :meth:`translate` where omitted.

        Returns:
            For a tensor a tensor (N, steps, C, H, W); for an image or a path a list of ``steps``
            images; for a list a list of such lists.

        Raises:
            ValueError: As :meth:`translate`.
        """
        steps = whole(steps, "steps", 2)
        to = self.target(to)
        batches = self._open(x, self._source(to))
        count = sum(map(len, batches))
        first, last = (self._fit_style(style, count, "style") for style in (start, end))
        place = torch.linspace(0, 1, steps, device=self.device)[:, None]
        codes = torch.lerp(first[:, None], last[:, None], place)
        answers = self._answers(batches, self.goal(to, count), codes)
        if isinstance(x, Tensor):
            return answers[0].to(x.device)
        images = [[to_pil(picture) for picture in answer[0]] for answer in answers]
        return images[0] if is_single(x) else images

    def encode_style(self, y: Pictures, domain: str) -> Tensor:
        """Style codes (N, style_dim) of images of a domain, float32 on the images' device.

        Raises:
            ValueError: The images or the domain do not fit, or the method has no styles.
        """
        self._need_styles()
        letter = self._letter(domain)
        with torch.no_grad():
            codes = [
                self.networks.encode_style(
                    pad_to(batch, 1, max(self.networks.min_style_size, _LEAST))[0], letter
                )
                for batch in self._open(y, letter)
            ]
        return torch.cat(codes).float().to(home(y))

    def sample_style(
        self, n: int, domain: str | None = None, seed: SupportsIndex | None = None
    ) -> Tensor:
        """Random style codes (n, style_dim) from the prior, on the CPU.

        Args:
            n: How many, at least 1.
            domain: The domain they are meant for.
            seed: Makes the codes reproducible.

        Raises:
            ValueError: There is no such domain, the method has no styles, or a number is none.
        """
        self._need_styles()
        if domain is not None:
            self._letter(domain)
        generator = None if seed is None else seeded(seed)
        length = self.networks.style_dim
        # one by one, for the first codes not to depend on how many follow
        codes = [torch.randn(length, generator=generator) for _ in range(whole(n, "n", 1))]
        return torch.stack(codes)

    def sample(self, n: int, seed: SupportsIndex | None = None, *, batch_size: int = 64) -> Tensor:
        """Images (n, C, H, W) in [-1, 1] made of noise alone, on the CPU.

        Args:
            n: How many, at least 1.
            seed: Makes the images reproducible; the first ones are the same for every ``n``.
            batch_size: Images that the networks make together.

        Raises:
            ValueError: The method translates images instead, or a number is none.
        """
        return torch.cat(list(self.samples(n, seed, batch_size)))

    def samples(
        self, n: int, seed: SupportsIndex | None = None, batch_size: int = 64
    ) -> Iterator[Tensor]:
        """The images of :meth:`sample`, made and given a batch at a time."""
        if self.networks.targets:
            raise ValueError(f"this {self.method} makes no images of noise; use translate")
        codes = self.sample_style(n, seed=seed)
        for z in torch.split(codes, whole(batch_size, "batch_size", 1)):
            with torch.no_grad():
                images = self.networks.generate(z.to(self.device))
            yield images.float().cpu()

    def sample_files(
        self,
        n: int,
        out: str | Path,
        *,
        seed: SupportsIndex | None = None,
        format: str = "png",
        batch_size: int = 64,
        progress: bool = False,
    ) -> list[Path]:
        """Write images made of noise alone into a folder, as ``0001.png``, ``0002.png``, ...

        The first 64 of them stand side by side in ``sheet.png``.

        Args:
            n: How many, at least 1.
            out: Folder for the images; made if need be. Files of the same names are replaced.
            seed: Makes the images reproducible; the first ones are the same for every ``n``.
            format: Type of the images, such as ``png``.
            batch_size: Images that the networks make together.
            progress: Show a progress bar.

        Returns:
            The files of the images, without the sheet.

        Raises:
            ValueError: The method translates images instead, a number is none, or the format is
                unknown or can't hold the images.
            OSError: A file cannot be written.
        """
        folder = as_path(out, "the path of the images")
        return write_samples(
            self, n, folder, seed=seed, format=format, batch_size=batch_size, progress=progress
        )

    def encode_content(self, x: Pictures, domain: str) -> Tensor:
        """Content codes (N, c, h, w) of images of one size, float32 on the images' device.

        Raises:
            ValueError: The images or the domain do not fit, or the method has no content codes.
        """
        letter = self._letter(domain)
        with torch.no_grad():
            batch = self._pad(together(self._open(x, letter)))[0]
            code = self.networks.encode_content(batch, letter)
        return code.float().to(home(x))

    def classify(self, x: Pictures, domain: str | None = None) -> Tensor:
        """Class logits (N, classes) of images of one size, float32 on the images' device.

        Args:
            x: Images of the domain.
            domain: The domain's name; may be left out where the method has labels instead.

        Raises:
            ValueError: The images or the domain do not fit, or the method does not classify.
        """
        letter = self._letter(domain)
        batch = together(self._open(x, letter))
        with torch.no_grad(), self._large_enough(batch):
            logits = self.networks.classify(batch, letter)
        return logits.float().to(home(x))

    def discriminate(
        self, x: Pictures, domain: str | None = None, condition: Pictures | None = None
    ) -> list[Tensor]:
        """Score maps of a domain's discriminator for images of one size, one a scale.

        Args:
            x: Images of the domain.
            domain: The domain's name; may be left out where the method has labels instead.
            condition: The input images that ``x`` are translations of, where the discriminator
                judges both together (pix2pix).

        Raises:
            ValueError: The images or the domain do not fit, or the discriminators are not loaded.
        """
        self._need_discriminators()
        if condition is not None and not self.networks.conditional:
            raise ValueError(f"{self.method} judges images by themselves; leave out condition")
        letter = self._letter(domain)
        batch = together(self._open(x, letter))
        height, width = batch.shape[2:]
        given = None
        if condition is not None:
            given = together(self._open(condition, self._source(self.networks.names[letter])))
            if (len(given), *given.shape[2:]) != (len(batch), height, width):
                raise ValueError(
                    f"condition holds {len(given)} images of {given.shape[3]}x{given.shape[2]} "
                    f"pixels, expected one for each of the {len(batch)} images of {width}x{height}"
                )
        with torch.no_grad(), self._large_enough(batch):
            scores = self.networks.discriminate(batch, letter, given)
        return [score.float().to(home(x)) for score in scores]

    @contextmanager
    def _large_enough(self, batch: Tensor) -> Iterator[None]:
        """Says so where layers of a discriminator or classifier find images too small."""
        (height, width), crop = batch.shape[2:], self.config.crop
        try:
            yield
        except RuntimeError:
            # Crops of training are large enough, but how small is too small the layers know best.
            if min(height, width) >= min(crop):
                raise
            raise ValueError(
                f"images of {width}x{height} pixels are too small for the discriminator, which was "
                f"trained on {crop[1]}x{crop[0]}; enlarge them first"
            ) from None

    def translate_files(
        self,
        paths: str | Path | Sequence[str | Path],
        out: str | Path,
        to: To | None = None,
        *,
        samples: int = 1,
        reference: Picture | Sequence[Picture] | None = None,
        same_style: bool = False,
        seed: SupportsIndex | None = None,
        size: int | None = None,
        format: str | None = None,
        batch_size: int = 4,
        progress: bool = False,
    ) -> Report:
        """Translate image files into a folder.

        The names stay: ``shoe.png`` becomes ``shoe.png``, or ``shoe_1.png``, ``shoe_2.png``, ...
        where there are several answers. Images from a folder keep their sub-folders. Where two
        names would be one, their folder, their type or a number is added. Unreadable inputs are
        skipped and reported.

        Args:
            paths: Files, folders (with all sub-folders) and patterns such as ``photos/*.jpg``.
            out: Folder for the results; made if need be. Inputs in it are never overwritten.
            to: Name of the target domain; as for :meth:`translate` where omitted. Of methods with
                labels ``all`` is each of them alone: ``shoe_Male.png`` and so on, and in
                ``sheet.png`` those of the first 16 inputs.
            samples: Answers an input, each with a random style or noise.
            reference: Images of the target domain whose style is taken; several give every input
                one answer a reference, in their order.
            same_style: Use the same random styles for all inputs.
            seed: Makes random styles reproducible; they depend on it, on a file's name and on the
                answer's number only.
            size: Resize inputs to this shortest side first, in pixels.
            format: Type of the results, such as ``png``; each input's own where omitted.
            batch_size: Images that pass through the networks together.
            progress: Show a progress bar.

        Returns:
            The files written and the inputs skipped.

        Raises:
            FileNotFoundError: An input does not exist.
            ValueError: There is no readable image among the inputs, a result would overwrite an
                input, or an option does not fit the model.
            OSError: A result cannot be written.
        """
        folder = as_path(out, "the path of the results")
        return convert(
            self, paths, folder, to, samples=samples, reference=reference,
            same_style=same_style, seed=seed, size=size, format=format, batch_size=batch_size,
            progress=progress,
        )  # fmt: skip

    def save(self, path: str | Path, discriminators: bool = False) -> None:
        """Write the model to one file, which :func:`load` reads.

        Args:
            path: The ``.safetensors`` file.
            discriminators: Write the discriminators too.

        Raises:
            ValueError: The discriminators are not loaded, or the file cannot be written.
        """
        if discriminators:
            self._need_discriminators()
        save_model(as_path(path, "the model's path"), self.networks, discriminators=discriminators)

    def source_channels(self, to: To) -> int:
        """Channels of the images that are translated to a target."""
        return self._channels(self._source(to))

    @property
    def targets(self) -> tuple[str, ...]:
        """Names of the domains, or labels, that can be translated to."""
        networks = self.networks
        if networks.labels:
            return networks.labels.names
        return tuple(networks.names[letter] for letter in networks.targets)

    def target(self, to: To | None) -> To:
        """A target as it is exactly called; the only or the second domain where it is omitted.

        Raises:
            ValueError: There is no such target, or the method translates nothing.
        """
        networks = self.networks
        if not networks.targets:
            raise ValueError(f"this {self.method} makes images of noise alone; use sample")
        if networks.labels:
            if to is None:
                raise ValueError(f"to is missing; expected some of {', '.join(self.targets)}")
            if not isinstance(to, Tensor):
                networks.labels.vectors(to, 1)
            return to
        if to is None:
            return self.targets[-1]
        name = networks.names[self._letter(to)]
        if name not in self.targets:
            raise ValueError(f"this {self.method} translates to {' and '.join(self.targets)} only")
        return name

    def goal(self, to: To, count: int) -> str | Tensor:
        """What the networks take as the target of ``count`` images: a letter, or label vectors."""
        if self.networks.labels:
            return self.networks.labels.vectors(to, count).to(self.device)
        assert isinstance(to, str)
        return self._letter(to)

    def _letter(self, domain: object) -> str:
        """The letter of a domain."""
        letters = self.networks.letters
        if self.networks.labels:
            return letters[0]
        return letters[domain_index(domain, self.domains)]

    def _source(self, to: To) -> str:
        """Letter of the domain whose images are translated to a target."""
        letters = self.networks.letters
        if len(letters) == 1:
            return letters[0]
        assert isinstance(to, str) and len(letters) == 2
        return letters[1 - letters.index(self._letter(to))]

    def _channels(self, letter: str) -> int:
        return self.config.channels[self.networks.letters.index(letter)]

    def _open(self, x: Pictures, letter: str) -> list[Tensor]:
        batches = to_batches(x, self._channels(letter), self.config.value_range)
        return [self.fit(batch.to(self.device)) for batch in batches]

    def fit(self, x: Tensor) -> Tensor:
        """Images (N, C, H, W) in the size that the networks know, where they know no other.

        As in training the shortest side is resized, and the middle is kept.
        """
        size = self.networks.fixed_size
        return x if size is None else cover(x, size)

    def _pad(self, x: Tensor) -> tuple[Tensor, slice, slice]:
        return pad_to(x, self.networks.multiple, max(self.networks.min_size, _LEAST))

    def _seeded(self, seed: SupportsIndex | None) -> AbstractContextManager[None]:
        """Seeds what the networks themselves draw; afterwards all is as it was before."""
        if seed is None or not self.networks.stochastic:
            return nullcontext()
        return forked(seed, self.device)

    def _answers(
        self, batches: list[Tensor], goal: str | Tensor, styles: Tensor | None
    ) -> list[Tensor]:
        """Answers (N, k, C, H, W) to every batch, with styles (all N, k, style_dim) if any."""
        answers, first = [], 0
        for batch in batches:
            rows = slice(first, first := first + len(batch))
            codes = None if styles is None else styles[rows].flatten(0, 1)
            y = self.answer(batch, goal if isinstance(goal, str) else goal[rows], codes)
            answers.append(y.reshape(len(batch), -1, *y.shape[1:]))
        return answers

    def answer(
        self,
        x: Tensor,
        goal: str | Tensor,
        style: Tensor | None,
        seed: SupportsIndex | None = None,
    ) -> Tensor:
        """Translate images (N, C, H, W) on the networks' device to what :meth:`goal` gives.

        With style codes (N k, style_dim) each image gets k answers in a row; it is encoded once.
        The seed is for what the networks themselves draw.
        """
        # no_grad and not inference_mode: what comes out may be trained on.
        with torch.no_grad(), self._seeded(seed):
            padded, rows, columns = self._pad(x)
            with torch.autocast(x.device.type, torch.bfloat16, enabled=self.precision == "bf16"):
                y = self.networks.translate(padded, goal, style)
        times = self.networks.upscales
        rows, columns = (slice(s.start * times, s.stop * times) for s in (rows, columns))
        return y[:, :, rows, columns].float().contiguous()

    def _need_discriminators(self) -> None:
        if "discriminators" not in self.networks.players():
            raise ValueError(
                "the model was loaded without its discriminators; use "
                "load(path, discriminators=True) on the run folder"
            )

    def _need_styles(self) -> None:
        if not self.networks.style_dim:
            raise ValueError(f"{self.method} has no styles: leave out style and reference")

    def _styles(
        self,
        count: int,
        to: To,
        style: Codes | None,
        reference: Pictures | None,
        seed: SupportsIndex | None,
    ) -> Tensor | None:
        """Style codes (count, style_dim) as asked for; None where the method has none."""
        if style is not None and reference is not None:
            raise ValueError("style and reference exclude each other: give one of them")
        if style is not None:
            return self._fit_style(style, count, "style")
        if reference is not None:
            self._need_styles()
            assert isinstance(to, str)
            return self._fit_style(self.encode_style(reference, to), count, "reference")
        if not self.networks.style_dim:
            return None
        return self.sample_style(count, seed=seed).to(self.device)

    def _fit_style(self, style: Codes, count: int, what: str) -> Tensor:
        """Given style codes as (count, style_dim) on the networks' device."""
        self._need_styles()
        return fit_codes(style, count, self.networks.style_dim, what).to(self.device)
