"""MCP servers over HTTP: streamable HTTP, and the older SSE."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from functools import partial
from typing import Any, Literal, Unpack
from urllib.parse import urlsplit

import httpx2
from mcp.client.sse import sse_client
from mcp.client.streamable_http import MCP_SESSION_ID, streamable_http_client

from .server import MCPServer, ServerOptions
from .wire import MAX_MESSAGE_BYTES, Wire

TransportType = Literal["sse", "streamable_http"]


class MCPServerHTTP(MCPServer):
    """A server behind a URL."""

    def __init__(
        self,
        url: str,
        transport_type: TransportType | None = None,
        allowed_tools: Sequence[str] | None = None,
        headers: Mapping[str, str] | None = None,
        timeout: float = 5.0,
        sse_read_timeout: float = 300.0,
        client_session_timeout_seconds: float = 5.0,
        **options: Unpack[ServerOptions],
    ) -> None:
        """The other options are MCPServer's.

        Args:
            url: Where it is.
            transport_type: How it speaks; unless given, streamable HTTP where the URL's path ends
                in `/mcp`, and SSE otherwise.
            allowed_tools: Names of those of its tools that are offered; all unless given.
            headers: Sent with each request, such as `Authorization`.
            timeout: Seconds to connect, and to send a request.
            sse_read_timeout: Seconds of silence on a stream that is open.
            client_session_timeout_seconds: Seconds for the server to say hello, and for its list.
        """
        super().__init__(
            default_name=urlsplit(url).hostname or url,
            allowed_tools=allowed_tools,
            client_session_timeout_seconds=client_session_timeout_seconds,
            **options,
        )
        self._url = url
        self.transport_type: TransportType = transport_type or choose_transport(url)
        self._headers = dict(headers or {})
        self._limits = httpx2.Timeout(timeout, read=sse_read_timeout)

    @asynccontextmanager
    async def client_streams(self, wire: Wire) -> AsyncIterator[Any]:
        """See MCPServer."""
        client = partial(WatchedClient, wire, headers=self._headers, timeout=self._limits)
        if self.transport_type == "sse":
            factory: Any = lambda **_: client()  # noqa: E731 - it takes what is given here already
            async with sse_client(self._url, httpx_client_factory=factory) as streams:
                yield streams
        else:
            async with (
                client() as made,
                streamable_http_client(
                    self._url, http_client=made, max_sse_event_size=MAX_MESSAGE_BYTES
                ) as streams,
            ):
                yield streams


def choose_transport(url: str) -> TransportType:
    """How a server behind a URL speaks, by livekit-agents' rule."""
    return "streamable_http" if urlsplit(url).path.rstrip("/").endswith("/mcp") else "sse"


class WatchedClient(httpx2.AsyncClient):
    """A client that tells what went wrong: the SDK keeps most of it to itself."""

    def __init__(self, wire: Wire, **options: Any) -> None:
        super().__init__(**options)
        self._wire = wire

    async def send(self, request: httpx2.Request, **options: Any) -> httpx2.Response:
        """Send a request; what fails is noted."""
        try:
            response = await super().send(request, **options)
        except httpx2.ConnectError as error:
            self._wire.lose(f"it can't be reached: {error}")
            raise
        if response.status_code >= 400:
            self._note_status(request, response)
        if response.headers.get("content-type", "").lower().startswith("application/json"):
            response.stream = Limited(response.stream)
        return response

    def _note_status(self, request: httpx2.Request, response: httpx2.Response) -> None:
        if response.status_code == 404 and MCP_SESSION_ID in request.headers:
            self._wire.lose("it has forgotten the session: it was started anew")
        elif request.method == "POST":
            self._wire.fault = f"it answers with HTTP {response.status_code}"


class Limited(httpx2.AsyncByteStream):
    """A response of no more than a message's size."""

    def __init__(self, stream: Any) -> None:
        self._stream = stream

    async def __aiter__(self) -> AsyncIterator[bytes]:
        size = 0
        async for chunk in self._stream:
            size += len(chunk)
            if size > MAX_MESSAGE_BYTES:
                raise httpx2.StreamError(f"a message of more than {MAX_MESSAGE_BYTES} bytes")
            yield chunk

    async def aclose(self) -> None:
        """Let go of the connection."""
        await self._stream.aclose()
