"""Answering a request as its fault says."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence

from aiohttp import web

from .faults import HttpFault, HttpFaultKind

HTML = "<html><body><h1>It works!</h1></body></html>"


async def answer(
    request: web.Request,
    pieces: Sequence[bytes],
    *,
    content_type: str,
    fault: HttpFault | None,
    pause: float = 0.0,
) -> web.StreamResponse:
    """Send a body piece by piece, `pause` seconds apart, or fail on the way.

    An answer that is no stream has one piece.
    """
    return await answer_as_made(
        request, _paced(pieces, pause), content_type=content_type, fault=fault
    )


async def answer_as_made(
    request: web.Request,
    pieces: AsyncIterator[bytes],
    *,
    content_type: str,
    fault: HttpFault | None,
) -> web.StreamResponse:
    """The same for a body that is made meanwhile."""
    if fault is not None:
        refused = await _refused(fault)
        if refused is not None:
            return refused
    response = web.StreamResponse(headers={"Content-Type": content_type})
    await response.prepare(request)
    number = 0
    async for piece in pieces:
        if (
            fault is not None
            and number == fault.after
            and await _broken(request, response, piece, fault)
        ):
            return response
        await response.write(piece)
        number += 1
    await response.write_eof()
    return response


async def _paced(pieces: Sequence[bytes], pause: float) -> AsyncIterator[bytes]:
    for number, piece in enumerate(pieces):
        if pause and number:
            await asyncio.sleep(pause)
        yield piece


async def _refused(fault: HttpFault) -> web.StreamResponse | None:
    """The answer where nothing of the right one is sent."""
    match fault.kind:
        case HttpFaultKind.STATUS:
            headers = {} if fault.retry_after is None else {"Retry-After": f"{fault.retry_after:g}"}
            return web.Response(
                status=fault.status,
                text=fault.body,
                content_type="application/json",
                headers=headers,
            )
        case HttpFaultKind.WRONG_TYPE:
            return web.Response(text=HTML, content_type="text/html")
        case HttpFaultKind.EMPTY:
            return web.Response(body=b"")
        case HttpFaultKind.SLOW_FIRST_BYTE:
            await asyncio.sleep(fault.seconds)
    return None


async def _broken(
    request: web.Request, response: web.StreamResponse, piece: bytes, fault: HttpFault
) -> bool:
    """Fail before a piece; says whether the answer is over."""
    match fault.kind:
        case HttpFaultKind.STALL:
            await asyncio.sleep(fault.seconds)
        case HttpFaultKind.RESET:
            if request.transport is not None:
                request.transport.abort()
        case HttpFaultKind.TRUNCATED:
            await response.write(piece[: len(piece) // 2])
            await response.write_eof()
        case _:
            return False
    return True
