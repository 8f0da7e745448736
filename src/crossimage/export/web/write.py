"""``crossimage export --web``: static files that translate in the visitor's browser."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from crossimage.data.images.arrays import to_pil
from crossimage.data.images.files import load_image
from crossimage.export.web.runtime import runtime_files
from crossimage.inference.exported.about import beside
from crossimage.inference.predictor import Predictor
from crossimage.utils.files import atomic, write_text
from crossimage.utils.reading import read_data
from crossimage.utils.writing.folders import check_folder, make_folder
from crossimage.utils.writing.pictures import encoded
from crossimage.utils.writing.temporary import is_temporary

STATIC = Path(__file__).parent / "static"
_LARGEST_SAMPLE = 1024  # pixels of its longer side


class Site:
    """A page that is going to be written; what is wrong with it is said before a long export.

    Args:
        predictor: The model.
        folder: The folder to write; files of an earlier page there are replaced.
        runtime: The unpacked package of the runtime; None: it is fetched.
        sample: An image that visitors can try at once; None: there is none.

    Raises:
        FileNotFoundError: The runtime or the sample is not there.
        ConnectionError: The runtime cannot be fetched.
        ValueError: A page cannot show this model, the folder holds other files, or the runtime
            or the sample is not what it should be.
    """

    def __init__(
        self, predictor: Predictor, folder: Path, runtime: Path | None, sample: Path | None
    ) -> None:
        _check(predictor)
        check_folder(folder, "the page")
        if folder.is_dir() and not (folder / "model.json").is_file() and _foreign(folder):
            raise ValueError(
                f"--web: {folder} holds other files than a page of crossimage; give a new folder"
            )
        self._folder, self._predictor = folder, predictor
        self._sample = None if sample is None else to_pil(load_image(sample).values)
        self._runtime = runtime_files(runtime)

    def write(self, exported: Path, letter: str, to: str) -> Path:
        """Write the page of an exported model.

        Args:
            exported: The file of its translation.
            letter: Letter of the target domain.
            to: Name of the target domain; empty where labels are an input.

        Returns:
            The page.

        Raises:
            OSError: A file cannot be written.
        """
        folder = self._folder
        for name, content in self._runtime.items():
            _put(folder / "runtime" / name, content)
        mapping = beside(exported, "mapping")
        mapped = self._predictor.random_styles.are_mapped and mapping.is_file()
        _put(folder / "model.onnx", read_data(exported))
        if mapped:
            _put(folder / "mapping.onnx", read_data(mapping))
        facts = self._facts(letter, to) | {"mapping": mapped, "sample": self._sample is not None}
        for source in STATIC.iterdir():
            _put(folder / source.name, read_data(source))
        if self._sample is not None:
            self._sample.thumbnail((_LARGEST_SAMPLE, _LARGEST_SAMPLE))
            with atomic(folder / "sample.png") as file:
                file.write(encoded(self._sample))
        write_text(folder / "model.json", json.dumps(facts, indent=2) + "\n")
        return folder / "index.html"

    def _facts(self, letter: str, to: str) -> dict[str, Any]:
        model, networks = self._predictor, self._predictor.networks
        source = networks.source_of(letter)
        labels = networks.labels
        height, width = networks.fixed_size or model.config.crop
        return {
            "method": model.method,
            "from": "" if labels else networks.names[source],
            "to": to,
            "labels": {n: labels.vectors(n, 1)[0].tolist() for n in labels.names} if labels else {},
            "channels": [networks.channels[source], networks.channels[letter]],
            "multiple": networks.multiple,
            "smallest": model.min_size,
            "fixed": list(networks.fixed_size or ()),
            "size": min(height, width) // (networks.upscales if networks.upscales > 1 else 1),
            "upscales": networks.upscales,
            "style_dim": networks.style_dim,
            "code_dim": networks.latent_dim if networks.style_dim else 0,
            "random": bool(model.random_styles.exist),
        }


def _check(predictor: Predictor) -> None:
    networks = predictor.networks
    if networks.few_shot:
        raise ValueError(
            f"--web: the styles of a {predictor.method} are from reference images, which the page "
            "does not take; leave out --web, and run the exported files elsewhere"
        )
    if networks.classes:
        raise ValueError(
            f"--web: this {predictor.method} translates label maps of class numbers, which the "
            "page does not take; leave out --web, and run the exported file elsewhere"
        )
    odd = [count for count in networks.channels.values() if count not in (1, 3)]
    if odd:
        raise ValueError(
            f"--web: a browser shows images of 1 or 3 channels, and this model's have {odd[0]}; "
            "leave out --web"
        )


def _foreign(folder: Path) -> bool:
    """Return whether a folder holds anything but what a page that was not finished consists of."""
    own = {"runtime", "model.onnx", "mapping.onnx", "sample.png"}
    own |= {path.name for path in STATIC.iterdir()}
    return any(not is_temporary(path.name) and path.name not in own for path in folder.iterdir())


def _put(path: Path, content: bytes) -> None:
    make_folder(path.parent)
    with atomic(path) as file:
        file.write(content)
