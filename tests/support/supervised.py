"""A supervisor as in the daemon, but without LiveKit: reaper, listener, keeper and pool."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path

from livekit.protocol import agent, models
from msgspec import Struct, structs

from agentd.aio.timing import now
from agentd.daemon.tree import TREE, add_child
from agentd.ipc.listener import Listener
from agentd.protocol.app import AppRef
from agentd.protocol.frames import ChildConfig, Log, LogValue
from agentd.protocol.ids import ChildId, JobId
from agentd.protocol.job import JobAnswer, JobAssignment, JobOutcome, Resume
from agentd.settings.load import child_environment
from agentd.settings.model import PoolSettings, Settings, StartMethod
from agentd.supervision.supervisor import Supervisor
from agentd.supervisor.child import Child, ChildSpec
from agentd.supervisor.heartbeat import Patience
from agentd.supervisor.keeper import TemplateKeeper, template_child
from agentd.supervisor.memory import MemoryLimits
from agentd.supervisor.pool import Pool
from agentd.supervisor.process import Reaper
from agentd.supervisor.reports import write_tree_report
from agentd.supervisor.spawn import spawn_python
from agentd.supervisor.template import Launcher, TemplateSpec

from .changes import DEADLINE, Changes

BAD_CHILD = Path(__file__).parent / "bad_child.py"

SPEC = ChildSpec(
    config=ChildConfig(
        log_level="DEBUG",
        entrypoint_timeout=0.5,
        session_close_timeout=0.5,
        session_end_timeout=0.5,
        callback_timeout=0.5,
        disconnect_timeout=0.5,
        reconnect_grace=20.0,
    ),
    initialize_timeout=20.0,
    exit_timeout=20.0,
    job_shutdown_timeout=20.0,
)

POOL = PoolSettings(max_jobs=4, num_idle_processes=1, max_starting=2, restart_max_delay=0.05)


class Plan(Struct, frozen=True, kw_only=True):
    """What a supervisor is set up with."""

    directory: Path
    app: AppRef | None = None
    """None: there is no template, and children come from the test's own launcher."""
    pool: PoolSettings = POOL
    spec: ChildSpec = SPEC
    start_method: StartMethod = "auto"
    template_timeout: float = 30.0
    verbose: bool = False


class Sink:
    """Keeps what children log and print."""

    def __init__(self, changes: Changes) -> None:
        self.records: list[tuple[Log, Mapping[str, LogValue]]] = []
        self.lines: list[tuple[str, Mapping[str, LogValue]]] = []
        self._changes = changes

    def record(self, frame: Log, fields: Mapping[str, LogValue]) -> None:
        """A log record."""
        self.records.append((frame, fields))
        self._changes.note()

    def line(self, text: str, fields: Mapping[str, LogValue]) -> None:
        """A printed line."""
        self.lines.append((text, fields))
        self._changes.note()

    def texts(self) -> list[str]:
        """The printed lines."""
        return [text for text, _ in self.lines]

    def messages(self) -> list[str]:
        """The messages of the log records."""
        return [frame.message for frame, _ in self.records]


class Watcher:
    """Hears how a job fares, and how often."""

    def __init__(self, child: Child, changes: Changes) -> None:
        self.child = child
        self.started = 0
        self.closings: list[JobOutcome] = []
        self.outcomes: list[JobOutcome] = []
        self.snapshots: list[tuple[int, bytes]] = []
        self.losses: list[str] = []
        self.back = 0
        self.measured: tuple[int, dict[str, float]] = (0, {})
        self.refusals: list[str] = []
        self.handed_over = 0
        self._changes = changes

    def job_started(self) -> None:
        """The entrypoint runs."""
        self.started += 1
        self._changes.note()

    def job_closing(self, outcome: JobOutcome) -> None:
        """The job is over, and its agent about to leave."""
        self.closings.append(outcome)
        self._changes.note()

    def job_ended(self, outcome: JobOutcome) -> None:
        """The job is over."""
        self.outcomes.append(outcome)
        self._changes.note()

    def job_snapshot(self, version: int, data: bytes) -> None:
        """The job wants something remembered."""
        self.snapshots.append((version, data))
        self._changes.note()

    def job_back(self) -> None:
        """A job that goes on is in its room again."""
        self.back += 1
        self._changes.note()

    def job_measured(self, turns: int, latency: Mapping[str, float]) -> None:
        """How many turns it has answered, and how quick the last one was."""
        self.measured = (turns, dict(latency))
        self._changes.note()

    def job_kept(self, why: str) -> None:
        """The job is not handed over."""
        self.refusals.append(why)
        self._changes.note()

    def job_handed_over(self) -> None:
        """The job was let go of."""
        self.handed_over += 1
        self._changes.note()

    def job_lost(self, why: str) -> None:
        """The process died under the job."""
        self.losses.append(why)
        self._changes.note()

    async def lost(self) -> str:
        """Why the job lost its process."""
        return (await self._changes.until(lambda: self.losses))[0]

    async def running(self) -> None:
        """Wait until the entrypoint runs."""
        await self._changes.until(lambda: self.started)

    async def outcome(self) -> JobOutcome:
        """How the job ended."""
        return (await self._changes.until(lambda: self.outcomes))[0]


