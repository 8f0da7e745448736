"""The API for products: translations, styles, and descriptions of the models."""

from __future__ import annotations

import asyncio
import base64
import hmac
import time
from collections.abc import Awaitable, Callable
from concurrent.futures import Future
from typing import Any, TypeVar

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from crossimage.server.answers import refusal_response, refused_by
from crossimage.server.guard import Refused
from crossimage.server.models import Models, ServedModel
from crossimage.server.openapi import document
from crossimage.server.requests import (
    TYPES,
    StyleOptions,
    StyleRequest,
    TranslateOptions,
    TranslateRequest,
    read_request,
)
from crossimage.server.telemetry import CONTENT_TYPE, Telemetry
from crossimage.server.work import Work

T = TypeVar("T")


class Api:
    """The API of a server.

    Args:
        models: Its models.
        token: What clients prove themselves by (``Authorization: Bearer ...``); empty: nothing.
        timeout: Most seconds until a request is answered.

    Attributes:
        routes: What it answers.
    """

    def __init__(self, models: Models, token: str = "", timeout: float = 60.0) -> None:
        self._models, self._token, self._timeout = models, token, timeout
        self._telemetry, self._work = Telemetry(models), Work()
        self.routes = [
            Route("/v1/translate", self._answer(self.translate), methods=["POST"]),
            Route("/v1/style", self._answer(self.style), methods=["POST"]),
            Route("/v1/models", self._answer(self.list_models), methods=["GET"]),
            Route("/metrics", self._answer(self.metrics), methods=["GET"]),
            Route("/openapi.json", self.openapi, methods=["GET"]),
            Route("/health", self.health, methods=["GET"]),
            Route("/ready", self.health, methods=["GET"]),
        ]

    async def translate(self, request: Request) -> Response:
        """Translate an image."""
        began = time.monotonic()
        asked = await read_request(request, TranslateRequest, TranslateOptions, self._work.parse)
        served = self._find(asked.model)
        if asked.reference is not None and asked.style is not None:
            raise Refused(422, "style and reference are mutually exclusive: give one of them")
        task, result = await self._until_done(request, self._work.translate(served, asked))
        self._telemetry.seconds.labels(served.name).observe(time.monotonic() - began)
        code = None if task.draw.style is None else _rounded(task.draw.style[0].tolist())
        if "application/json" in request.headers.get("accept", ""):
            return JSONResponse(
                {
                    "image": base64.b64encode(result.image).decode(),
                    "type": TYPES[asked.format],
                    "width": result.width,
                    "height": result.height,
                    "model": served.name,
                    "seed": task.seed,
                    "style": code,
                    "notes": task.original.notes,
                }
            )
        headers = {"Crossimage-Model": served.name}
        if task.seed is not None:
            headers["Crossimage-Seed"] = str(task.seed)
        if code is not None and len(code) <= 64:
            headers["Crossimage-Style"] = ",".join(map(str, code))
        response = Response(result.image, media_type=TYPES[asked.format], headers=headers)
        for note in task.original.notes:
            response.headers.append("Crossimage-Note", _header(note))
        return response

    async def style(self, request: Request) -> Response:
        """Return the style of an image of a target."""
        asked = await read_request(request, StyleRequest, StyleOptions, self._work.parse)
        served = self._find(asked.model)
        code = await self._until_done(request, self._work.style(served, asked))
        return JSONResponse({"model": served.name, "style": _rounded(code[0].tolist())})

    async def list_models(self, request: Request) -> Response:
        """Return what the models are."""
        return JSONResponse({"models": [model.facts() for model in self._models]})

    async def metrics(self, request: Request) -> Response:
        """Return figures for Prometheus."""
        return Response(self._telemetry.page(), media_type=CONTENT_TYPE)

    async def openapi(self, request: Request) -> Response:
        """Return the description of this API."""
        return JSONResponse(document(bool(self._token)))

    async def health(self, request: Request) -> Response:
        """Say that the server answers; it is ready from its first answer on."""
        return JSONResponse({"status": "ok"})

    def close(self) -> None:
        """End the threads."""
        self._models.close()
        self._work.close()

    def _find(self, name: str | None) -> ServedModel:
        try:
            return self._models.find(name)
        except ValueError as error:
            raise Refused(404, str(error)) from None

    def _answer(
        self, handler: Callable[[Request], Awaitable[Response]]
    ) -> Callable[[Request], Awaitable[Response]]:
        """Return a handler that checks the token, counts, and turns errors into answers."""

        async def answer(request: Request) -> Response:
            path = request.url.path
            request.state.deadline = time.monotonic() + self._timeout
            try:
                self._check_token(request)
                response = await handler(request)
            except Exception as error:
                response = refusal_response(refused_by(error))
            self._telemetry.requests.labels(path, response.status_code).inc()
            return response

        return answer

    def _check_token(self, request: Request) -> None:
        if not self._token:
            return
        given = request.headers.get("authorization", "")
        expected = f"Bearer {self._token}"
        if not hmac.compare_digest(given.encode(), expected.encode()):
            raise Refused(
                401,
                "expected the header `Authorization: Bearer TOKEN` with the server's token",
                {"WWW-Authenticate": "Bearer"},
            )

    async def _until_done(self, request: Request, future: Future[T]) -> T:
        """Wait for a result, as long as the client does.

        Raises:
            Refused: It takes too long, or the client has gone.
        """
        result: asyncio.Future[Any] = asyncio.wrap_future(future)
        gone: asyncio.Future[Any] = asyncio.ensure_future(_disconnected(request))
        try:
            await asyncio.wait(
                [result, gone],
                timeout=max(0.0, request.state.deadline - time.monotonic()),
                return_when=asyncio.FIRST_COMPLETED,
            )
            if result.done():
                return result.result()
            if gone.done():
                raise Refused(499, "the client has gone")
            raise Refused(
                504, f"the answer takes longer than {self._timeout:g} seconds; shrink the image"
            )
        finally:
            gone.cancel()
            result.cancel()  # one that waits is not computed


async def _disconnected(request: Request) -> None:
    while (await request.receive())["type"] != "http.disconnect":
        pass


def _header(text: str) -> str:
    """Return a text as the value of a header: one line of ASCII characters."""
    return " ".join(text.split()).encode("ascii", "backslashreplace").decode()


def _rounded(numbers: list[Any]) -> list[float]:
    """Return numbers as they are written: with the digits that a float32 has."""
    return [float(f"{number:.8g}") for number in numbers]
