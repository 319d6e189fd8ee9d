"""JSON answers, and every failure of a handler as one."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from typing import TypeVar

import msgspec
from aiohttp import hdrs, web
from msgspec import Struct

from agentd.aio.timing import now, within
from agentd.errors import ControlRefused
from agentd.masking import masked

from .views import ErrorBody, ErrorText

logger = logging.getLogger("agentd.management")

MAX_BODY = 64 * 1024
"""Bytes of a request's body."""

HANDLER_TIMEOUT = 8.0
"""Seconds for a handler, the reading of its request included: three reads of a slow journal."""

STATUSES = {
    "bad_request": 400,
    "unauthorized": 401,
    "forbidden": 403,
    "not_found": 404,
    "method_not_allowed": 405,
    "conflict": 409,
    "too_large": 413,
    "unsupported_media_type": 415,
    "wrong_host": 421,
    "too_many_failures": 429,
    "internal": 500,
    "livekit": 502,
    "busy": 503,
    "timeout": 504,
}
"""The HTTP status of each code of an error."""

CODES = {status: code for code, status in STATUSES.items()}

BodyT = TypeVar("BodyT", bound=Struct)

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


def as_json(body: Struct) -> bytes:
    """A Struct as JSON, known secrets masked."""
    return masked(msgspec.json.encode(body).decode()).encode()


def answer(body: Struct, status: int = 200) -> web.Response:
    """A Struct as JSON."""
    return web.Response(body=as_json(body), status=status, content_type="application/json")


def document_answer(document: bytes) -> web.Response:
    """JSON that is encoded already."""
    return web.Response(body=document, content_type="application/json")


def error_answer(code: str, message: str, *, retry_after: int | None = None) -> web.Response:
    """Why a request was not carried out."""
    body = ErrorBody(error=ErrorText(code=code, message=message))
    response = answer(body, STATUSES.get(code, 500))
    if code == "unauthorized":
        response.headers[hdrs.WWW_AUTHENTICATE] = 'Bearer realm="agentd"'
    if retry_after is not None:
        response.headers[hdrs.RETRY_AFTER] = str(retry_after)
    return response


def timed(handler: Handler) -> Handler:
    """A handler that must have answered within `HANDLER_TIMEOUT`."""

    async def handle(request: web.Request) -> web.StreamResponse:
        return await within(now() + HANDLER_TIMEOUT, handler(request))

    return handle


@web.middleware
async def json_errors(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Every way not to succeed is told as `{"error": {"code", "message"}}`."""
    try:
        return await handler(request)
    except ControlRefused as error:
        return error_answer(error.code, str(error), retry_after=error.retry_after)
    except web.HTTPException as error:
        return _http_error(request, error)
    except TimeoutError:
        return error_answer("timeout", f"there was no answer within {HANDLER_TIMEOUT:g} s")
    except ConnectionError:
        raise  # the client has gone: there is nobody to tell
    except Exception as error:
        # The border to the daemon's views: a fault there must not look like an empty answer.
        logger.exception(
            "a request of the control API failed; it was answered with an error",
            extra={"action": "control_failed", "path": request.path, "reason": str(error)},
        )
        return error_answer("internal", "a fault of agentd; its log has the traceback")


def _http_error(request: web.Request, error: web.HTTPException) -> web.StreamResponse:
    """aiohttp's own refusals: no such path or method, a body too large or malformed."""
    if error.status < 400:
        return error
    code = CODES.get(error.status, "bad_request")
    messages = {
        "not_found": f"there is no {request.path}",
        "method_not_allowed": f"{request.path} does not take {request.method}",
        "too_large": f"the body is over {MAX_BODY} bytes",
    }
    response = error_answer(code, messages.get(code, error.reason))
    if "Allow" in error.headers:
        response.headers["Allow"] = error.headers["Allow"]
    return response


async def read_body(request: web.Request, kind: type[BodyT]) -> BodyT:
    """The request's body; raises ControlRefused.

    The content type must be JSON: a form on a foreign web page can't send that unasked.
    """
    if request.content_type != "application/json":
        raise ControlRefused(
            "the body must be sent with Content-Type: application/json",
            code="unsupported_media_type",
        )
    try:
        return msgspec.json.decode(await request.read(), type=kind)
    except msgspec.MsgspecError as error:
        raise ControlRefused(f"the body can't be used: {error}", code="bad_request") from error
    except asyncio.IncompleteReadError as error:
        raise ControlRefused("the body broke off", code="bad_request") from error


def read_query(request: web.Request, kind: type[BodyT]) -> BodyT:
    """What is asked after the question mark; raises ControlRefused."""
    query = request.query
    if len(query) != len(set(query)):
        raise ControlRefused("the query names something twice", code="bad_request")
    try:
        return msgspec.convert(dict(query), kind, strict=False)
    except msgspec.ValidationError as error:
        raise ControlRefused(f"the query can't be used: {error}", code="bad_request") from error
