"""examples/parrot.py under the real daemon, called through a real LiveKit server."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from agentd.audio.similarity import similarity
from agentd.caller.plan import CallPlan
from agentd.testing.livekit_server import LiveKitServer
from tests.support.calls import best_answer
from tests.support.recordings import recording

pytestmark = [
    pytest.mark.filterwarnings("ignore:The HMAC key is"),
    pytest.mark.timeout(120),
]

PARROT = Path(__file__).parents[2] / "examples" / "parrot.py"


class ParrotDaemon:
    """`agentd start examples/parrot.py` and its output."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self.process = process
        self.lines: list[str] = []

    async def read_until(self, action: str) -> None:
        """Read output until a log line of this action."""
        assert self.process.stdout is not None
        async with asyncio.timeout(30):
            async for raw in self.process.stdout:
                self.lines.append(raw.decode())
                if _action(raw) == action:
                    return
        raise AssertionError(f"no line with action '{action}' in:\n{''.join(self.lines)}")

    async def stop(self) -> int:
        """SIGTERM; the exit code. All output has been read then."""
        self.process.send_signal(signal.SIGTERM)
        async with asyncio.timeout(30):
            rest, _ = await self.process.communicate()
        self.lines += rest.decode().splitlines(keepends=True)
        assert self.process.returncode is not None
        return self.process.returncode


def _action(line: bytes) -> str | None:
    try:
        record = json.loads(line)
    except ValueError:
        return None
    return record.get("action") if isinstance(record, dict) else None


@pytest.fixture
async def daemon(livekit_server: LiveKitServer, tmp_path: Path) -> AsyncIterator[ParrotDaemon]:
    """The daemon with the parrot, ready for jobs; killed if the test does not stop it."""
    environment = os.environ | {
        "LIVEKIT_URL": livekit_server.url,
        "LIVEKIT_API_KEY": livekit_server.api_key,
        "LIVEKIT_API_SECRET": livekit_server.api_secret,
        "AGENTD_STATE_DIR": str(tmp_path / "state"),
        "AGENTD_RUNTIME_DIR": str(tmp_path / "run"),
        "AGENTD_PORT": "0",
        "AGENTD_LOG_FORMAT": "json",
    }
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "agentd", "start", str(PARROT)),
        env=environment,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
        limit=1 << 20,
    )
    started = ParrotDaemon(process)
    try:
        await started.read_until("ready")
        yield started
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()


async def test_the_parrot_says_back_what_it_heard_and_the_daemon_ends_well(
    livekit_server: LiveKitServer, daemon: ParrotDaemon
) -> None:
    """The answer is the caller's own speech, a line tells of it, and SIGTERM gives exit code 0."""
    plan = CallPlan(
        url=livekit_server.url,
        api_key=livekit_server.api_key,
        api_secret=livekit_server.api_secret,
        agent_name="parrot",
        speech=recording("lv-0880"),
        silence_after=1.0,
    )

    report = await best_answer(plan)
    exit_code = await daemon.stop()

    assert similarity(report.recording, plan.speech).is_same_speech
    assert "parrot: heard" in "".join(daemon.lines)
    assert exit_code == 0
