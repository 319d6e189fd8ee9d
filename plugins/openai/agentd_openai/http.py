"""The SDK's HTTP client, with our limits and with patience for connections that were kept."""

from __future__ import annotations

import ssl
from typing import Any

import httpx2
import openai

CONNECT_TIMEOUT = 15.0
"""Seconds to connect, as in livekit-agents (row 242); a call's own deadline is shorter."""
IO_TIMEOUT = 5.0
"""Seconds to write, and to wait for a connection of the pool."""
KEEPALIVE = 120.0
"""Seconds that an idle connection is kept: the pauses of a conversation are longer than the SDK's
5 s, and each new connection costs two to three round trips."""
MAX_IDLE_CONNECTIONS = 10
TRUST: ssl.SSLContext = httpx2.create_ssl_context()
"""The authorities to trust. To read them takes 40 ms, so that it is done once, while the app is
imported, and not for each client in a call."""

NEW_OR_ANSWERED = frozenset(
    {"connection.connect_tcp.started", "http11.receive_response_headers.complete"}
)
"""Events of a request after which its failure is one: it has a connection of its own, or an
answer."""


class HttpClient(openai.DefaultAsyncHttpxClient):
    """Asks again where a kept connection proves closed.

    A service may close an idle connection in the very moment in which it is used: nothing is
    answered then, and nothing is wrong with the service. Told as a failure it would cost a retry,
    count against the service, and send a call with a fallback to another model. A request on a
    connection that was made for it is sent once.
    """

    async def send(
        self, request: httpx2.Request, *, stream: bool = False, **kwargs: Any
    ) -> httpx2.Response:
        """See the base class."""
        for _ in range(MAX_IDLE_CONNECTIONS):
            seen: set[str] = set()

            async def trace(event: str, info: Any, seen: set[str] = seen) -> None:
                seen.add(event)

            request.extensions = {**request.extensions, "trace": trace}
            try:
                return await super().send(request, stream=stream, **kwargs)
            except (httpx2.NetworkError, httpx2.RemoteProtocolError):
                if seen & NEW_OR_ANSWERED:
                    raise
        return await super().send(request, stream=stream, **kwargs)


def make_http_client() -> HttpClient:
    """One for a client of the SDK; nothing is connected before it is used."""
    return HttpClient(
        timeout=openai.Timeout(
            connect=CONNECT_TIMEOUT, read=None, write=IO_TIMEOUT, pool=IO_TIMEOUT
        ),
        limits=httpx2.Limits(
            max_connections=None,
            max_keepalive_connections=MAX_IDLE_CONNECTIONS,
            keepalive_expiry=KEEPALIVE,
        ),
        verify=TRUST,
    )
