"""A proxy before the LiveKit server that spoils something: dates, WebSockets, offers."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from datetime import UTC, timedelta
from email.utils import format_datetime, parsedate_to_datetime

from agentd.testing.livekit_server import LiveKitServer

DATE = re.compile(rb"Date: ([^\r\n]+)\r\n")

Spoil = Callable[[bytes, bytes], bytes]
"""From the request's first line and some bytes of the answer to what the client gets of them."""


def skewed(seconds: float) -> Spoil:
    """The server's clock is so much ahead."""

    def shift(match: re.Match[bytes]) -> bytes:
        moved = parsedate_to_datetime(match[1].decode()) + timedelta(seconds=seconds)
        return b"Date: " + format_datetime(moved.astimezone(UTC), usegmt=True).encode() + b"\r\n"

    return lambda _line, data: DATE.sub(shift, data, count=1)


def without_dates(_line: bytes, data: bytes) -> bytes:
    """The answers have no date."""
    return DATE.sub(b"", data, count=1)


def without_offers(line: bytes, data: bytes) -> bytes:
    """What tells a worker of the doctor's room is lost on the way."""
    return b"" if b"/agent" in line and b"agentd-doctor-dispatch" in data else data


def without_upgrades(line: bytes, data: bytes) -> bytes:
    """No WebSocket of a worker comes through: the answer is that of a plain page."""
    if b"/agent" not in line:
        return data
    return b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\nhi"


@asynccontextmanager
async def spoiled(server: LiveKitServer, spoil: Spoil) -> AsyncIterator[str]:
    """The address of such a proxy."""
    writers: set[asyncio.StreamWriter] = set()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writers.add(writer)
        with suppress(OSError):
            line = await reader.readline()
            there_reader, there_writer = await asyncio.open_connection(
                "127.0.0.1", server.ports.http
            )
            writers.add(there_writer)
            there_writer.write(line)
            async with asyncio.TaskGroup() as group:
                group.create_task(copy(reader, there_writer, lambda data: data))
                group.create_task(copy(there_reader, writer, lambda data: spoil(line, data)))

    listening = await asyncio.start_server(serve, "127.0.0.1", 0)
    try:
        yield f"ws://127.0.0.1:{listening.sockets[0].getsockname()[1]}"
    finally:
        listening.close()
        for writer in writers:
            writer.transport.abort()


async def copy(
    reader: asyncio.StreamReader, writer: asyncio.StreamWriter, change: Callable[[bytes], bytes]
) -> None:
    """Until one side is gone."""
    with suppress(OSError):
        while data := await reader.read(65536):
            writer.write(change(data))
            await writer.drain()
    writer.close()
