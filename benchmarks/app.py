"""The agent that is measured: one file for agentd and for livekit-agents.

Run as a script of its own, in either's environment, so it imports nothing of ours.
BENCH_SDK names the package; BENCH_HEAVY has it import what a voice agent does;
BENCH_MARKS is the socket that hears when it was where. Instants are CLOCK_MONOTONIC,
which all processes of a machine share.
"""

from __future__ import annotations

import importlib
import json
import os
import socket
import time
from typing import Any

sdk = importlib.import_module(os.environ.get("BENCH_SDK", "agentd"))

if os.environ.get("BENCH_HEAVY"):
    for name in ("livekit.rtc", "numpy", "webrtcvad"):
        importlib.import_module(name)


def mark(what: str, room: str = "", at: int = 0) -> None:
    """Tell the benchmark that we are here, if there is one that listens."""
    path = os.environ.get("BENCH_MARKS")
    if path:
        note = {"what": what, "room": room, "at": at or time.monotonic_ns(), "pid": os.getpid()}
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sock:
            sock.sendto(json.dumps(note).encode(), path)


def prewarm(_process: Any) -> None:
    """The child is warm."""
    mark("warm")


async def entrypoint(ctx: Any) -> None:
    """Join the room and stay until it is deleted."""
    began_at = time.monotonic_ns()
    await ctx.connect()
    joined_at = time.monotonic_ns()
    mark("entrypoint", ctx.room.name, began_at)
    mark("joined", ctx.room.name, joined_at)


def no_load(*_args: Any) -> float:
    """A worker that is never too busy."""
    return 0.0


def peer_options() -> dict[str, Any]:
    """What agentd is told by AGENTD_* variables, livekit-agents by its options."""
    options: dict[str, Any] = {"port": 0, "num_idle_processes": int(os.environ["BENCH_IDLE"])}
    if os.environ.get("BENCH_NO_LOAD"):
        options["load_fnc"] = no_load
    return options


if __name__ == "__main__":
    own = {} if sdk.__name__ == "agentd" else peer_options()
    sdk.cli.run_app(
        sdk.WorkerOptions(
            entrypoint_fnc=entrypoint,
            prewarm_fnc=prewarm,
            agent_name=os.environ.get("BENCH_AGENT", "bench"),
            **own,
        )
    )
