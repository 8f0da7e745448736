"""The page on which models are tried, and the requests of its script."""

from __future__ import annotations

import asyncio
import json
from base64 import b64encode
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from starlette.requests import Request
from starlette.responses import FileResponse, HTMLResponse, JSONResponse, Response
from starlette.routing import BaseRoute, Mount, Route
from starlette.staticfiles import StaticFiles

from crossimage.data.images.files import probe
from crossimage.labels import To
from crossimage.server.demo.directions import Directions, style_directions
from crossimage.server.demo.fields import DemoFields, PreviewFields, TargetFields
from crossimage.server.demo.images import PageImages
from crossimage.server.demo.results import DemoRequest, preview_image, translate_image
from crossimage.server.demo.samples import Samples
from crossimage.server.guard import HEADERS
from crossimage.server.models import Models, ServedModel
from crossimage.server.requests import checked, parse_json
from crossimage.utils.html import page_template

STATIC = Path(__file__).parent / "static"
PAGE_HEADERS = HEADERS | {
    "Content-Security-Policy": HEADERS["Content-Security-Policy"].replace(
        "img-src 'self'", "img-src 'self' blob:"
    ),
    "Permissions-Policy": "camera=(self), microphone=(), geolocation=()",
}
"""Headers of all answers: as for any server, with images that the script makes, and the camera."""

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

    def __init__(self, models: Models, samples: Mapping[str, Samples], images: PageImages) -> None:
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

    def routes(self) -> list[BaseRoute]:
        """Return the routes of the page."""
        table: list[tuple[str, Callable[[Request], Any], str]] = [
            ("/", self.page, "GET"),
            ("/favicon.ico", self.no_icon, "GET"),
            ("/demo/models", self.facts, "GET"),
            ("/demo/image", self.image, "GET"),
            ("/demo/images", self.upload, "POST"),
            ("/demo/translate", self.translate, "POST"),
            ("/demo/directions", self.directions, "POST"),
        ]
        pages = [Route(path, page, methods=[method]) for path, page, method in table]
        return [*pages, Mount("/demo/static", StaticFiles(directory=STATIC))]

    async def page(self, request: Request) -> Response:
        """Show the page."""
        names = ", ".join(each.served.name for each in self._models)
        return HTMLResponse(page_template("demo.html").render(names=names))

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
            "source": {name: "" if single else translator.target(name).source for name in targets},
            "of": {name: "" if single else translator.letter(name) for name in targets},
            "letter": networks.letters[0],
            "groups": [list(group) for group in networks.labels.groups] if networks.labels else [],
            "sets": [[each.names, each.categorical] for each in networks.labels.sets]
            if networks.labels else [],
            "styles_of_all": translator.random_styles.are_mapped,
            "random": translator.multimodal,
            "references": networks.style_dim > 0 and networks.encodes_styles,
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
        values = {name: parse_json(query.get(name, "null").encode()) for name in ("to", "size")}
        asked = checked({"model": query["model"], **values}, PreviewFields)
        shown = self._find(asked.model)
        translator = shown.served.translator
        data = await self._call(
            shown, lambda: preview_image(translator, path, asked.to, asked.size)
        )
        width, height = probe(path).width, probe(path).height
        return Response(data, media_type="image/png", headers={"X-Size": f"{width}x{height}"})

    async def translate(self, request: Request) -> Response:
        """Translate an image."""
        asked = checked(parse_json(await request.body()), DemoFields)
        shown = self._find(asked.model)
        wanted = self._request_of(asked)
        made = await self._call(
            shown, lambda: translate_image(shown.served.translator, shown.served.given, wanted)
        )
        return JSONResponse(
            {"image": b64encode(made.image).decode(), "style": made.style, "command": made.command,
             "notes": made.notes, "name": f"{wanted.image.stem}.png"}
        )  # fmt: skip

    async def directions(self, request: Request) -> Response:
        """Return the principal directions of the styles of a target."""
        asked = checked(parse_json(await request.body()), TargetFields)
        shown = self._find(asked.model)
        key = asked.model, json.dumps(asked.to, sort_keys=True)
        if key not in self._directions:
            found = await self._call(shown, lambda: _directions(shown, asked.to))
            if len(self._directions) < 1000:
                self._directions[key] = found
        else:
            found = self._directions[key]
        if found is None:
            return JSONResponse({"steps": [], "shares": [], "of": ""})
        return JSONResponse({"steps": found.steps.tolist(), "shares": found.shares, "of": found.of})

    def _request_of(self, asked: DemoFields) -> DemoRequest:
        """Return what is asked for.

        Raises:
            ValueError: An image is not known here.
        """
        return DemoRequest(
            self._images.find(asked.image),
            asked.to,
            asked.seed,
            None if asked.style is None else tuple(asked.style),
            tuple(self._images.find(one) for one in asked.references or ()),
            asked.size,
            self._images.shown,
        )

    def _find(self, index: int) -> ShownModel:
        if index >= len(self._models):
            raise ValueError("there is no such model on this page")
        return self._models[index]

    async def _call(self, shown: ShownModel, function: Callable[[], T]) -> T:
        return await asyncio.wrap_future(shown.served.engine.call(function))


def _directions(shown: ShownModel, to: To | None) -> Directions | None:
    translator, styles = shown.served.translator, shown.samples.styles
    target = translator.target(to)
    return style_directions(translator, target, styles.get(target.letter, ()))
