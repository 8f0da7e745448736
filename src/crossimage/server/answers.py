"""Answers of a server to requests that fail."""

from __future__ import annotations

import errno

from starlette.exceptions import HTTPException
from starlette.responses import JSONResponse, Response

from crossimage.server.engine import BusyError, ClosedError
from crossimage.server.guard import Refused
from crossimage.utils.memory import is_out_of_memory
from crossimage.utils.texts.shown import first_line

_REASONS = {404: "there is nothing at this address", 405: "this method is not answered here"}
_RETRY, _RETRY_ELSEWHERE = "1", "30"  # seconds after which a client may ask again


def refusal_response(refused: Refused) -> Response:
    """Return the answer that says why a request is refused."""
    return JSONResponse(
        {"error": refused.reason}, refused.status, {"Connection": "close", **refused.headers}
    )


def refused_by(error: Exception) -> Refused:
    """Return the message for a client about an error.

    Raises:
        Exception: The error itself, if it is a mistake of ours.
    """
    match error:
        case Refused():
            return error
        case HTTPException():
            reason = _REASONS.get(error.status_code, error.detail)
            return Refused(error.status_code, reason, error.headers)
        case BusyError():
            return Refused(503, f"{error}; ask again later", {"Retry-After": _RETRY})
        case ClosedError():
            return Refused(503, str(error), {"Retry-After": _RETRY_ELSEWHERE})
        case OSError(errno=errno.ENOSPC | errno.EDQUOT | errno.EFBIG):
            reason = "the server has no room for temporary files; ask again later"
            return Refused(507, reason, {"Retry-After": _RETRY_ELSEWHERE})
        case ValueError() | OSError():  # about the image, or what does not fit
            return Refused(422, first_line(error))
    if isinstance(error, RecursionError) or is_out_of_memory(error):
        return Refused(413, "the image does not fit in memory; choose a smaller size")
    raise error
