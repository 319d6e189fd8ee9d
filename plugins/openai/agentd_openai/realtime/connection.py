"""One WebSocket of the SDK's: events out and in, and its failures as agentd's errors."""

from __future__ import annotations

import logging
from collections import OrderedDict
from typing import Any, cast

import msgspec
import openai
from openai import BaseModel
from openai.resources.realtime.realtime import AsyncRealtimeConnection
from openai.types.realtime import RealtimeServerEvent
from openai.types.websocket_connection_options import WebSocketConnectionOptions
from websockets.exceptions import ConnectionClosed, InvalidStatus, WebSocketException

from agentd.aio.timing import wall_time
from agentd.errors import (
    APIConnectionError,
    APIError,
    APITimeoutError,
    create_api_error_from_http,
)
from agentd_openai.errors import api_errors, excerpt, retry_after

from .wire import ClientEvent

logger = logging.getLogger("agentd.openai")

PING_INTERVAL = 5.0
PONG_WAIT = 10.0
"""Seconds after which a connection that does not answer a ping counts as lost."""
CLOSE_WAIT = 1.0
"""Seconds that the service has to answer a close."""
MAX_SEEN = 256
MAX_MESSAGE = 32 * 1024 * 1024
"""Bytes. An event with a second of audio has 64 kB."""

HOPELESS_CLOSES = frozenset({1003, 1007, 1008, 3000, 3003})
"""Close codes that speak of what we are or send: another connection would end the same."""


class Connection:
    """Made by `connect`; `receive` is called by one task at a time."""

    def __init__(self, inner: AsyncRealtimeConnection, label: str) -> None:
        self._inner = inner
        self._label = label
        self._seen: OrderedDict[str, None] = OrderedDict()
        """Ids of the last events: what comes twice happened once."""

    async def send(self, event: ClientEvent) -> None:
        """Send an event. Raises APIConnectionError where the connection is gone."""
        try:
            await self._inner.send_raw(msgspec.json.encode(event).decode())
        except ConnectionClosed as closed:
            raise _as_closed(closed, self._label) from closed
        except (WebSocketException, OSError) as error:
            raise APIConnectionError(f"{self._label}: sending failed: {error}") from error

    async def receive(self) -> RealtimeServerEvent:
        """The next event; what is none is told in the log. Raises APIConnectionError at the end."""
        while True:
            try:
                data = await self._inner.recv_bytes()
            except ConnectionClosed as closed:
                raise _as_closed(closed, self._label) from closed
            except (WebSocketException, OSError) as error:
                raise APIConnectionError(f"{self._label} is out of reach: {error}") from error
            try:
                event: Any = self._inner.parse_event(data)
            except (ValueError, RecursionError) as error:
                event = error
            if isinstance(event, BaseModel):
                if self._is_new(getattr(event, "event_id", None)):
                    return cast("RealtimeServerEvent", event)
                continue
            logger.warning(
                "an event of the realtime service can't be read, and is left out",
                extra={
                    "action": "realtime_event_unreadable",
                    "model": self._label,
                    "bytes": len(data),
                    "error": excerpt(str(event)),
                },
            )

    def _is_new(self, event_id: str | None) -> bool:
        if not event_id:
            return True
        if event_id in self._seen:
            return False
        self._seen[event_id] = None
        if len(self._seen) > MAX_SEEN:
            self._seen.popitem(last=False)
        return True

    async def aclose(self) -> None:
        """Close it; takes CLOSE_WAIT at the longest. May be repeated."""
        try:
            await self._inner.close()
        except (WebSocketException, OSError):
            pass  # it was closed by the other side


async def connect(
    client: openai.AsyncClient,
    *,
    model: str,
    label: str,
    timeout: float,
    transcribes: bool = False,
) -> Connection:
    """Open a connection, for a conversation or for transcription only.

    Raises APIError: a status for a refusal, else what went wrong.
    """
    options = cast(
        "WebSocketConnectionOptions",  # which does not name these, and hands them on
        {
            "open_timeout": timeout,
            "ping_interval": PING_INTERVAL,
            "ping_timeout": PONG_WAIT,
            "close_timeout": CLOSE_WAIT,
            "max_size": MAX_MESSAGE,
            "compression": None,
        },
    )
    try:
        with api_errors(label):
            made = client.realtime.connect(
                model=openai.omit if transcribes else model,
                extra_query={"intent": "transcription"} if transcribes else {},
                websocket_connection_options=options,
            )
            return Connection(await made.enter(), label)
    except InvalidStatus as refused:
        raise _as_status(refused, label) from refused
    except TimeoutError as error:
        if isinstance(error, APIError):
            raise
        raise APITimeoutError(f"{label} did not answer in time") from error
    except (WebSocketException, OSError, EOFError) as error:
        raise APIConnectionError(f"{label} is out of reach: {error}") from error


def _as_status(refused: InvalidStatus, label: str) -> APIError:
    response = refused.response
    body = (response.body or b"").decode(errors="replace")
    return create_api_error_from_http(
        f"{label} refused the connection: {excerpt(body)}",
        status=response.status_code,
        request_id=response.headers.get("x-request-id"),
        body=body,
        retry_after=retry_after(response.headers, now=wall_time()),
    )


def _as_closed(closed: ConnectionClosed, label: str) -> APIConnectionError:
    code = closed.rcvd.code if closed.rcvd is not None else 1006
    reason = f": {closed.rcvd.reason}" if closed.rcvd is not None and closed.rcvd.reason else ""
    error = APIConnectionError(f"{label} closed the connection ({code}){reason}")
    error.retryable = code not in HOPELESS_CLOSES
    return error
