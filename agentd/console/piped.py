"""Lines that another program or a file has written for the agent."""

from __future__ import annotations

import asyncio
import os
import stat
from collections.abc import AsyncIterator
from typing import TextIO

LONGEST = 64 * 1024
"""Bytes of a line."""


async def piped_lines(stream: TextIO) -> AsyncIterator[str]:
    """Each line of a stream, without its end, until that is over."""
    mode = os.fstat(stream.fileno()).st_mode
    if not (stat.S_ISFIFO(mode) or stat.S_ISSOCK(mode) or stream.isatty()):
        for line in stream:  # a file, or nothing: no loop can wait for those
            yield line.rstrip("\n")
        return
    reader = asyncio.StreamReader(limit=LONGEST)
    loop = asyncio.get_running_loop()
    transport, _ = await loop.connect_read_pipe(
        lambda: asyncio.StreamReaderProtocol(reader), stream
    )
    try:
        while raw := await reader.readline():
            yield raw.decode(errors="replace").rstrip("\r\n")
    finally:
        transport.close()
