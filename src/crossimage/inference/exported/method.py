"""An exported model in the place of a method: it translates, and refuses all else by name."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any, NoReturn

from torch import Tensor, nn

from crossimage.inference.exported.about import ExportMetadata, Part, beside
from crossimage.inference.exported.graph import Graph
from crossimage.inference.exported.onnx_file import OnnxFile, read_onnx
from crossimage.methods.base import Batch, Method, Noise, Update, repeat_per_style
from crossimage.utils.contact_sheet import Panel

_SAME = (
    "letters", "layout", "targets", "labels", "style_dim", "few_shot", "optional_style", "upscales",
    "multiple", "min_size", "min_style_size", "fixed_size", "classes",
)  # fmt: skip


class ExportedMethod(Method):
    """A method whose translation is a graph in onnxruntime.

    Args:
        file: The graph of the translation.
        original: The method that it was exported from, without values.

    Attributes:
        about: What the file says about itself.

    Raises:
        ValueError: onnxruntime cannot run the graph.
    """

    def __init__(self, file: OnnxFile, original: Method) -> None:
        nn.Module.__init__(self)
        self.config = original.config
        for name in _SAME:
            setattr(self, name, getattr(original, name))
        if not self.labels:
            self.targets = (file.about.to,)
        self.about, self.file_hash = file.about, file.sha256
        self.bytes_per_pixel = file.about.bytes_per_pixel
        self._kind, self._latent_dim = type(original), original.latent_dim
        self._path: Path = file.path
        self._graphs: dict[Part, Graph] = {"translation": Graph(file.content, file.path)}

    @property
    def kind(self) -> type[Method]:
        """The class of the method that was exported."""
        return self._kind

    @property
    def latent_dim(self) -> int:
        """Length of the random codes that styles are made from."""
        return self._latent_dim

    def translate(self, x: Tensor, to: Any, style: Tensor | None = None) -> Tensor:
        """Run the graph; see :meth:`Method.translate`.

        Raises:
            ValueError: The target is another than that of the file, or the graph's result does not
                have the form of images.
        """
        if not isinstance(x, Tensor):  # but a node, to follow the layers
            raise TypeError("it is an exported model, whose graph has no layers")
        if isinstance(to, str) and not self.few_shot and to not in self.targets:
            raise ValueError(f"{self._path} translates to {self.names[self.targets[0]]} only")
        values = {"image": x}
        if isinstance(to, Tensor):
            values["labels"] = to.expand(x.shape[0], -1)
        if style is not None:
            values = {name: repeat_per_style(value, style) for name, value in values.items()}
            values["style"] = style
        y = self._graphs["translation"](values)
        letter = self.letters[0] if len(self.letters) == 1 else self.targets[0]
        height, width = (side * self.upscales for side in x.shape[2:])
        expected = (len(values["image"]), self.channels[letter], height, width)
        if tuple(y.shape) != expected:
            raise ValueError(
                f"{self._path} gave values of shape {tuple(y.shape)}, expected {expected}; export "
                "the model again"
            )
        return y

    def style_from(self, z: Tensor, to: Any) -> Tensor:
        """Map random codes to styles, by a graph of its own where the method has a network."""
        if self._kind.style_from is Method.style_from:
            return z
        return self._styles(self._graph("mapping")({"code": z, "labels": to}), len(z))

    def encode_style(self, x: Tensor, domain: Any) -> Tensor:
        """Encode the styles of images of the target domain by a graph of its own."""
        if isinstance(domain, str) and domain not in self.targets and not self.few_shot:
            raise ValueError(
                f"{self._path} encodes styles of {self.names[self.targets[0]]} only, the domain "
                "that it translates to"
            )
        values = {"image": x}
        if isinstance(domain, Tensor):
            values["labels"] = domain.expand(x.shape[0], -1)
        return self._styles(self._graph("style")(values), len(x))

    def _styles(self, codes: Tensor, count: int) -> Tensor:
        if tuple(codes.shape) != (count, self.style_dim):
            raise ValueError(
                f"{self._path} came with a graph that gave styles of shape {tuple(codes.shape)}, "
                f"expected {(count, self.style_dim)}; export the model again"
            )
        return codes

    def _graph(self, part: Part) -> Graph:
        """Return the graph of another part, which is in a file beside that of the translation."""
        if part not in self._graphs:
            path = beside(self._path, part)
            if not path.exists():
                raise ValueError(
                    f"{part} graphs are in a file of their own, and {path} is missing: copy it to "
                    f"the folder of {self._path.name}, or export the model again, which writes it "
                    "if this method has one"
                )
            file = read_onnx(path)
            if _identity(file.about) != _identity(self.about) or file.about.part != part:
                raise ValueError(
                    f"{path} does not belong to {self._path}, which was exported from another "
                    "model; export that model again"
                )
            self._graphs[part] = Graph(file.content, path)
        return self._graphs[part]

    def _refuse(self, what: str) -> NoReturn:
        raise ValueError(
            f"{self._path} is an exported model, which translates and does not {what}; use the "
            "model that it was exported from"
        )

    def tensors(self, *players: str) -> dict[str, Tensor]:
        """Refuse to give weights, which are part of the graph."""
        self._refuse("give its weights, so that it can be neither saved nor exported again")

    def training_step(self, batch: Batch) -> Iterator[Update]:
        """Refuse to train."""
        self._refuse("learn")

    def preview(self, fixed: Batch, fresh: Noise) -> list[Panel]:
        """Refuse to make the sheet of a training."""
        self._refuse("learn")

    def encode_content(self, x: Tensor, domain: str) -> Tensor:
        """Refuse to encode contents."""
        self._refuse("encode contents")

    def classify(self, x: Tensor, domain: str) -> Tensor:
        """Refuse to classify."""
        self._refuse("classify")

    def check_discriminators(self) -> None:
        """Refuse to score images."""
        self._refuse("score images with discriminators")


def _identity(about: ExportMetadata) -> tuple[object, ...]:
    return about.model_sha256, about.method, about.config, about.to