class Supervised:
    """The parts, and what tests do with them."""

    def __init__(self, plan: Plan, changes: Changes) -> None:
        self.reaper = Reaper()
        self.changes = changes
        self.sink = Sink(changes)
        self.pool = Pool(plan.pool, plan.spec, self.reaper, self.sink)
        self.pool.subscribe(changes.note)
        self.socket_path = plan.directory / "s"
        self.keeper = TemplateKeeper(
            TemplateSpec(
                app=plan.app or AppRef(target="no_app"),
                socket=str(self.socket_path),
                environment=child_environment(Settings()),
                timeout=plan.template_timeout,
                log_level="DEBUG",
                verbose=plan.verbose,
            ),
            self.reaper,
            self.sink,
            start_method=plan.start_method,
        )
        self.template = template_child(
            self.keeper,
            template_timeout=plan.template_timeout,
            restart_max_delay=plan.pool.restart_max_delay,
        )
        self.tree = Supervisor(TREE, write=write_tree_report)

    def children(self, state: str) -> list[Child]:
        """The children in one state."""
        return [child for child in self.pool.children if child.state == state]

    async def idle(self, count: int = 1) -> list[Child]:
        """Wait until so many children are warm."""

        def enough() -> list[Child]:
            idle = self.children("idle")
            return idle if len(idle) >= count else []

        return await self.changes.until(enough)

    async def gone(self, child: Child) -> None:
        """Wait until a child is reaped and its seat free."""
        await self.changes.until(
            lambda: child.state == "gone" and all(child is not c for c in self.pool.children)
        )

    async def start_job(
        self, metadata: str = "", job_id: str = "AJ_1", *, resume: Resume | None = None
    ) -> Watcher:
        """Have a warm child run a job without LiveKit."""
        await self.idle()
        child = await self.pool.reserve(JobId(job_id), now() + DEADLINE)
        watcher = Watcher(child, self.changes)
        child.start_job(assignment(metadata, job_id), watcher, resume)
        return watcher


def assignment(metadata: str = "", job_id: str = "AJ_1") -> JobAssignment:
    """A job that needs no LiveKit."""
    job = agent.Job(id=job_id, metadata=metadata, room=models.Room(name="kitchen", sid="RM_1"))
    return JobAssignment(
        job_id=JobId(job_id),
        job=job.SerializeToString(),
        room="kitchen",
        url="ws://nowhere:1",
        token="",
        worker_id="AW_1",
        answer=JobAnswer(accept=True, identity=f"agent-{job_id}"),
        fake=True,
    )


@asynccontextmanager
async def supervised(
    plan: Plan, changes: Changes, launcher: Launcher | None = None
) -> AsyncIterator[Supervised]:
    """Start the parts in the daemon's order, and end them in the reverse."""
    parts = Supervised(plan, changes)
    parts.reaper.start()
    try:
        async with Listener(parts.socket_path, parts.pool.roster.handle_hello):
            try:
                await parts.tree.start()
                if plan.app is not None:
                    await add_child(parts.tree, parts.template)
                    parts.keeper.attach(parts.pool)
                else:
                    parts.pool.use_launcher(launcher, "script")
                yield parts
            finally:
                await parts.pool.aclose("the test is over")
                await parts.tree.aclose()
    finally:
        parts.reaper.stop()


class Script:
    """Starts scripted children: one for each manner given, and good ones after those."""

    def __init__(self, plan: Plan, *manners: str) -> None:
        self._socket = str(plan.directory / "s")
        self._manners = list(manners)

    async def launch(self, child_id: ChildId, output_fd: int) -> int:
        """Start the next one."""
        manner = self._manners.pop(0) if self._manners else "good"
        environment = dict(os.environ) | {"PYTHONPATH": str(BAD_CHILD.parents[2])}
        arguments = [str(BAD_CHILD), self._socket, child_id, manner]
        return spawn_python(arguments, environment, output_fd=output_fd)


def with_pool(plan: Plan, **changes: float | int) -> Plan:
    """The plan with other pool settings."""
    return structs.replace(plan, pool=structs.replace(plan.pool, **changes))


def with_spec(plan: Plan, **changes: float | Patience | MemoryLimits) -> Plan:
    """The plan with other budgets for children."""
    return structs.replace(plan, spec=structs.replace(plan.spec, **changes))
