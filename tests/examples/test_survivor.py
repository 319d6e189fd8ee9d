"""examples/survivor.py under the real daemon: its process is killed, its count goes on."""

from __future__ import annotations

import os
import re
import signal
from pathlib import Path

import pytest

from agentd.testing.livekit_server import LiveKitServer
from tests.support.daemon import callers_of, running_daemon
from tests.support.texts import TextOf

SURVIVOR = Path(__file__).parents[2] / "examples" / "survivor.py"

pytestmark = pytest.mark.timeout(60)


async def test_the_survivor_counts_on_in_another_process(
    livekit_server: LiveKitServer, workdir: Path
) -> None:
    """It tells the caller where it was, and the next number follows."""
    async with (
        running_daemon(workdir, "start", str(SURVIVOR), server=livekit_server) as daemon,
        callers_of(livekit_server) as callers,
    ):
        await daemon.wait_ready()
        room = await callers.join("survivor")
        text = TextOf(room)
        await callers.dispatch(daemon, "", room="survivor")
        second = await daemon.wait_for(name="agentd.output", message="survivor: 2")

        os.kill(second["pid"], signal.SIGKILL)

        was_at = re.fullmatch(r"I am back, and was at (\d+)", await text.read())
        assert was_at is not None
        after = await daemon.wait_for(message=f"survivor: {int(was_at[1]) + 1}")
        assert after["pid"] != second["pid"]
        assert after["job"] == second["job"]
        assert int(was_at[1]) >= 2
