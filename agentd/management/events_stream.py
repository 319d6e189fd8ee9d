"""GET /events: the feed as server-sent events."""

from __future__ import annotations

import logging
import socket

from aiohttp import web

from agentd.aio.timing import now, wait_event, within
from agentd.errors import ControlRefused

from .feed import KEEP_ALIVE, EventFeed, Reader, TooSlow, is_id

logger = logging.getLogger("agentd.management")

PATH = "/events"

WRITE_TIMEOUT = 5.0
"""Seconds that a reader may take to make room for more, before it is dropped."""

SEND_BUFFER = 128 * 1024
"""Bytes that the kernel keeps for one reader, about."""

HEADERS = {
    "Content-Type": "text/event-stream; charset=utf-8",
    "Cache-Control": "no-store",
    "X-Content-Type-Options": "nosniff",
    "X-Accel-Buffering": "no",  # a proxy (nginx) would gather a page of them first
}


class EventsStream:
    """Serves a feed."""

    def __init__(self, feed: EventFeed) -> None:
        self._feed = feed
        self._closing = False

    def add_to(self, app: web.Application) -> None:
        """Mount it; the app also needs `answers.json_errors`."""
        app.router.add_get(PATH, self._watch)
        app.on_shutdown.append(self._close)

    async def _watch(self, request: web.Request) -> web.StreamResponse:
        after = _after(request)
        if self._closing or not self._feed.serves:
            raise ControlRefused("the daemon is starting or ending", code="busy")
        if not self._feed.has_room:
            raise ControlRefused("too many watch already", code="busy", retry_after=5)
        response = web.StreamResponse(headers=HEADERS)
        reader = self._feed.join(after)
        try:
            _bound_buffer(request)
            await within(now() + WRITE_TIMEOUT, response.prepare(request))
            await self._tell(response, reader)
        except (TimeoutError, TooSlow):
            self._drop(request)
        except ConnectionError:
            pass  # it has gone
        finally:
            self._feed.leave(reader)
        return response

    async def _tell(self, response: web.StreamResponse, reader: Reader) -> None:
        """Until the reader goes away, or the server ends."""
        while True:
            ends = self._closing or not self._feed.serves  # and then once more, for the last words
            news = self._feed.read(reader)
            if news:
                await within(now() + WRITE_TIMEOUT, response.write(news))
            if ends:
                return
            # The status comes that often anyway; twice that is for a loop that is busy.
            await wait_event(reader.woken, 2 * KEEP_ALIVE)

    def _drop(self, request: web.Request) -> None:
        self._feed.dropped += 1
        logger.warning(
            "a reader of /events was too slow and was dropped; it may come again",
            extra={"action": "event_reader_dropped", "dropped": self._feed.dropped},
        )
        # Else what it has not read would be waited for.
        if request.transport is not None:
            request.transport.abort()

    async def _close(self, _: web.Application) -> None:
        self._closing = True
        self._feed.wake()


def _bound_buffer(request: web.Request) -> None:
    """The kernel would keep megabytes for a reader that does not read."""
    sock = None if request.transport is None else request.transport.get_extra_info("socket")
    if sock is not None:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, SEND_BUFFER)


def _after(request: web.Request) -> str:
    """The id of the last message that the client has; raises ControlRefused for what is none."""
    after = request.headers.get("Last-Event-ID", "") or request.query.get("after", "")
    if after and not is_id(after):
        raise ControlRefused("after: that is no id of a message", code="bad_request")
    return after
