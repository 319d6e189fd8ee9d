"""The README's example runs as it stands there."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from agentd.testing.livekit_server import LiveKitServer
from tests.support.daemon import callers_of, running_daemon, write_app
from tests.support.texts import TextOf

README = Path(__file__).parents[2] / "README.md"

pytestmark = pytest.mark.timeout(60)


def first_python_block() -> str:
    """The agent in the README."""
    found = re.search(r"```python\n(.*?)```", README.read_text(), re.DOTALL)
    assert found is not None
    return found.group(1)


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
