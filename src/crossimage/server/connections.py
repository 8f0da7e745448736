"""Connections of clients that begin no request, or do not read their answer."""

from __future__ import annotations

import asyncio

from uvicorn.protocols.http.h11_impl import H11Protocol

HEAD_PATIENCE = 20.0
"""Seconds in which the headers of a request must arrive."""
ANSWER_PATIENCE = 60.0
"""Seconds for which a client may leave an answer unread."""


class Connection(H11Protocol):
    """A connection that is closed when its client takes too long; the rest is uvicorn's."""

    _head: asyncio.TimerHandle | None = None
    _answer: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Wait for the first request."""
        super().connection_made(transport)
        self._expect_head()

    def data_received(self, data: bytes) -> None:
        """Wait for the rest of the headers, unless they are there."""
        super().data_received(data)
        self._expect_head()

    def pause_writing(self) -> None:
        """Wait for the client to read."""
        super().pause_writing()
        if self._answer is None:
            self._answer = self.loop.call_later(ANSWER_PATIENCE, self.transport.abort)

    def resume_writing(self) -> None:
        """Wait no longer, as the client reads."""
        super().resume_writing()
        self._stop_answer()

    def connection_lost(self, exc: Exception | None) -> None:
        """Wait for nothing more."""
        super().connection_lost(exc)
        self._stop_head()
        self._stop_answer()

    def _expect_head(self) -> None:
        """Start the time of headers, which further bytes of them do not prolong."""
        if self.cycle is not None and not self.cycle.response_complete:
            self._stop_head()
        elif self._head is None and not self.transport.is_closing():
            self._head = self.loop.call_later(HEAD_PATIENCE, self.transport.abort)

    def _stop_head(self) -> None:
        if self._head is not None:
            self._head.cancel()
            self._head = None

    def _stop_answer(self) -> None:
        if self._answer is not None:
            self._answer.cancel()
            self._answer = None
