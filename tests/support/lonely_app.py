"""An app for children whose supervisor comes and goes; jobs do what their metadata says."""

# ruff: noqa: T201 - what users write, which agentd has to bear

from __future__ import annotations

import asyncio
import ctypes
import hashlib
import os
import signal
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path

from agentd import AgentServer, JobContext
from agentd.errors import APIConnectionError
from agentd.resilience import circuits

GATE = "gate"
"""A FIFO in the working directory: reading it blocks until the test writes to it."""

server = AgentServer()


@server.rtc_session()
async def entry(ctx: JobContext) -> None:
    """SIGUSR1 ends the job, SIGUSR2 has it do something."""
    ctx.add_shutdown_callback(note_reason)
    loop = asyncio.get_running_loop()
    loop.add_signal_handler(signal.SIGUSR1, ctx.shutdown, "done")
    act = MANNERS[ctx.job.metadata]
    loop.add_signal_handler(signal.SIGUSR2, act, ctx)
    ctx.state["turn"] = 0
    await waits_for_good()


async def waits_for_good() -> None:
    """Where the entrypoint is while nothing happens."""
    await asyncio.Event().wait()


async def note_reason(reason: str) -> None:
    """For the test, when there is no supervisor to be told."""
    Path("reason").write_text(reason)


def counts(ctx: JobContext) -> None:
    """Change the state."""
    ctx.state["turn"] += 1


def talks(ctx: JobContext) -> None:
    """Write to the standard streams in every way there is."""
    libc = ctypes.CDLL(None)
    print("from print")
    print("from print to stderr", file=sys.stderr)
    native = [libc.write(fd, b"from C\n", 7) for fd in (1, 2)]
    libc.puts(b"from stdio of C")
    libc.fflush(None)
    program = subprocess.run(["echo", "from a program"], check=False)
    ctx.state["said"] = [*native, program.returncode]


def sleeps(ctx: JobContext) -> None:
    """Hold up the loop in time.sleep, which a signal interrupts."""
    print("blocked")
    time.sleep(1.0)
    counts(ctx)


def spins(ctx: JobContext) -> None:
    """Hold up the loop in Python."""
    print("blocked")
    until = time.monotonic() + 1.0
    while time.monotonic() < until:
        pass
    counts(ctx)


def reads(ctx: JobContext) -> None:
    """Hold up the loop in a system call, until the test opens the gate."""
    print("blocked")
    with open(GATE, "rb", buffering=0) as gate:
        ctx.state["read"] = gate.read(100)


def hashes(ctx: JobContext) -> None:
    """Hold up the loop in C, which no signal interrupts."""
    print("blocked")
    hashlib.pbkdf2_hmac("sha256", b"secret", b"salt", 1_500_000)
    counts(ctx)


def starts_a_program(ctx: JobContext) -> None:
    """Ask a program which signals it ignores or handles."""
    status = subprocess.run(["cat", "/proc/self/status"], capture_output=True, check=True).stdout
    ctx.state["signals"] = {
        line.split()[0]: line.split()[1]
        for line in status.decode().splitlines()
        if line.startswith("Sig")
    }


def has_tasks(ctx: JobContext) -> None:
    """Start more tasks than can be shown."""
    ctx.proc.userdata["tasks"] = [
        asyncio.create_task(waits_for_good(), name=f"many {n}") for n in range(3000)
    ]
    counts(ctx)


def finds_an_outage(ctx: JobContext) -> None:
    """Call a service that is down, until its circuit opens."""
    circuit = circuits().of("service.test/model")
    while circuit.state == "closed":
        with suppress(APIConnectionError), circuit.attempt():
            raise APIConnectionError("down")
    counts(ctx)


MANNERS = {
    "": counts,
    "finds_an_outage": finds_an_outage,
    "has_tasks": has_tasks,
    "hashes": hashes,
    "reads": reads,
    "sleeps": sleeps,
    "spins": spins,
    "starts_a_program": starts_a_program,
    "talks": talks,
}

if __name__ == "__main__":
    os.abort()  # it is imported by children
