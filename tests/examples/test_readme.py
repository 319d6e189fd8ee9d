"""The README's example runs as it stands there."""

from __future__ import annotations

import asyncio
import re
from pathlib import Path

import pytest
from livekit import rtc

from agentd.testing.livekit_server import LiveKitServer
from tests.support.daemon import callers_of, running_daemon, write_app

README = Path(__file__).parents[2] / "README.md"

pytestmark = pytest.mark.timeout(60)


def first_python_block() -> str:
    """The agent in the README."""
    found = re.search(r"```python\n(.*?)```", README.read_text(), re.DOTALL)
    assert found is not None
    return found.group(1)


class TextOf:
    """The next text that is sent in a room."""

    def __init__(self, room: rtc.Room) -> None:
        self._found: asyncio.Future[rtc.TextStreamReader] = asyncio.Future()
        room.register_text_stream_handler("", lambda reader, _: self._found.set_result(reader))

    async def read(self) -> str:
        async with asyncio.timeout(20):
            return await (await self._found).read_all()


async def test_the_agent_of_the_readme_greets_who_joins(
    livekit_server: LiveKitServer, workdir: Path
) -> None:
    """The 15 lines, run by `agentd start`, send the caller a text with their name."""
    app = write_app(workdir, first_python_block())
    async with (
        running_daemon(workdir, "start", str(app), server=livekit_server) as daemon,
        callers_of(livekit_server) as callers,
    ):
        await daemon.wait_ready()
        room = await callers.join("readme")
        text = TextOf(room)

        await callers.dispatch(daemon, "", room="readme")

        assert await text.read() == f"hello, {room.local_participant.identity}"
