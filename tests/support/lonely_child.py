"""A real child of a scripted supervisor."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import msgspec

from agentd.job.state import JobSnapshot
from agentd.protocol.app import AppRef, BootArgs
from agentd.protocol.frames import (
    ChildConfig,
    ClosingNoted,
    Initialize,
    JobClosing,
    JobStarted,
    Ready,
    Snapshot,
    StartJob,
)

from .changes import DEADLINE
from .scripted_supervisor import Output, ScriptedSupervisor, Visit
from .supervised import assignment

APP = Path(__file__).parent / "lonely_app.py"
ROOT = Path(__file__).parents[2]


class LonelyChild:
    """The process, and its first output."""

    def __init__(self, process: asyncio.subprocess.Process, output: Output) -> None:
        self.process = process
        self.output = output

    def signal(self, number: int) -> None:
        """Send it a signal."""
        self.process.send_signal(number)

    def act(self) -> None:
        """Have the job do what it is for."""
        self.signal(signal.SIGUSR2)

    def end_job(self) -> None:
        """Have the job end itself."""
        self.signal(signal.SIGUSR1)

    async def exited(self) -> int:
        """Wait for its exit code."""
        async with asyncio.timeout(DEADLINE):
            return await self.process.wait()


@asynccontextmanager
async def lonely_child(directory: Path) -> AsyncIterator[LonelyChild]:
    """Start a child that connects to the socket `s` in a directory, which it also works in."""
    output = Output()
    boot = BootArgs(app=AppRef(target=str(APP)), socket=str(directory / "s"), child_id="c1")
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "agentd.child",
        msgspec.json.encode(boot).decode(),
        cwd=directory,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        stdin=asyncio.subprocess.DEVNULL,
        stdout=output.write_fd,
        stderr=output.write_fd,
    )
    output.given_away()
    try:
        yield LonelyChild(process, output)
    finally:
        if process.returncode is None:
            process.kill()
        await process.wait()
        output.close()


async def ready(supervisor: ScriptedSupervisor, *, grace: float = 30.0) -> Visit:
    """Wait for a child and have it prewarm."""
    visit = await supervisor.visit()
    config = ChildConfig(
        entrypoint_timeout=0.05, reconnect_grace=grace, callback_timeout=1.0, disconnect_timeout=1.0
    )
    visit.stream.send_nowait(Initialize(config=config))
    await visit.next(Ready)
    return visit


async def running(
    supervisor: ScriptedSupervisor, metadata: str = "", *, grace: float = 30.0
) -> Visit:
    """Have the child run a job, until that has taken its first snapshot."""
    visit = await ready(supervisor, grace=grace)
    visit.stream.send_nowait(StartJob(assignment=assignment(metadata)))
    await visit.next(JobStarted)
    await state(visit)
    return visit


async def state(visit: Visit) -> dict[str, Any]:
    """The state in the next snapshot."""
    data = (await visit.next(Snapshot)).data
    return msgspec.msgpack.decode(data, type=JobSnapshot).state


async def note_closing(visit: Visit) -> JobClosing:
    """Hear how the job ends, and say so."""
    closing = await visit.next(JobClosing)
    visit.stream.send_nowait(ClosingNoted())
    return closing
