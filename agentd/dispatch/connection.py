"""One WebSocket to the LiveKit server: address, token, handshake, and what can go wrong with it.

aiohttp's errors end here. What the user can fix for good is `LiveKitRefused`, what may pass
is `LiveKitUnreachable`, and a connection that was there and is gone is `ChannelBroken`.
"""

from __future__ import annotations

import asyncio
import os
import socket
import warnings
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from datetime import timedelta
from http import HTTPStatus
from typing import Protocol

import aiohttp

# AccessToken costs 1.3 MB of private memory on top of aiohttp and livekit.protocol.agent,
# PyJWT alone 0.8 MB (measured, livekit-api 1.2): not worth claims written by hand.
from livekit.api import AccessToken, VideoGrants
from msgspec import Struct
from yarl import URL

from agentd.errors import (
    ChannelBroken,
    FrameMalformed,
    LiveKitError,
    LiveKitRefused,
    LiveKitUnreachable,
    SettingsError,
)
from agentd.protocol.frames import MAX_FRAME_BYTES
from agentd.settings.model import LiveKitSettings

TOKEN_LIFE = timedelta(minutes=10)
"""The server looks at it once, on connecting; the rest is for clocks that differ."""

MAX_MESSAGE_BYTES = MAX_FRAME_BYTES - 64 * 1024
"""A job has to fit into a frame to a child, with room for what goes around it."""

_SCHEMES = {"ws": "ws", "wss": "wss", "http": "ws", "https": "wss"}
_WRONG_CREDENTIALS = frozenset({401, 403})
_PASSING_STATUSES = frozenset({408, 425, 429})


class LinkTimings(Struct, frozen=True, kw_only=True):
    """Deadlines and rhythms of the link, in seconds."""

    connect_timeout: float = 10.0
    register_timeout: float = 10.0
    confirm_timeout: float = 2.0
    """For the first sign of life after the registration; without one it counts all the same."""
    send_timeout: float = 10.0
    heartbeat: float = 30.0
    """Silence after which a WebSocket ping is sent; it must be answered in half that time. In
    practice livekit-server's own pings, every 10 s, keep ours from being sent."""
    ping_interval: float = 30.0
    """Between two pings of the agent protocol, which the server's worker loop answers itself."""
    pong_timeout: float = 15.0
    close_timeout: float = 2.0
    flush_timeout: float = 2.0
    """For what still waits to be sent when the link is closed."""


class Connection(Protocol):
    """A connection as the link sees it."""

    async def send(self, data: bytes) -> None:
        """Send one message; raises ChannelBroken."""

    async def receive(self) -> bytes:
        """The next message; raises ChannelBroken, or FrameMalformed and can go on after that."""


# -- address and credentials -------------------------------------------------------


def agent_url(url: str) -> URL:
    """Where workers connect on the server at `url`; raises SettingsError."""
    base = _parsed(url)
    if base is None or base.scheme not in _SCHEMES:
        raise SettingsError(
            f"the LiveKit URL '{shown_url(url)}' can't be used: "
            "LIVEKIT_URL must look like ws://host:7880 or wss://host"
        )
    path = f"{base.path.rstrip('/')}/agent"
    # The token says who we are; aiohttp takes no user beside it.
    return base.with_user(None).with_scheme(_SCHEMES[base.scheme]).with_path(path).with_query(None)


def shown_url(url: str) -> str:
    """The address without a user or password in it, for people to read."""
    scheme, separator, rest = url.partition("://")
    authority, slash, path = rest.partition("/")
    return scheme + separator + authority.rpartition("@")[2] + slash + path


def shown_key(key: str) -> str:
    """Enough of an API key to recognize it."""
    return f"{key[:4]}…"


def check_settings(settings: LiveKitSettings) -> None:
    """Raises SettingsError for what can't work with any server."""
    required = {
        "LIVEKIT_URL": settings.url,
        "LIVEKIT_API_KEY": settings.api_key,
        "LIVEKIT_API_SECRET": settings.api_secret,
    }
    missing = [name for name, value in required.items() if not value]
    if missing:
        raise SettingsError(f"{', '.join(missing)} not set: where and how to reach LiveKit")
    agent_url(settings.url)
    proxy = _parsed(settings.http_proxy)
    if settings.http_proxy and (proxy is None or proxy.scheme not in ("http", "https")):
        raise SettingsError(
            f"the proxy '{shown_url(settings.http_proxy)}' can't be used: "
            "http_proxy (HTTPS_PROXY) must look like http://host:3128"
        )


def _parsed(url: str) -> URL | None:
    try:
        parsed = URL(url)
    except ValueError:
        return None
    return parsed if parsed.host else None


def session_token(settings: LiveKitSettings) -> str:
    """A fresh token that lets its bearer register as a worker."""
    token = AccessToken(settings.api_key, settings.api_secret)
    token.with_grants(VideoGrants(agent=True)).with_ttl(TOKEN_LIFE)
    # PyJWT warns of secrets as short as that of `livekit-server --dev`, at each attempt. How long
    # a secret is was decided with the server; here it can only be used.
    with warnings.catch_warnings(action="ignore"):
        return token.to_jwt()


# -- the connection ----------------------------------------------------------------


