"""A trained model in use: images in, images out."""

from __future__ import annotations

import warnings
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any, SupportsIndex, overload

import torch
from PIL.Image import Image
from torch import Tensor

from crossimage.checkpoints.model_file import save_model
from crossimage.data.images.formats import Opacity
from crossimage.inference.display import as_html, facts_of
from crossimage.inference.files.options import FileOptions
from crossimage.inference.files.translate import TranslatedFiles, translate_files
from crossimage.inference.halves import HalfRule, Portion
from crossimage.inference.input_checks import class_number_sentences
from crossimage.inference.inputs import (
    Array,
    Codes,
    FilesLike,
    ImageLike,
    ImagesLike,
    ImageSource,
    Inputs,
    ReferencesLike,
    fit_codes,
    read_inputs,
)
from crossimage.inference.output_types import ResultDepth
from crossimage.inference.predictor import Predictor
from crossimage.inference.references import given_styles
from crossimage.inference.sample_files import sample_files
from crossimage.inference.targets import EncodedTarget, Target, repeat, select
from crossimage.labels import To
from crossimage.utils.numbers import whole
from crossimage.utils.paths import as_path
from crossimage.utils.progress import ProgressCallback

__all__ = ["Translator"]


class Translator(Predictor):
    """A trained model in use.

    Images of any size are accepted: they are padded to what the networks need, and results are
    cropped back. Networks that accept only one size (DTN, UNIT's domain adaptation) get images
    that are resized and cropped to it. Wherever images are expected, they may be

    - a float tensor (N, C, H, W) in [-1, 1], whose 3 channels are RGB in this order,
    - a ``PIL.Image``, the path of an image file, or its address (``https://...``),
    - a NumPy array (H, W) or (H, W, C) of uint8, whose 3 channels are RGB in this order (convert
      OpenCV's BGR with ``x[..., ::-1]``, since it cannot be recognised),
    - an encoded image, such as a PNG or JPEG: ``bytes``, or a file opened in binary mode,
    - or a list of any of these except tensors.

    Args:
        networks: The trained method.
        device: Where the networks compute.
        precision: Arithmetic of translations. ``bf16`` is about three times as fast on hardware
            that supports it, and its pixels differ by about a hundredth of the range. Results are
            float32 either way.
        memory: Memory that translations may take: an amount such as ``2GB``, of this process on the
            CPU and of its tensors on a GPU, or ``auto``, what is free. Images that do not fit as a
            whole are translated in strips of rows, with the same results up to rounding.

    Attributes:
        networks: The underlying method, an ``nn.Module`` in evaluation mode.
        device: Where the networks compute.
        precision: Arithmetic of translations.
        strips: Translates what does not fit in memory as a whole.
        random_styles: Draws styles.
        run_folder: Folder of the run that the model was loaded from, if any.

    Raises:
        ValueError: The device or the precision does not exist, or the memory is not an amount.
    """

    def __repr__(self) -> str:
        """Return the method, its domains or labels, sizes, device and precision."""
        facts = ", ".join(f"{name}={value!r}" for name, value in facts_of(self).items())
        return f"{type(self).__name__}({facts})"

    def _repr_html_(self) -> str:
        """Return the same facts for notebooks, with sample images if there are any."""
        return as_html(self, self.run_folder)

    # One overload per kind of input, without and with ``samples``.
    # fmt: off
    @overload
    def translate(
        self, x: Tensor, to: To | None = ..., style: Codes | None = ...,
        reference: ReferencesLike | None = ..., seed: SupportsIndex | None = ...,
        *, samples: SupportsIndex | None = ..., truncation: float = ..., half: Portion | None = ...,
    ) -> Tensor: ...
    @overload
    def translate(  # type: ignore[overload-overlap]  # a path is a sequence of strings, too
        self, x: ImageSource, to: To | None = ..., style: Codes | None = ...,
        reference: ReferencesLike | None = ..., seed: SupportsIndex | None = ...,
        *, samples: None = ..., truncation: float = ..., half: Portion | None = ...,
    ) -> Image: ...
    @overload
    def translate(
        self, x: Array, to: To | None = ..., style: Codes | None = ...,
        reference: ReferencesLike | None = ..., seed: SupportsIndex | None = ...,
        *, samples: None = ..., truncation: float = ..., half: Portion | None = ...,
    ) -> Array: ...
    @overload
    def translate(
        self, x: Sequence[ImageSource], to: To | None = ..., style: Codes | None = ...,
        reference: ReferencesLike | None = ..., seed: SupportsIndex | None = ...,
        *, samples: None = ..., truncation: float = ..., half: Portion | None = ...,
    ) -> list[Image]: ...
    @overload
    def translate(
        self, x: Sequence[Array], to: To | None = ..., style: Codes | None = ...,
        reference: ReferencesLike | None = ..., seed: SupportsIndex | None = ...,
        *, samples: None = ..., truncation: float = ..., half: Portion | None = ...,
    ) -> list[Array]: ...
    @overload
    def translate(  # type: ignore[overload-overlap]
        self, x: ImageSource, to: To | None = ..., style: Codes | None = ...,
        reference: ReferencesLike | None = ..., seed: SupportsIndex | None = ...,
        *, samples: SupportsIndex, truncation: float = ..., half: Portion | None = ...,
    ) -> list[Image]: ...
    @overload
    def translate(
        self, x: Array, to: To | None = ..., style: Codes | None = ...,
        reference: ReferencesLike | None = ..., seed: SupportsIndex | None = ...,
        *, samples: SupportsIndex, truncation: float = ..., half: Portion | None = ...,
    ) -> list[Array]: ...
    @overload
    def translate(
        self, x: Sequence[ImageSource], to: To | None = ..., style: Codes | None = ...,
        reference: ReferencesLike | None = ..., seed: SupportsIndex | None = ...,
        *, samples: SupportsIndex, truncation: float = ..., half: Portion | None = ...,
    ) -> list[list[Image]]: ...
    @overload
    def translate(
        self, x: Sequence[Array], to: To | None = ..., style: Codes | None = ...,
        reference: ReferencesLike | None = ..., seed: SupportsIndex | None = ...,
        *, samples: SupportsIndex, truncation: float = ..., half: Portion | None = ...,
    ) -> list[list[Array]]: ...
    @overload
    def translate(
        self, x: Sequence[ImageLike], to: To | None = ..., style: Codes | None = ...,
        reference: ReferencesLike | None = ..., seed: SupportsIndex | None = ...,
        *, samples: SupportsIndex | None = ..., truncation: float = ..., half: Portion | None = ...,
    ) -> list[Any]: ...
    # fmt: on

    def translate(
        self,
        x: ImagesLike,
        to: To | None = None,
        style: Codes | None = None,
        reference: ReferencesLike | None = None,
        seed: SupportsIndex | None = None,
        *,
        samples: SupportsIndex | None = None,
        truncation: float = 1.0,
        half: Portion | None = None,
    ) -> Any:
        """Translate images to another domain.

        Args:
            x: Images of the source domain.
            to: Name of the target domain; if omitted, the only possible one or else the second.
                For methods with labels: a label's name; values by label, where labels that are not
                named are 0; or label vectors (N, L) or (1, L). Values are 0 or 1, and for StarGAN
                also between.
            style: Style codes (N, style_dim), or (1, style_dim) for all images: a tensor, an array
                or nested lists.
            reference: N images of the target domain, or one for all, whose style is used; a folder
                stands for its images. For few-shot methods (FUNIT): images of one class, which
                together describe the target of all inputs.
            seed: Makes random styles and the noise of networks with dropout reproducible, and the
                same on every device. Without it PyTorch's global generator is used.
            samples: Number of outputs per image, each with a random style or noise. With a seed,
                the first outputs are the same for every number, and the very first is the result
                without ``samples``.
            truncation: How far random styles may be from the target's mean style, from 0 to 1; see
                :meth:`sample_style`.
            half: The part of each image that is translated: the ``left`` or ``right`` half, or the
                ``whole``. If omitted, images are translated whole, except files that have the shape
                of the side-by-side pairs that the model was trained on: of these it is the half of
                the source domain, and of references that of the target domain.

        Returns:
            For a tensor, a float32 tensor (N, C, H, W) on its device, in [-1, 1], or slightly
            beyond it where the networks do not end in tanh (StarGAN v2); for an array, a uint8
            array (H, W, C); for any other image, a ``PIL.Image``; for a list, a list of them. With
            ``samples``, a tensor (N, samples, C, H, W), or a list of ``samples`` images in place of
            each image.

        Raises:
            FileNotFoundError: The path of an image does not exist.
            ValueError: The images, the domain, the style or the number of samples do not fit the
                model.

        Warns:
            UserWarning: The values of a tensor are those of images in [0, 1], or exceed [-1, 1] by
                far; or files are taken for side-by-side pairs.
        """
        target = self.target(to)
        k = self._check_samples(samples, style, reference)
        given = style is not None or reference is not None
        self.random_styles.check_truncation(truncation, given=given)
        inputs = self._read(x, target.source, half)
        encoded = target.encode(len(inputs))
        styles = self._given_styles(len(inputs), target, style, reference, half)
        if styles is None and self.networks.optional_style:
            styles = torch.zeros(len(inputs), 1, self.networks.style_dim, device=self.device)
        elif styles is None and self.networks.style_dim:
            styles = self._random_styles(len(inputs), k, encoded, seed, truncation)
        # Several outputs come from several styles, or else from noise that each pass draws anew.
        passes = 1 if styles is not None else k
        with self._seeded(seed):
            parts = [self._translate(inputs.batches, encoded, styles) for _ in range(passes)]
        outputs = parts[0]
        if passes > 1:
            outputs = [torch.cat(images, 1) for images in zip(*parts, strict=True)]
        return inputs.results(outputs, several=samples is not None)

    # fmt: off
    @overload
    def interpolate(
        self, x: Tensor, start: Codes, end: Codes, steps: SupportsIndex = ..., to: To | None = ...
    ) -> Tensor: ...
    @overload
    def interpolate(  # type: ignore[overload-overlap]
        self, x: ImageSource, start: Codes, end: Codes, steps: SupportsIndex = ...,
        to: To | None = ...,
    ) -> list[Image]: ...
    @overload
    def interpolate(
        self, x: Array, start: Codes, end: Codes, steps: SupportsIndex = ..., to: To | None = ...
    ) -> list[Array]: ...
    @overload
    def interpolate(
        self, x: Sequence[ImageSource], start: Codes, end: Codes, steps: SupportsIndex = ...,
        to: To | None = ...,
    ) -> list[list[Image]]: ...
    @overload
    def interpolate(
        self, x: Sequence[Array], start: Codes, end: Codes, steps: SupportsIndex = ...,
        to: To | None = ...,
    ) -> list[list[Array]]: ...
    @overload
    def interpolate(
        self, x: Sequence[ImageLike], start: Codes, end: Codes, steps: SupportsIndex = ...,
        to: To | None = ...,
    ) -> list[list[Any]]: ...
    # fmt: on

    def interpolate(
        self,
        x: ImagesLike,
        start: Codes,
        end: Codes,
        steps: SupportsIndex = 8,
        to: To | None = None,
    ) -> Any:
        """Translate with styles on the straight line from ``start`` to ``end``.

        Args:
            x: Images of the source domain.
            start: First style codes, (N, style_dim) or (1, style_dim).
            end: Last style codes, likewise.
            steps: Number of styles, both ends included.
            to: Name of the target domain; if omitted, as for :meth:`translate`.

        Returns:
            For a tensor, a tensor (N, steps, C, H, W); for one image, a list of ``steps`` images,
            as :meth:`translate` returns them; for a list, a list of such lists.

        Raises:
            ValueError: As for :meth:`translate`.
        """
        steps = whole(steps, "steps", 2)
        target = self.target(to)
        inputs = self._read(x, target.source)
        first, last = (self._fit_style(style, len(inputs), "style") for style in (start, end))
        weight = torch.linspace(0, 1, steps, device=self.device)[:, None]
        styles = torch.lerp(first[:, None], last[:, None], weight)
        outputs = self._translate(inputs.batches, target.encode(len(inputs)), styles)
        return inputs.results(outputs, several=True)

    def encode_style(self, y: ImagesLike, domain: To | None = None) -> Tensor:
        """Encode the styles of images of a domain.

        Args:
            y: The images.
            domain: Their domain: its name, or for methods with labels a target as for
                :meth:`translate`. Few-shot methods need none.

        Returns:
            Float32 codes (N, style_dim) on the images' device.

        Raises:
            ValueError: The images or the domain do not fit, or the method has no styles.
        """
        self.require_styles()
        if domain is None and not self.networks.few_shot:
            raise ValueError(f"domain is missing; expected one of {', '.join(self.domains)}")
        target = self.target(None) if domain is None else self._targets.of(domain)
        inputs = self._read(y, target.letter)
        styles = [self.reference_style(batch, target) for batch in inputs.batches]
        return torch.cat(styles).to(inputs.device)

    def encode_content(self, x: ImagesLike, domain: str) -> Tensor:
        """Encode the contents of images of one size.

        Returns:
            Float32 codes (N, c, h, w) on the images' device.

        Raises:
            ValueError: The images or the domain do not fit, or the method has no content codes.
        """
        letter = self.letter(domain)
        inputs = self._read(x, letter)
        padded, _, _ = self.pad(inputs.joined())
        with torch.no_grad():
            codes = self.networks.encode_content(padded, letter)
        return codes.float().to(inputs.device)

    def classify(self, x: ImagesLike, domain: str | None = None) -> Tensor:
        """Classify images of one size.

        Args:
            x: Images of the domain.
            domain: The domain's name; not needed for methods with labels.

        Returns:
            Float32 class logits (N, classes) on the images' device.

        Raises:
            ValueError: The images or the domain do not fit, or the method does not classify.
        """
        letter = self.letter(domain)
        inputs = self._read(x, letter)
        batch = inputs.joined()
        with torch.no_grad(), self._explain_too_small(batch):
            logits = self.networks.classify(batch, letter)
        return logits.float().to(inputs.device)

    def discriminate(
        self, x: ImagesLike, domain: str | None = None, condition: ImagesLike | None = None
    ) -> list[Tensor]:
        """Score images of one size with a domain's discriminator.

        Args:
            x: Images of the domain.
            domain: The domain's name; not needed for methods with labels.
            condition: The input images that ``x`` are translations of, if the discriminator
                scores both together (pix2pix).

        Returns:
            Score maps, one tensor per scale, on the images' device.

        Raises:
            ValueError: The images or the domain do not fit, or the discriminators are not loaded.
        """
        self.networks.check_discriminators()
        if condition is not None and not self.networks.conditional:
            raise ValueError(
                f"{self.method} scores images without their inputs; leave out condition"
            )
        letter = self.letter(domain)
        inputs = self._read(x, letter)
        batch, given = inputs.joined(), None
        height, width = batch.shape[2:]
        if condition is not None:
            source = self._targets.of(self.networks.names[letter]).source
            given = self._read(condition, source).joined()
            if (len(given), *given.shape[2:]) != (len(batch), height, width):
                raise ValueError(
                    f"condition holds {len(given)} images of {given.shape[3]}x{given.shape[2]} "
                    f"pixels, expected one for each of the {len(batch)} images of {width}x{height}"
                )
        with torch.no_grad(), self._explain_too_small(batch):
            scores = self.networks.discriminate(batch, letter, given)
        return [score.float().to(inputs.device) for score in scores]

    def sample(self, n: int, seed: SupportsIndex | None = None, *, batch_size: int = 64) -> Tensor:
        """Generate images from noise.

        Args:
            n: Number of images, at least 1.
            seed: Makes the images reproducible; the first ones are the same for every ``n``.
            batch_size: Images that the networks generate together.

        Returns:
            Float32 images (n, C, H, W) in [-1, 1] on the CPU.

        Raises:
            ValueError: The method translates images instead, or a number is not valid.
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
        progress: bool | ProgressCallback = False,
    ) -> list[Path]:
        """Write images generated from noise into a folder, as ``0001.png``, ``0002.png``, ...

        The first 64 of them are shown side by side in ``sheet.png``, and ``crossimage.jsonl`` lists
        them.

        Args:
            n: Number of images, at least 1.
            out: Folder for the images, created if needed. Files of the same names are replaced.
            seed: Makes the images reproducible; the first ones are the same for every ``n``.
            format: Type of the images, such as ``png``.
            batch_size: Images that the networks generate together.
            progress: Show a progress bar, or a function to call as for :meth:`translate_files`.

        Returns:
            The files of the images, without the sheet.

        Raises:
            ValueError: The method translates images instead, a number is not valid, or the format
                is unknown or cannot hold the images.
            OSError: A file cannot be written.
        """
        folder = as_path(out, "the path of the images")
        return sample_files(
            self, n, folder, seed=seed, format=format, batch_size=batch_size, progress=progress
        )

    def translate_files(
        self,
        paths: FilesLike,
        out: str | Path,
        to: To | None = None,
        *,
        samples: int = 1,
        reference: ImageLike | Sequence[ImageLike] | None = None,
        same_style: bool = False,
        seed: SupportsIndex | None = None,
        truncation: float = 1.0,
        size: int | None = None,
        half: Portion | None = None,
        format: str | None = None,
        alpha: Opacity = "white",
        depth: ResultDepth = "auto",
        batch_size: int = 4,
        skip_existing: bool = False,
        progress: bool | ProgressCallback = False,
        style: Sequence[float] | None = None,
        shard: tuple[int, int] | None = None,
    ) -> TranslatedFiles:
        """Translate image files into a folder.

        Outputs keep the names of their inputs: ``shoe.png`` becomes ``shoe.png``, or
        ``shoe_1.png``, ``shoe_2.png``, ... if there are several. Images from a folder keep their
        sub-folders. Where two names would collide, their folder, their type or a number is added.
        ``crossimage.jsonl`` lists what each was made from. Inputs that can't be read, do not fit in
        memory or whose outputs can't be written are skipped and reported.

        Args:
            paths: Files, folders (with all sub-folders), patterns such as ``photos/*.jpg``, list
                files with a path per line (``@list.txt`` or ``list.txt``) and addresses
                (``https://...``); also encoded images, as bytes or in files opened in binary mode.
            out: Folder for the outputs, created if needed. Inputs in it are never overwritten.
            to: Name of the target domain; if omitted, as for :meth:`translate`. For methods with
                labels, ``all`` translates to each label in turn: ``shoe_Male.png`` and so on, and
                ``sheet.png`` shows those of the first 16 inputs.
            samples: Outputs per input, each with a random style or noise.
            reference: Images of the target domain whose styles are used, or paths as above; several
                give each input one output per reference, in their order. For few-shot methods
                (FUNIT), a folder is one class, which gives one output, and so are all images
                beside folders.
            same_style: Use the same random styles for all inputs.
            seed: Makes random styles reproducible; they depend only on it, on the output's index
                and on a file's path below the folder, pattern or list that names it.
            truncation: How far random styles may be from the target's mean style, from 0 to 1; see
                :meth:`sample_style`.
            size: Resize inputs to this shortest side first, in pixels; for few-shot methods also
                references.
            half: The part of inputs that is translated: the ``left`` or ``right`` half, or the
                ``whole``; if omitted, as for :meth:`translate`, and ``notes`` says which.
            format: Type of the outputs, such as ``png``; if omitted, each input's own where it is
                written, and otherwise PNG.
            alpha: What becomes of transparent parts: they are ``white``, as in training; or they
                are, and the outputs ``keep`` the opacity; or ``drop`` it, and take colours as if
                they were opaque.
            depth: How outputs store their values: with ``8`` or ``16`` bits or as ``float``, or
                ``auto``, like their inputs.
            batch_size: Images that pass through the networks together; fewer where memory does not
                suffice.
            skip_existing: Do not translate inputs again whose results exist, unchanged, and were
                made from the same image with the same model and settings, as ``crossimage.jsonl``
                in the folder says. Without a seed, results of any seed count.
            progress: Show a progress bar, or a function to call with a description, the number of
                finished images and their total.
            style: The numbers of one style code, for all results.
            shard: ``(k, n)`` translates the k-th of n parts of the inputs, from 1, for processes
                that share the work; needs a seed. Existing results are skipped, whoever made them,
                and those of another model, seed or settings are refused. There is no ``sheet.png``.

        Returns:
            The files written, the inputs skipped, and what was left out.

        Raises:
            FileNotFoundError: An input does not exist.
            ValueError: No input can be translated, an output would overwrite an input, or an option
                does not fit the model.
            OSError: No output can be written, such as to a full disk.
        """
        options = FileOptions(
            samples=samples, reference=reference, same_style=same_style, seed=seed,
            truncation=truncation, size=size, half=half, format=format, alpha=alpha, depth=depth,
            batch_size=batch_size, skip_existing=skip_existing, progress=progress, style=style,
            shard=shard,
        )  # fmt: skip
        place = as_path(out, "the path of the results", stores=True)
        return translate_files(self, paths, place, to, options)

    def save(self, path: str | Path, discriminators: bool = False) -> None:
        """Write the model to one file, which :func:`crossimage.load` reads.

        Args:
            path: The ``.safetensors`` file.
            discriminators: Write the discriminators too.

        Raises:
            ValueError: The discriminators are not loaded, or the file cannot be written.
        """
        if discriminators:
            self.networks.check_discriminators()
        save_model(as_path(path, "the model's path"), self.networks, discriminators=discriminators)

    def _read(self, x: ImagesLike, letter: str, half: Portion | None = None) -> Inputs:
        """Read images of a domain and move them to the networks' device."""
        rule = HalfRule(self.networks, letter, half)
        is_source = len(self.networks.targets) == 1 and letter not in self.networks.targets
        inputs = read_inputs(
            x, self.channels(letter), self.config.range_of(letter), self.config.data_rules,
            self.networks.classes if is_source else 0, rule,
        )  # fmt: skip
        _warn(rule.sentences())
        _warn(class_number_sentences(self.networks, inputs.batches))
        batches = [self.fit_size(batch.to(self.device)) for batch in inputs.batches]
        return replace(inputs, batches=batches)

    def _translate(
        self, batches: Sequence[Tensor], target: EncodedTarget, styles: Tensor | None
    ) -> list[Tensor]:
        """Translate batches to outputs (N, k, C, H, W); styles are (all N, k, style_dim)."""
        outputs, first = [], 0
        for batch in batches:
            rows = slice(first, first := first + len(batch))
            codes = None if styles is None else styles[rows].flatten(0, 1)
            y = self.translate_batch(batch, select(target, rows), codes)
            outputs.append(y.reshape(len(batch), -1, *y.shape[1:]))
        return outputs

    def _check_samples(
        self,
        samples: SupportsIndex | None,
        style: Codes | None,
        reference: ReferencesLike | None,
    ) -> int:
        """Return the number of outputs per image."""
        if samples is None:
            return 1
        if style is not None or reference is not None:
            raise ValueError("samples draws random styles, so it excludes style and reference")
        k = whole(samples, "samples", 1)
        if k > 1 and not self.multimodal:
            raise ValueError(f"this {self.method} gives one output per input: leave out samples")
        return k

    def _given_styles(
        self, count: int, target: Target, style: Codes | None, reference: ReferencesLike | None,
        half: Portion | None,
    ) -> Tensor | None:  # fmt: skip
        """Return style codes (count, 1, style_dim) as requested; None if none are given."""
        if style is not None and reference is not None:
            raise ValueError("style and reference are mutually exclusive: give one of them")
        if style is not None:
            return self._fit_style(style, count, "style")[:, None]
        if reference is not None:
            self.require_styles()
            rule = HalfRule(self.networks, target.letter, half, reference=True)
            codes = given_styles(self, reference, target, rule)
            _warn(rule.sentences("reference"))
            return self._fit_style(codes, count, "reference")[:, None]
        return None

    def _random_styles(
        self,
        count: int,
        k: int,
        target: EncodedTarget,
        seed: SupportsIndex | None,
        truncation: float,
    ) -> Tensor:
        """Return random style codes (count, k, style_dim)."""
        # All first outputs come first, so that they are the same for every k.
        codes = self.random_styles.codes(count * k, seed)
        styles = self.random_styles.from_codes(codes, repeat(target, k), truncation)
        return styles.to(self.device).reshape(k, count, -1).transpose(0, 1)

    def _fit_style(self, style: Codes, count: int, name: str) -> Tensor:
        """Return given style codes as (count, style_dim) on the networks' device."""
        self.require_styles()
        return fit_codes(style, count, self.networks.style_dim, name).to(self.device)

    @contextmanager
    def _explain_too_small(self, batch: Tensor) -> Iterator[None]:
        """Explain errors of images too small for the layers of a discriminator or classifier."""
        (height, width), crop = batch.shape[2:], self.config.crop
        try:
            yield
        except RuntimeError:
            # Only the layers know how small is too small, but the crops of training are not.
            if min(height, width) >= min(crop):
                raise
            raise ValueError(
                f"images of {width}x{height} pixels are too small for the discriminator, which was "
                f"trained on {crop[1]}x{crop[0]}; enlarge them first"
            ) from None


def _warn(sentences: Iterable[str]) -> None:
    """Warn of what users should know about their images."""
    for sentence in sentences:
        warnings.warn(sentence, stacklevel=4)
