"""The page on which models are tried, and what its script asks for."""

from __future__ import annotations

import asyncio
import json
import math
from base64 import b64encode
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import FileResponse, HTMLResponse, JSONResponse, Response
from starlette.routing import Route

from crossimage.data.images.files import probe
from crossimage.labels import To
from crossimage.methods.base import Method
from crossimage.server.demo.directions import Directions, style_directions
from crossimage.server.demo.images import Images
from crossimage.server.demo.results import Wish, preview_image, translate_image
from crossimage.server.demo.samples import Samples
from crossimage.server.engine import BusyError, ClosedError
from crossimage.server.guard import HEADERS, Refused
from crossimage.server.models import Models, ServedModel
from crossimage.utils.html import page_template

STATIC = Path(__file__).parent / "static"
_TYPES = {"demo.js": "text/javascript", "demo.css": "text/css"}
PAGE_HEADERS = HEADERS | {
    "Content-Security-Policy": HEADERS["Content-Security-Policy"].replace(
        "img-src 'self'", "img-src 'self' blob:"
    ),
    "Permissions-Policy": "camera=(self), microphone=(), geolocation=()",
}
"""Headers of all answers: as for any server, with images that the script makes, and the camera."""

_MOST_SIDE = 4096  # pixels that a visitor may ask for
_MOST_STYLE = 1e3
T = TypeVar("T")


@dataclass(frozen=True)
class ShownModel:
    """A model of the page.

    Attributes:
        served: The model and the thread of its device.
        samples: The images that it can be tried on.
    """

    served: ServedModel
    samples: Samples


class DemoPages:
    """The routes of the page.

    Args:
        models: The models of the server.
        samples: The images that each can be tried on, by the model's name.
        images: The images of the page.
    """

    def __init__(self, models: Models, samples: Mapping[str, Samples], images: Images) -> None:
        self._models = [ShownModel(each, samples[each.name]) for each in models]
        self._images = images
        self._numbers = {
            (index, letter): [
                {"id": images.add_sample(one.path, one.shown), "name": one.path.name,
                 "group": one.group}
                for one in found
            ]
            for index, model in enumerate(self._models)
            for letter, found in model.samples.inputs.items()
        }  # fmt: skip
        self._directions: dict[tuple[int, str], Directions | None] = {}

    def routes(self) -> list[Route]:
        """Return the routes of the page."""
        table: list[tuple[str, Callable[[Request], Any], str]] = [
            ("/", self.page, "GET"),
            ("/favicon.ico", self.no_icon, "GET"),
            ("/demo/static/{name}", self.static, "GET"),
            ("/demo/models", self.facts, "GET"),
            ("/demo/image", self.image, "GET"),
            ("/demo/images", self.upload, "POST"),
            ("/demo/translate", self.translate, "POST"),
            ("/demo/directions", self.directions, "POST"),
        ]
        return [Route(path, page, methods=[method]) for path, page, method in table]

    def app(self) -> Starlette:
        """Return the application."""
        return Starlette(
            routes=self.routes(),
            exception_handlers={
                Refused: _refused, ValueError: _refused, OSError: _refused, BusyError: _refused,
                ClosedError: _refused, MemoryError: _refused, HTTPException: _refused,
            },
        )  # fmt: skip

    async def page(self, request: Request) -> Response:
        """Show the page."""
        names = ", ".join(each.served.name for each in self._models)
        return HTMLResponse(page_template("demo.html").render(names=names))

    async def static(self, request: Request) -> Response:
        """Send the script or the style sheet."""
        name = request.path_params["name"]
        if name not in _TYPES:
            raise Refused(404, "there is no such file")
        return FileResponse(STATIC / name, media_type=_TYPES[name])

    async def no_icon(self, request: Request) -> Response:
        """Answer that there is no icon."""
        return Response(status_code=204)

    async def facts(self, request: Request) -> Response:
        """Describe the models and their samples."""
        return JSONResponse([self._facts(index) for index in range(len(self._models))])

    def _facts(self, index: int) -> dict[str, Any]:
        shown = self._models[index]
        translator = shown.served.translator
        networks, config = translator.networks, translator.config
        targets = [] if networks.few_shot else list(translator.targets)
        single = bool(networks.labels) or networks.few_shot
        return shown.served.facts() | {
            "given": shown.served.given,
            "source": {name: "" if single else translator.source_letter(name) for name in targets},
            "of": {name: "" if single else translator.letter(name) for name in targets},
            "letter": networks.letters[0],
            "groups": [list(group) for group in networks.labels.groups] if networks.labels else [],
            "random": translator.multimodal,
            "references": networks.style_dim > 0
            and networks.kind.encode_style is not Method.encode_style,
            "trained": min(config.crop),
            "resizes": not networks.classes and networks.fixed_size is None
            and networks.layout != "super_resolution",
            "samples": {
                letter: found for (owner, letter), found in self._numbers.items() if owner == index
            },
            "made_by": shown.samples.made_by,
        }  # fmt: skip

    async def upload(self, request: Request) -> Response:
        """Keep an image of the visitor."""
        name = request.query_params.get("name", "image.png")[:200]
        number, path, (width, height) = self._images.add(await request.body(), name)
        return JSONResponse({"id": number, "name": path.name, "width": width, "height": height})

    async def image(self, request: Request) -> Response:
        """Send an image: its file, or as a model sees it."""
        query = request.query_params
        path = self._images.find(query.get("id", ""))
        if "model" not in query:
            return FileResponse(path, filename=path.name)
        shown = self._find(query["model"])
        translator = shown.served.translator
        to = _target(json.loads(query.get("to", "null")))
        size = _size(json.loads(query.get("size", "null")))
        data = await self._call(shown, lambda: preview_image(translator, path, to, size))
        width, height = probe(path).width, probe(path).height
        return Response(data, media_type="image/png", headers={"X-Size": f"{width}x{height}"})

    async def translate(self, request: Request) -> Response:
        """Translate an image."""
        fields = _fields(
            await request.body(), {"model", "image", "to", "seed", "style", "references", "size"}
        )
        shown = self._find(fields.get("model"))
        wish = self._wish(fields)
        made = await self._call(
            shown, lambda: translate_image(shown.served.translator, shown.served.given, wish)
        )
        return JSONResponse(
            {"image": b64encode(made.image).decode(), "style": made.style, "command": made.command,
             "notes": made.notes, "name": f"{wish.image.stem}.png"}
        )  # fmt: skip

    async def directions(self, request: Request) -> Response:
        """Return the principal directions of the styles of a target."""
        fields = _fields(await request.body(), {"model", "to"})
        shown, to = self._find(fields.get("model")), _target(fields.get("to"))
        key = self._models.index(shown), json.dumps(fields.get("to"), sort_keys=True)
        if key not in self._directions:
            found = await self._call(shown, lambda: _directions(shown, to))
            if len(self._directions) < 1000:
                self._directions[key] = found
        else:
            found = self._directions[key]
        if found is None:
            return JSONResponse({"steps": [], "shares": [], "of": ""})
        return JSONResponse({"steps": found.steps.tolist(), "shares": found.shares, "of": found.of})

    def _wish(self, fields: Mapping[str, Any]) -> Wish:
        """Return what is asked for.

        Raises:
            ValueError: A field has no meaning.
        """
        style, references, seed = fields.get("style"), fields.get("references"), fields.get("seed")
        if style is not None and (
            not isinstance(style, list) or not all(_is_number(number) for number in style)
        ):
            raise ValueError("style must be a list of numbers from -1000 to 1000")
        if references is not None and (
            not isinstance(references, list) or len(references) > 16
            or not all(isinstance(one, str) for one in references)
        ):  # fmt: skip
            raise ValueError("references must be a list of at most 16 images")
        if seed is not None and (type(seed) is not int or not 0 <= seed < 2**53):
            raise ValueError("seed must be a whole number from 0 to 9007199254740991")
        return Wish(
            self._images.find(str(fields.get("image"))),
            _target(fields.get("to")),
            seed or 0,
            None if style is None else tuple(map(float, style)),
            tuple(self._images.find(one) for one in references or ()),
            _size(fields.get("size")),
            self._images.shown,
        )

    def _find(self, index: object) -> ShownModel:
        text = str(index)
        if not text.isdecimal() or len(text) > 4 or int(text) >= len(self._models):
            raise ValueError("there is no such model on this page")
        return self._models[int(text)]

    async def _call(self, shown: ShownModel, function: Callable[[], T]) -> T:
        return await asyncio.wrap_future(shown.served.engine.call(function))