@asynccontextmanager
async def open_connection(
    settings: LiveKitSettings, timings: LinkTimings
) -> AsyncIterator[Connection]:
    """Connect as a worker that has yet to register; closes on leaving.

    Raises LiveKitRefused or LiveKitUnreachable. LiveKit Cloud's `worker_token` (query of the
    same name) is not sent: it is for agents that LiveKit hosts.
    """
    async with aiohttp.ClientSession() as http:
        websocket = await _handshake(http, settings, timings)
        try:
            yield _WebSocket(websocket)
        finally:
            await _close(websocket, timings)


async def _handshake(
    http: aiohttp.ClientSession, settings: LiveKitSettings, timings: LinkTimings
) -> aiohttp.ClientWebSocketResponse:
    try:
        async with asyncio.timeout(timings.connect_timeout):
            return await http.ws_connect(
                agent_url(settings.url),
                headers={"Authorization": f"Bearer {session_token(settings)}"},
                heartbeat=timings.heartbeat,
                timeout=aiohttp.ClientWSTimeout(ws_close=timings.close_timeout),
                max_msg_size=MAX_MESSAGE_BYTES,
                proxy=settings.http_proxy or None,
            )
    except (aiohttp.ClientError, OSError, TimeoutError) as error:
        raise judge_handshake_error(error, settings, timings.connect_timeout) from error


class _WebSocket:
    """aiohttp's WebSocket as a `Connection`."""

    def __init__(self, websocket: aiohttp.ClientWebSocketResponse) -> None:
        self._websocket = websocket

    async def send(self, data: bytes) -> None:
        try:
            await self._websocket.send_bytes(data)
        except (aiohttp.ClientError, OSError) as error:
            raise ChannelBroken(f"the connection broke: {error}") from error

    async def receive(self) -> bytes:
        message = await self._websocket.receive()
        match message.type:
            case aiohttp.WSMsgType.BINARY:
                data: bytes = message.data
                return data
            case aiohttp.WSMsgType.TEXT:
                raise FrameMalformed("the server sent text where only binary messages belong")
            case aiohttp.WSMsgType.ERROR:
                raise ChannelBroken(f"the connection broke: {self._websocket.exception()}")
            case _:
                code = self._websocket.close_code
                raise ChannelBroken(f"the server closed the connection (code {code})")


async def _close(websocket: aiohttp.ClientWebSocketResponse, timings: LinkTimings) -> None:
    """Say goodbye, then make sure that the socket goes."""
    twin = _twin_of_socket(websocket)
    with suppress(TimeoutError, aiohttp.ClientError, OSError):
        async with asyncio.timeout(timings.close_timeout):
            await websocket.close()
    # A transport with unsent data waits for the other side for as long as TCP does, a quarter
    # of an hour. Neither aiohttp nor uvloop offers to abort it, so the socket itself is shut down.
    if twin is not None:
        with twin, suppress(OSError):
            twin.shutdown(socket.SHUT_RDWR)


def _twin_of_socket(websocket: aiohttp.ClientWebSocketResponse) -> socket.socket | None:
    sock = websocket.get_extra_info("socket")
    if sock is None or sock.fileno() < 0:
        return None
    return socket.socket(fileno=os.dup(sock.fileno()))


# -- what went wrong ---------------------------------------------------------------


def judge_handshake_error(
    error: Exception, settings: LiveKitSettings, connect_timeout: float
) -> LiveKitError:
    """Our error for one of aiohttp's: for good, or worth another try."""
    where = f"LiveKit at '{shown_url(settings.url)}'"
    match error:
        case aiohttp.ClientHttpProxyError():
            pass  # the proxy's answer, not LiveKit's
        case aiohttp.ClientResponseError(status=status):
            return _judge_status(status, where, settings)
        case aiohttp.ClientConnectorCertificateError():
            return LiveKitRefused(
                f"{where} has a certificate that is not trusted here: {error.certificate_error}"
            )
    reason = _network_reason(error, settings, connect_timeout)
    return LiveKitUnreachable(f"{where} can't be reached: {reason}")


def _network_reason(error: Exception, settings: LiveKitSettings, connect_timeout: float) -> str:
    match error:
        case aiohttp.ClientHttpProxyError(status=status):
            return f"the proxy '{shown_url(settings.http_proxy)}' answered HTTP {status}"
        case aiohttp.ClientProxyConnectionError():
            return f"the proxy '{shown_url(settings.http_proxy)}' can't be reached"
        case aiohttp.ClientConnectorDNSError(host=host):
            return f"no address for '{host}'"
        case aiohttp.ClientConnectorError(os_error=os_error):
            return str(os_error.strerror or os_error)
        case aiohttp.ServerDisconnectedError():
            return "it closed the connection at once"
        case TimeoutError():
            return f"no answer within {connect_timeout:g} s"
        case _:
            return str(error)


def _judge_status(status: int, where: str, settings: LiveKitSettings) -> LiveKitError:
    if status in _WRONG_CREDENTIALS:
        return LiveKitRefused(
            f"{where} refused the key '{shown_key(settings.api_key)}': "
            "check LIVEKIT_API_KEY and LIVEKIT_API_SECRET"
        )
    if status in _PASSING_STATUSES or status >= HTTPStatus.INTERNAL_SERVER_ERROR:
        return LiveKitUnreachable(f"{where} can't be reached: it answered HTTP {status}")
    return LiveKitRefused(
        f"'{shown_url(settings.url)}' is no LiveKit server (it answered HTTP {status}): "
        "check LIVEKIT_URL"
    )
