"""The servers that a participant is told to find its way by, and whether a TURN server answers.

Only as much of RFC 8656 as a question without a password takes: a TURN server refuses it with 401
and its realm, and nobody else does.
"""

from __future__ import annotations

import asyncio
import secrets
import ssl
import struct
from collections.abc import Sequence

import aiohttp
from google.protobuf.message import DecodeError
from livekit.protocol import rtc
from msgspec import Struct
from yarl import URL

from agentd.dispatch.connection import agent_url
from agentd.errors import LiveKitUnreachable
from agentd.settings.model import LiveKitSettings

MAGIC = 0x2112A442
ALLOCATE = 0x0003
ALLOCATE_REFUSED = 0x0113
REQUESTED_TRANSPORT = 0x0019
ERROR_CODE = 0x0009
UDP = 17
HEADER_BYTES = 20
UNAUTHORIZED = 401

ANSWER_SECONDS = 2.0

CLIENT_PROTOCOL = 16
"""Of LiveKit's signalling; the server tells ICE servers to all."""


class TurnAddress(Struct, frozen=True, kw_only=True):
    """A TURN server, taken apart."""

    host: str
    port: int
    transport: str
    """udp, tcp or tls."""

    def __str__(self) -> str:
        return f"{self.transport} {self.host}:{self.port}"


def parse_turn(url: str) -> TurnAddress | None:
    """`turn:host:port?transport=udp`, or `turns:`; None for what is none, as `stun:`. Pure."""
    scheme, _, rest = url.partition(":")
    place, _, query = rest.partition("?")
    if scheme not in ("turn", "turns"):
        return None
    host, separator, port = place.rpartition(":")
    if not separator or not port.isdecimal():
        host, port = place, "5349" if scheme == "turns" else "3478"
    transport = "tcp" if "transport=tcp" in query else "udp"
    return TurnAddress(
        host=host.strip("[]"), port=int(port), transport="tls" if scheme == "turns" else transport
    )


def allocate_request(transaction: bytes) -> bytes:
    """May we have an address of yours, for UDP? Pure."""
    attribute = struct.pack(">HHB3x", REQUESTED_TRANSPORT, 4, UDP)
    return struct.pack(">HHI", ALLOCATE, len(attribute), MAGIC) + transaction + attribute


def refused_with(answer: bytes, transaction: bytes) -> int | None:
    """The code with which a TURN server refuses; None for any other bytes. Pure."""
    if len(answer) < HEADER_BYTES:
        return None
    kind, length, magic = struct.unpack_from(">HHI", answer)
    if (kind, magic, answer[8:HEADER_BYTES]) != (ALLOCATE_REFUSED, MAGIC, transaction):
        return None
    at, end = HEADER_BYTES, min(len(answer), HEADER_BYTES + length)
    while at + 4 <= end:
        attribute, size = struct.unpack_from(">HH", answer, at)
        if attribute == ERROR_CODE and size >= 4 and at + 8 <= end:
            return (answer[at + 6] & 7) * 100 + answer[at + 7]
        at += 4 + size + (-size % 4)
    return None


async def ask_turn(address: TurnAddress) -> str:
    """Empty where a TURN server answers, else why not."""
    transaction = secrets.token_bytes(12)
    request = allocate_request(transaction)
    try:
        async with asyncio.timeout(ANSWER_SECONDS):
            if address.transport == "udp":
                answer = await _ask_by_udp(address, request)
            else:
                answer = await _ask_by_stream(address, request)
    except TimeoutError:
        return f"no answer within {ANSWER_SECONDS:g} s"
    except (OSError, EOFError) as error:
        return str(error) or type(error).__name__
    code = refused_with(answer, transaction)
    return (
        "" if code == UNAUTHORIZED else f"no TURN server (it answered {code or 'something else'})"
    )


class _Answer(asyncio.DatagramProtocol):
    def __init__(self) -> None:
        self.come: asyncio.Future[bytes] = asyncio.get_running_loop().create_future()

    def datagram_received(self, data: bytes, addr: object) -> None:
        if not self.come.done():
            self.come.set_result(data)

    def error_received(self, exc: Exception) -> None:
        if not self.come.done():
            self.come.set_exception(exc)


async def _ask_by_udp(address: TurnAddress, request: bytes) -> bytes:
    loop = asyncio.get_running_loop()
    transport, protocol = await loop.create_datagram_endpoint(
        _Answer, remote_addr=(address.host, address.port)
    )
    try:
        transport.sendto(request)
        return await protocol.come
    finally:
        transport.close()


async def _ask_by_stream(address: TurnAddress, request: bytes) -> bytes:
    context = ssl.create_default_context() if address.transport == "tls" else None
    reader, writer = await asyncio.open_connection(address.host, address.port, ssl=context)
    try:
        writer.write(request)
        header = await reader.readexactly(HEADER_BYTES)
        return header + await reader.readexactly(struct.unpack_from(">H", header, 2)[0])
    finally:
        writer.close()


async def told_servers(livekit: LiveKitSettings, token: str) -> Sequence[str]:
    """The addresses of ICE servers that a participant with this token is told.

    Joins by signalling alone, and leaves at once. Raises LiveKitUnreachable.
    """
    url = signal_url(livekit.url)
    headers = {"Authorization": f"Bearer {token}"}
    try:
        async with (
            aiohttp.ClientSession() as http,
            http.ws_connect(url, headers=headers, proxy=livekit.http_proxy or None) as socket,
        ):
            message = await socket.receive()
            if message.type != aiohttp.WSMsgType.BINARY:
                raise LiveKitUnreachable("the server closed the connection at once")
            join = rtc.SignalResponse.FromString(message.data).join
            await socket.send_bytes(rtc.SignalRequest(leave=rtc.LeaveRequest()).SerializeToString())
    except (aiohttp.ClientError, OSError, DecodeError) as error:
        raise LiveKitUnreachable(f"a room could not be joined: {error}") from error
    return [url for server in join.ice_servers for url in server.urls]


def signal_url(text: str) -> URL:
    """Where participants connect. Pure."""
    worker = agent_url(text)
    path = f"{worker.path.removesuffix('agent')}rtc"
    query = {"auto_subscribe": "0", "protocol": str(CLIENT_PROTOCOL), "sdk": "python"}
    return worker.with_path(path).with_query(query)
