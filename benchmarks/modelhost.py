"""What local models cost a session, with and without the model host."""

from __future__ import annotations

import asyncio
import os
import socket
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import msgspec

from agentd.aio.timing import now, within
from agentd.ipc.stream import FrameStream
from agentd.protocol.frames import Shutdown
from agentd.protocol.model_frames import FromHostProcess, HostReady
from agentd.protocol.models import HostArgs
from agentd.settings.load import MODEL_HOST_VARIABLE, child_environment
from agentd.settings.model import Settings
from agentd.supervisor.spawn import spawn_python

from .bench import Bench, run_program
from .figures import Figure, median, spread
from .modelhost_child import REFS, Session
from .procfs import Memory, memory

SESSION_TIMEOUT = 120.0


async def measure(bench: Bench) -> list[Figure]:
    """A child that recognises, judges and speaks once, forked from a template of its own."""
    calls = bench.samples(400, 50)
    environment = child_environment(Settings())
    alone = await _session(calls, environment)
    path = bench.new_folder() / "m"
    async with _host(path) as ready:
        shared = await _session(calls, environment | {MODEL_HOST_VARIABLE: str(path)})
        host = memory(ready.pid)
    return _figures(alone, shared, host, ready.load_seconds)


async def _session(calls: int, environment: dict[str, str]) -> Session:
    command = [sys.executable, "-m", "benchmarks.modelhost_child", str(calls)]
    output = await run_program(command, environment, SESSION_TIMEOUT)
    return msgspec.json.decode(output.splitlines()[-1], type=Session)


@asynccontextmanager
async def _host(path: Path) -> AsyncIterator[HostReady]:
    """A model host without a daemon, when it is ready."""
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_STREAM)
    args = HostArgs(socket=str(path), models=list(REFS))
    pid = spawn_python(
        ["-m", "agentd.modelhost", msgspec.json.encode(args).decode()],
        child_environment(Settings()),
        output_fd=2,
        control_fd=theirs.fileno(),
    )
    theirs.close()
    stream: FrameStream[FromHostProcess] = FrameStream(ours, FromHostProcess)
    try:
        ready = await within(now() + SESSION_TIMEOUT, stream.receive())
        if not isinstance(ready, HostReady):
            raise RuntimeError(f"the model host began with {ready}")
        yield ready
        stream.send_nowait(Shutdown(reason="measured"))
    finally:
        await asyncio.to_thread(os.waitpid, pid, 0)
        stream.close()


def _figures(alone: Session, shared: Session, host: Memory, load_seconds: float) -> list[Figure]:
    micros = [1e6 * seconds for seconds in shared.calls]
    here = [1e6 * seconds for seconds in alone.calls]
    models = ", ".join(ref.name for ref in REFS)
    return [
        Figure(
            name="a session's models, in the model host",
            unit="MB",
            ours=shared.used - shared.before,
            aim=30.0,
            note=f"private memory of a child, added by {models}; "
            f"{shared.first_seconds:.2f} s for the first turn",
        ),
        Figure(
            name="a session's models, in its own process",
            unit="MB",
            ours=alone.used - alone.before,
            note=f"likewise; {alone.first_seconds:.2f} s for the first turn",
        ),
        Figure(
            name="the model host",
            unit="MB",
            ours=host.private,
            note=f"private, once for all sessions; loads in {load_seconds:.1f} s",
        ),
        Figure(
            name="a call of a hosted model, p50",
            unit="µs",
            ours=median(micros),
            note=f"2 s of silence, which the model is not asked about; {spread(micros, 'µs')}; "
            f"in a thread of its own {median(here):.0f} µs",
        ),
    ]
