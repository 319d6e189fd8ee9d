"""livekit-agents' way from nothing to a warm process. Run in its environment.

Uses the inside of the pinned version, as its worker does: forkserver, the same preloads.
Prints the seconds of each process as JSON.
"""

from __future__ import annotations

import asyncio
import importlib
import json
import multiprocessing
import sys
import time
from typing import Any

app = importlib.import_module("app")  # beside this file

PRELOADS = ["livekit.agents.ipc._preload", "livekit.agents.ipc._preload_freeze"]
"""The second freezes what the first has imported, so the order matters."""


async def warm_one(executors: Any, context: Any) -> float:
    """Start a process, wait until it is warm, end it."""
    process = executors.ProcJobExecutor(
        initialize_process_fnc=app.prewarm,
        job_entrypoint_fnc=app.entrypoint,
        session_end_fnc=None,
        simulation_end_fnc=None,
        initialize_timeout=10.0,
        close_timeout=10.0,
        session_end_timeout=10.0,
        inference_executor=None,
        mp_ctx=context,
        loop=asyncio.get_running_loop(),
        ping_interval=2.5,
        ping_timeout=60.0,
        high_ping_threshold=0.5,
        memory_warn_mb=500.0,
        memory_limit_mb=0.0,
        http_proxy=None,
    )
    began_at = time.perf_counter()
    await process.start()
    await process.initialize()
    took = time.perf_counter() - began_at
    await process.aclose()
    return took


async def main() -> None:
    executors = importlib.import_module("livekit.agents.ipc.job_proc_executor")
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(PRELOADS)
    samples = [await warm_one(executors, context) for _ in range(int(sys.argv[1]) + 1)]
    print(json.dumps(samples[1:]))  # the first has started the forkserver


if __name__ == "__main__":
    asyncio.run(main())
