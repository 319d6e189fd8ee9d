"""`python -m benchmarks [NAME ...]`: all benchmarks, or the named ones."""

from __future__ import annotations

import argparse
import asyncio
import os
import signal
import sys
import tempfile
import traceback
from pathlib import Path

from rich.console import Console

from agentd.testing.livekit_server import LiveKitServer

from . import (
    burst,
    dispatch,
    fork,
    idle,
    imports,
    ipc,
    journal,
    local,
    memory,
    modelhost,
    outage,
    sessions,
    survival,
    turns,
)
from .bench import Bench, Benchmark
from .figures import Figure
from .peer import NoPeer, peer_python
from .report import show, write

BENCHMARKS: dict[str, Benchmark] = {
    "fork": fork.measure,
    "memory": memory.measure,
    "modelhost": modelhost.measure,
    "ipc": ipc.measure,
    "dispatch": dispatch.measure,
    "burst": burst.measure,
    "idle": idle.measure,
    "imports": imports.measure,
    "journal": journal.measure,
    "survival": survival.measure,
    "turn": turns.measure_turn,
    "bargein": turns.measure_bargein,
    "session": sessions.measure_cost,
    "sessions10": sessions.measure_ten,
    "local_turn": local.measure,
    "outage": outage.measure,
}

BENCHMARK_TIMEOUT = 600.0
OUTPUT = Path("build/bench.json")


def main() -> int:
    options = _parser().parse_args()
    # As Ctrl+C, which ends workers and server in order.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    names = options.names or list(BENCHMARKS)
    if unknown := [name for name in names if name not in BENCHMARKS]:
        print(f"no benchmark '{unknown[0]}': there are {', '.join(BENCHMARKS)}", file=sys.stderr)
        return 2
    load = os.getloadavg()
    peer = None if options.no_peer else _find_peer()
    with (
        tempfile.TemporaryDirectory(prefix="adb-", dir="/tmp") as folder,
        LiveKitServer() as server,
    ):
        bench = Bench(server, peer, Path(folder), quick=options.quick)
        figures, failures = asyncio.run(_run(bench, names))
    show(figures, Console(width=None if sys.stdout.isatty() else 160))
    write(figures, options.output, load=load)
    print(f"load average before: {load[0]:.1f}; figures are in {options.output}")
    return 1 if failures else 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    known = ", ".join(BENCHMARKS)
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"any of {known}; default: all")
    parser.add_argument("--quick", action="store_true", help="few samples, to see that it works")
    parser.add_argument("--no-peer", action="store_true", help="leave livekit-agents out")
    parser.add_argument("--output", type=Path, default=OUTPUT, help="JSON file")
    return parser


def _find_peer() -> Path | None:
    try:
        return peer_python()
    except NoPeer as error:
        print(f"without livekit-agents: {error}", file=sys.stderr)
        return None


async def _run(bench: Bench, names: list[str]) -> tuple[list[Figure], int]:
    figures: list[Figure] = []
    failures = 0
    for name in names:
        print(f"{name} ...", file=sys.stderr, flush=True)
        try:
            figures += await asyncio.wait_for(BENCHMARKS[name](bench), BENCHMARK_TIMEOUT)
        # One that can't be measured must not cost the others their figures.
        except Exception as error:  # noqa: BLE001
            failures += 1
            print(f"{name} failed:", file=sys.stderr)
            traceback.print_exception(error)
    return figures, failures


if __name__ == "__main__":
    try:
        sys.exit(main())
    except KeyboardInterrupt:
        sys.exit(130)
