"""A trained model in use: images in, images out."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, SupportsIndex

import torch
from torch import Tensor

from crossimage.checkpoints.load import load_networks
from crossimage.checkpoints.model_file import save_model
from crossimage.data.images.files import to_pil
from crossimage.inference.files import (
    FileOptions,
    TranslatedFiles,
    translate_files,
    write_samples,
)
from crossimage.inference.inputs import (
    Codes,
    ImageLike,
    ImagesLike,
    device_of,
    fit_codes,
    is_single,
    join_batches,
    to_batches,
)
from crossimage.inference.predictor import Precision, Predictor
from crossimage.labels import To
from crossimage.utils.arguments import find_device, whole
from crossimage.utils.files import as_path

__all__ = ["Translator", "load"]


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


class Translator(Predictor):
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

    def translate(
        self,
        x: ImagesLike,
        to: To | None = None,
        style: Codes | None = None,
        reference: ImagesLike | None = None,
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
        to = self.resolve_target(to)
        batches = self._open(x, self.source_letter(to))
        count = sum(map(len, batches))
        styles = self._styles(count, to, style, reference, seed)
        codes = None if styles is None else styles[:, None]
        with self.seeded(seed):
            answers = self._answers(batches, self.encode_target(to, count), codes)
        if isinstance(x, Tensor):
            return answers[0][:, 0].to(x.device)
        images = [to_pil(answer[0, 0]) for answer in answers]
        return images[0] if is_single(x) else images

    def interpolate(
        self, x: ImagesLike, start: Codes, end: Codes, steps: int = 8, to: To | None = None
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
        to = self.resolve_target(to)
        batches = self._open(x, self.source_letter(to))
        count = sum(map(len, batches))
        first, last = (self._fit_style(style, count, "style") for style in (start, end))
        place = torch.linspace(0, 1, steps, device=self.device)[:, None]
        codes = torch.lerp(first[:, None], last[:, None], place)
        answers = self._answers(batches, self.encode_target(to, count), codes)
        if isinstance(x, Tensor):
            return answers[0].to(x.device)
        images = [[to_pil(picture) for picture in answer[0]] for answer in answers]
        return images[0] if is_single(x) else images

    def encode_style(self, y: ImagesLike, domain: str) -> Tensor:
        """Style codes (N, style_dim) of images of a domain, float32 on the images' device.

        Raises:
            ValueError: The images or the domain do not fit, or the method has no styles.
        """
        self._require_styles()
        batches = self._open(y, self.letter(domain))
        return torch.cat([self.reference_style(batch, domain) for batch in batches]).to(
            device_of(y)
        )

    def sample(self, n: int, seed: SupportsIndex | None = None, *, batch_size: int = 64) -> Tensor:
        """Images (n, C, H, W) in [-1, 1] made of noise alone, on the CPU.

        Args:
            n: How many, at least 1.
            seed: Makes the images reproducible; the first ones are the same for every ``n``.
            batch_size: Images that the networks make together.

        Raises:
            ValueError: The method translates images instead, or a number is none.
        """
        return torch.cat(list(self.sample_batches(n, seed, batch_size)))

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

    def encode_content(self, x: ImagesLike, domain: str) -> Tensor:
        """Content codes (N, c, h, w) of images of one size, float32 on the images' device.

        Raises:
            ValueError: The images or the domain do not fit, or the method has no content codes.
        """
        letter = self.letter(domain)
        with torch.no_grad():
            batch = self.pad(join_batches(self._open(x, letter)))[0]
            code = self.networks.encode_content(batch, letter)
        return code.float().to(device_of(x))

    def classify(self, x: ImagesLike, domain: str | None = None) -> Tensor:
        """Class logits (N, classes) of images of one size, float32 on the images' device.

        Args:
            x: Images of the domain.
            domain: The domain's name; may be left out where the method has labels instead.

        Raises:
            ValueError: The images or the domain do not fit, or the method does not classify.
        """
        letter = self.letter(domain)
        batch = join_batches(self._open(x, letter))
        with torch.no_grad(), self._large_enough(batch):
            logits = self.networks.classify(batch, letter)
        return logits.float().to(device_of(x))

    def discriminate(
        self, x: ImagesLike, domain: str | None = None, condition: ImagesLike | None = None
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
        letter = self.letter(domain)
        batch = join_batches(self._open(x, letter))
        height, width = batch.shape[2:]
        given = None
        if condition is not None:
            given = join_batches(
                self._open(condition, self.source_letter(self.networks.names[letter]))
            )
            if (len(given), *given.shape[2:]) != (len(batch), height, width):
                raise ValueError(
                    f"condition holds {len(given)} images of {given.shape[3]}x{given.shape[2]} "
                    f"pixels, expected one for each of the {len(batch)} images of {width}x{height}"
                )
        with torch.no_grad(), self._large_enough(batch):
            scores = self.networks.discriminate(batch, letter, given)
        return [score.float().to(device_of(x)) for score in scores]

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
        reference: ImageLike | Sequence[ImageLike] | None = None,
        same_style: bool = False,
        seed: SupportsIndex | None = None,
        size: int | None = None,
        format: str | None = None,
        batch_size: int = 4,
        progress: bool = False,
    ) -> TranslatedFiles:
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
        options = FileOptions(
            samples, reference, same_style, seed, size, format, batch_size, progress
        )
        return translate_files(self, paths, as_path(out, "the path of the results"), to, options)

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

    def _open(self, x: ImagesLike, letter: str) -> list[Tensor]:
        batches = to_batches(x, self.channels(letter), self.config.value_range)
        return [self.fit_size(batch.to(self.device)) for batch in batches]

    def _answers(
        self, batches: list[Tensor], goal: str | Tensor, styles: Tensor | None
    ) -> list[Tensor]:
        """Answers (N, k, C, H, W) to every batch, with styles (all N, k, style_dim) if any."""
        answers, first = [], 0
        for batch in batches:
            rows = slice(first, first := first + len(batch))
            codes = None if styles is None else styles[rows].flatten(0, 1)
            y = self.translate_batch(batch, goal if isinstance(goal, str) else goal[rows], codes)
            answers.append(y.reshape(len(batch), -1, *y.shape[1:]))
        return answers

    def _need_discriminators(self) -> None:
        if "discriminators" not in self.networks.players():
            raise ValueError(
                "the model was loaded without its discriminators; use "
                "load(path, discriminators=True) on the run folder"
            )

    def _styles(
        self,
        count: int,
        to: To,
        style: Codes | None,
        reference: ImagesLike | None,
        seed: SupportsIndex | None,
    ) -> Tensor | None:
        """Style codes (count, style_dim) as asked for; None where the method has none."""
        if style is not None and reference is not None:
            raise ValueError("style and reference exclude each other: give one of them")
        if style is not None:
            return self._fit_style(style, count, "style")
        if reference is not None:
            self._require_styles()
            assert isinstance(to, str)
            return self._fit_style(self.encode_style(reference, to), count, "reference")
        if not self.networks.style_dim:
            return None
        return self.sample_style(count, seed=seed).to(self.device)

    def _fit_style(self, style: Codes, count: int, what: str) -> Tensor:
        """Given style codes as (count, style_dim) on the networks' device."""
        self._require_styles()
        return fit_codes(style, count, self.networks.style_dim, what).to(self.device)
