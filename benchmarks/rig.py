"""A template and a pool without LiveKit, as the daemon puts them together.

Run as a program of its own (`python -m benchmarks.rig PLAN_AS_JSON`), since the reaper in
it takes every child that its process has; prints its samples as JSON.
"""

from __future__ import annotations

import asyncio
import os
import sys
import time
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path

import msgspec
import uvloop
from msgspec import Struct

from agentd.daemon.configure import child_spec
from agentd.ipc.listener import Listener
from agentd.protocol.app import AppRef
from agentd.protocol.frames import Log, LogValue
from agentd.protocol.ids import ChildId
from agentd.settings.load import child_environment
from agentd.settings.model import PoolSettings, Settings
from agentd.supervision.spec import SupervisorSpec
from agentd.supervision.supervisor import Supervisor
from agentd.supervisor.child import Child
from agentd.supervisor.keeper import TemplateKeeper, template_child
from agentd.supervisor.linux import become_subreaper
from agentd.supervisor.pool import Pool
from agentd.supervisor.process import Reaper
from agentd.supervisor.template import Launcher, TemplateSpec

from .bench import Bench, run_program
from .worker import APP

STEP_TIMEOUT = 20.0
RIG_TIMEOUT = 120.0


class Plan(Struct, frozen=True, kw_only=True):
    """What to measure."""

    folder: str
    forks: int = 0
    pings: int = 0
    threads: bool = False


class Samples(Struct, frozen=True, kw_only=True):
    """What was measured, in seconds."""

    fork: list[float] = []
    """From the Fork frame to the Ready frame."""
    ping: list[float] = []
    import_seconds: float = 0.0
    """The app, as the template says."""
    start_seconds: float = 0.0
    """The whole template, from spawn to ready."""


async def run_rig(bench: Bench, plan: Plan, *, heavy: bool) -> Samples:
    """Measure in a process of its own."""
    environment = os.environ | {"BENCH_SDK": "agentd", "BENCH_HEAVY": "1" if heavy else ""}
    command = [sys.executable, "-m", "benchmarks.rig", msgspec.json.encode(plan).decode()]
    output = await run_program(command, environment, RIG_TIMEOUT)
    return msgspec.json.decode(output, type=Samples)


# -- inside the program --------------------------------------------------------------


class _Silence:
    """A sink for records that nobody wants."""

    def record(self, frame: Log, fields: Mapping[str, LogValue]) -> None:
        return

    def line(self, text: str, fields: Mapping[str, LogValue]) -> None:
        sys.stderr.write(f"{text}\n")


class _TimedLauncher:
    """Notes when the pool asked for each child."""

    def __init__(self, launcher: Launcher) -> None:
        self._launcher = launcher
        self.asked_at: dict[str, float] = {}

    async def launch(self, child_id: ChildId, output_fd: int) -> int:
        self.asked_at[child_id] = time.perf_counter()
        return await self._launcher.launch(child_id, output_fd)


class _TimedPool(Pool):
    """A pool whose launcher is timed, and which says when a child is warm."""

    launcher: _TimedLauncher | None = None
    answered: asyncio.Future[None] | None = None
    """Resolved by the next pong."""
    warm: asyncio.Queue[tuple[Child, float]]

    def use_launcher(self, launcher: Launcher | None, method: str) -> None:
        self.warm = asyncio.Queue()
        self.launcher = _TimedLauncher(launcher) if launcher is not None else None
        super().use_launcher(self.launcher, method)

    def child_answered(self, child: Child, seq: int) -> None:
        if self.answered is not None and not self.answered.done():
            self.answered.set_result(None)
        super().child_answered(child, seq)

    def child_changed(self, child: Child) -> None:
        if child.state == "idle" and self.launcher is not None:
            took = time.perf_counter() - self.launcher.asked_at[child.id]
            self.warm.put_nowait((child, took))
        super().child_changed(child)


@asynccontextmanager
async def _pool(folder: Path, found: dict[str, float]) -> AsyncIterator[_TimedPool]:
    """A pool of one slot with a child of the app."""
    become_subreaper()
    settings = Settings(pool=PoolSettings(max_jobs=1, num_idle_processes=1))
    socket, sink, reaper = folder / "s", _Silence(), Reaper()
    async with AsyncExitStack() as stack:
        reaper.start()
        stack.callback(reaper.stop)
        spec = TemplateSpec(
            app=AppRef(target=str(APP), as_main=True),
            socket=str(socket),
            environment=child_environment(settings),
            timeout=STEP_TIMEOUT,
        )
        keeper = TemplateKeeper(spec, reaper, sink, start_method="fork")
        tree = SupervisorSpec(
            name="rig",
            children=(
                template_child(keeper, template_timeout=STEP_TIMEOUT, restart_max_delay=1.0),
            ),
        )
        began_at = time.perf_counter()
        await stack.enter_async_context(Supervisor(tree))
        found["start_seconds"] = time.perf_counter() - began_at
        found["import_seconds"] = keeper.import_seconds
        pool = _TimedPool(settings.pool, child_spec(settings), reaper, sink)
        stack.push_async_callback(pool.aclose, "measured")
        await stack.enter_async_context(Listener(socket, pool.roster.handle_hello))
        keeper.attach(pool)
        yield pool
        pool.close_to_jobs("measured")
        await asyncio.wait_for(pool.wait_empty(), STEP_TIMEOUT)


async def _next_warm(pool: _TimedPool) -> tuple[Child, float]:
    async with asyncio.timeout(STEP_TIMEOUT):
        return await pool.warm.get()


async def _measure(plan: Plan) -> Samples:
    found: dict[str, float] = {}
    async with _pool(Path(plan.folder), found) as pool:
        child, _ = await _next_warm(pool)  # the first one pays for cold caches
        pings = [await _ping(pool, child, seq) for seq in range(plan.pings)]
        forks: list[float] = []
        for _ in range(plan.forks):
            child.shutdown("measured")  # its slot is free again when it is reaped
            child, took = await _next_warm(pool)
            forks.append(took)
    return Samples(
        fork=forks,
        ping=pings[len(pings) // 10 :],
        import_seconds=found["import_seconds"],
        start_seconds=found["start_seconds"],
    )


async def _ping(pool: _TimedPool, child: Child, seq: int) -> float:
    pool.answered = asyncio.get_running_loop().create_future()
    began_at = time.perf_counter()
    child.send_ping(seq)
    await asyncio.wait_for(pool.answered, STEP_TIMEOUT)
    return time.perf_counter() - began_at


def main() -> int:
    plan = msgspec.json.decode(sys.argv[1], type=Plan)
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        samples = runner.run(_measure(plan))
    print(msgspec.json.encode(samples).decode())
    return 0


if __name__ == "__main__":
    sys.exit(main())