def _directions(shown: ShownModel, to: To | None) -> Directions | None:
    translator, styles = shown.served.translator, shown.samples.styles
    target = translator.resolve_target(to)
    letters = translator.networks.letters
    letter = letters[0] if len(letters) == 1 else translator.letter(target)
    return style_directions(translator, target, styles.get(letter, ()))


def _fields(body: bytes, known: set[str]) -> dict[str, Any]:
    """Parse the body of a request.

    Raises:
        ValueError: It is not JSON with these fields only.
    """
    try:
        fields = json.loads(body)
    except (ValueError, RecursionError):
        raise ValueError("expected a JSON object") from None
    if not isinstance(fields, dict) or fields.keys() - known:
        raise ValueError(f"expected a JSON object with {', '.join(sorted(known))}")
    return fields


def _target(to: object) -> To | None:
    """Check a target: a name, values 0 or 1 by name, or None."""
    if to is None or isinstance(to, str):
        return to
    if isinstance(to, dict) and all(value in (0, 1) for value in to.values()):
        return {str(name): int(value) for name, value in to.items()}
    raise ValueError("to must be a name, or values 0 or 1 by name")


def _size(size: object) -> int | None:
    if size is None or (type(size) is int and 1 <= size <= _MOST_SIDE):
        return size if size is None else int(str(size))
    raise ValueError(f"size must be a whole number of pixels from 1 to {_MOST_SIDE}")


def _is_number(value: object) -> bool:
    return (
        isinstance(value, int | float)
        and not isinstance(value, bool)
        and math.isfinite(value)
        and abs(value) <= _MOST_STYLE
    )


async def _refused(request: Request, error: Exception) -> Response:
    """Answer with one sentence."""
    headers: dict[str, str] = {}
    text, status = " ".join(str(error).split()), 400
    if isinstance(error, Refused):
        text, status, headers = error.reason, error.status, error.headers
    elif isinstance(error, HTTPException):
        text, status = "there is no such page", error.status_code
    elif isinstance(error, BusyError | ClosedError):
        text, status, headers = "the server is busy; try again", 503, {"Retry-After": "1"}
    elif isinstance(error, MemoryError):
        text, status = "the image does not fit in memory; choose a smaller size", 413
    return JSONResponse({"error": text or "the request can't be answered"}, status, headers)
