"""Identity: whether outputs still show the person of their input.

Pang et al., "Image-to-Image Translation: Methods and Applications", 2021, list it for the transfer
of facial attributes.
"""

from __future__ import annotations

from functools import partial

from crossimage.evaluation.galleries.base import GalleryItem
from crossimage.evaluation.metrics.base import Metric, Setup
from crossimage.evaluation.report.figures import HIGHER, Figure, mean_of, share_of
from crossimage.evaluation.report.strips import Block, Extremes, strip
from crossimage.utils.devices import exact


class Identity(Metric):
    """Cosine similarity of a face network's features of input and output, and verified shares."""

    name = "identity"
    directions = dict.fromkeys(("identity", "identity_verified"), HIGHER)
    network = "face"

    def __init__(self, setup: Setup) -> None:
        super().__init__(setup)
        self._network = setup.networks.face
        self._threshold = setup.networks.face_threshold
        self._similarities: list[float] = []
        self._verified: list[float] = []
        self._outputs = 0
        self._extremes = Extremes()

    @classmethod
    def refusal(cls, setup: Setup) -> str | None:
        """Return why the metric does not apply to a gallery, or None if it does."""
        if not setup.gallery.has_inputs:
            return "the inputs of these images are not known, so they can't be compared"
        return super().refusal(setup)

    def update(self, item: GalleryItem) -> None:
        """Add an input with its outputs."""
        assert item.input is not None
        outputs = self._network(item.outputs)
        similarities = outputs @ self._network(item.input[None])[0]
        value = float(exact(similarities).mean())
        self._similarities.append(value)
        self._verified.append(float(exact(similarities >= self._threshold).mean()))
        self._outputs += len(outputs)
        caption = f"{item.name}: {value:.3f}"
        self._extremes.add(value, partial(strip, caption, item.input, item.outputs, item.target))

    def figures(self) -> list[Figure]:
        """Return the mean similarity and the share of outputs above the threshold."""
        what = (
            f"cosine similarity of {self._network.name} between input and output: mean over "
            f"{len(self._similarities)} inputs"
        )
        share = f"share of outputs with a similarity of at least {self._threshold:g}"
        return [
            Figure(
                name, *result, self._outputs, protocol, None, self._network.library,
                comparable=False,
            )
            for name, result, protocol in (
                ("identity", mean_of(self._similarities), what),
                ("identity_verified", share_of(self._verified), f"{share}; {what}"),
            )
        ]  # fmt: skip

    def blocks(self) -> list[Block]:
        """Return the inputs whose outputs are the least and the most like them."""
        return self._extremes.blocks("Faces least like their input", "Faces most like their input")
