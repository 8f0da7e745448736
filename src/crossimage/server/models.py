"""The models of a server, each with its name and the engine of its device."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from crossimage.checkpoints.addresses import scheme_of
from crossimage.checkpoints.model_file import model_hash
from crossimage.inference.load import load
from crossimage.inference.predictor import Precision
from crossimage.inference.translator import Translator
from crossimage.server.engine import Engine
from crossimage.utils.names import did_you_mean, titles_of

_MOST_LABELS = 1000


@dataclass(frozen=True)
class ServedModel:
    """A model of a server.

    Attributes:
        name: Its name in requests.
        given: What the user calls it: a path, or an address of a model.
        translator: The model.
        engine: The thread that uses its device.
        sha256: Of its weights.
    """

    name: str
    given: str
    translator: Translator
    engine: Engine
    sha256: str

    def facts(self) -> dict[str, Any]:
        """Return what a client may want to know, as JSON has it."""
        translator = self.translator
        networks = translator.networks
        return {
            "name": self.name,
            "method": translator.method,
            "domains": list(translator.domains),
            "targets": [] if networks.few_shot else list(translator.targets[:_MOST_LABELS]),
            "labels": bool(networks.labels),
            "labels_blend": bool(networks.labels and networks.labels.blends),
            "needs_reference": networks.few_shot,
            "style_numbers": networks.style_dim,
            "random_styles": translator.random_styles.exist,
            "fixed_size": None if networks.fixed_size is None else list(networks.fixed_size),
            "upscales": networks.upscales,
            "sha256": self.sha256,
        }


class Models:
    """The models of a server.

    Args:
        translators: The models, by what the user calls them.
        waiting: Requests that may wait for a device.
        batch_size: Images that are translated together.

    Raises:
        ValueError: A model makes images from noise, and translates none.
    """

    def __init__(
        self, translators: Mapping[str, Translator], waiting: int = 64, batch_size: int = 8
    ) -> None:
        engines: dict[str, Engine] = {}
        self._models: dict[str, ServedModel] = {}
        for name, (given, translator) in zip(_names(translators), translators.items(), strict=True):
            if not translator.targets and not translator.networks.few_shot:
                raise ValueError(
                    f"{given} is a {translator.method}, which makes images from noise and "
                    "translates none; use `crossimage sample`"
                )
            device = str(translator.device)
            if device not in engines:
                engines[device] = Engine(waiting, batch_size)
            self._models[name] = ServedModel(
                name, given, translator, engines[device], model_hash(translator.networks)
            )
        self.engines = list(engines.values())

    def __iter__(self) -> Iterator[ServedModel]:
        """Iterate over the models, in the order in which they were given."""
        return iter(self._models.values())

    def find(self, name: str | None) -> ServedModel:
        """Return a model by its name; the only one, or the first, without one.

        Raises:
            ValueError: There is none of that name.
        """
        if name is None:
            return next(iter(self._models.values()))
        if name not in self._models:
            known = ", ".join(self._models)
            raise ValueError(
                f"there is no model {name!r}; expected one of {known}"
                f"{did_you_mean(name, list(self._models))}"
            )
        return self._models[name]

    def close(self) -> None:
        """Finish what waits, and end the threads."""
        for engine in self.engines:
            engine.close()


def load_models(
    models: Sequence[str],
    device: str = "auto",
    precision: Precision = "fp32",
    memory: str = "auto",
) -> dict[str, Translator]:
    """Load models, by what the user calls them.

    Raises:
        FileNotFoundError: There is no such model.
        ValueError: A model is given twice, or can't be used.
    """
    twice = [model for model in models if models.count(model) > 1]
    if twice:
        raise ValueError(f"{twice[0]} is given twice; give each model once")
    return {model: load(model, device, precision=precision, memory=memory) for model in models}


def _names(given: Iterable[str]) -> list[str]:
    """Return names for requests: the ends of paths, without what all of them have in common."""
    plain = [
        rest.removeprefix("//").partition("@")[0] if (rest := scheme_of(one)[1]) else one
        for one in given
    ]
    titles = [
        title.removesuffix(".safetensors").removesuffix("/model").removesuffix(".onnx")
        for title in titles_of(plain)
    ]
    return titles if len(set(titles)) == len(titles) else titles_of(plain)
