"""A daemon to be looked at and steered, as a script says."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable

from msgspec.structs import replace

from agentd.aio.timing import now, within
from agentd.cli.main import main
from agentd.errors import ControlRefused
from agentd.journal.journal import JournalView
from agentd.journal.memory import InMemoryStore
from agentd.journal.onlooker import Onlooker
from agentd.journal.records import Batch, EventRecord, JobRecord, PostMortem, Query
from agentd.management.health import LinkView
from agentd.management.history import read_events, read_job, read_jobs, read_post_mortems
from agentd.management.operations import (
    ConfigView,
    DispatchRequest,
    DispatchView,
    LogLevelView,
    ProcessStacks,
    SettingEntry,
    SimulateRequest,
    SimulationView,
    StacksRequest,
    StacksView,
)
from agentd.management.views import (
    ChildEntry,
    ChildList,
    DrainView,
    EventPage,
    JobDetails,
    JobPage,
    PostMortemPage,
    StatusView,
)
from agentd.protocol.ids import JobId
from agentd.protocol.job import JobView
from agentd.settings.model import LogLevel
from agentd.supervision.view import ChildView, TreeView
from agentd.supervisor.snapshot import PoolView, TemplateView

SOON = 20.0
"""Within which a command ends."""

TOKEN = "eyJhbGciOiJIUzI1NiJ9.secret-of-a-job"
"""In the assignment of each job that is scripted here."""

STATUS = StatusView(
    version="1.2.3",
    pid=os.getpid(),
    uptime=3723.0,
    agent_name="clerk",
    link=LinkView(phase="registered", worker_id="AW_1"),
    pool=PoolView(
        slots=4,
        children=[],
        idle=2,
        starting=1,
        busy=1,
        waiting=0,
        idle_target=2,
        start_method="fork",
        failures=0,
        last_error="",
    ),
    template=TemplateView(alive=True, pid=7, generation=3, last_error=""),
    jobs=(JobView(id="AJ_1", room="lobby", state="running", age=12.0, resumes=1),),
    children=(
        ChildEntry(
            id="c1", slot=0, state="running", pid=7, job_id="AJ_1", room="lobby", memory_mb=31.5
        ),
        ChildEntry(id="c2", slot=1, state="idle", pid=8, age=3.5),
    ),
    journal=JournalView(kept="disk", problem="", waiting=0),
    refusals={"all 4 slots are taken": 2},
)

TREE = TreeView(
    name="daemon",
    strategy="rest_for_one",
    state="running",
    recent_restarts=1,
    allowed_restarts=5,
    period=60.0,
    children=(
        ChildView(
            id="template",
            type="worker",
            state="backoff",
            since=2.0,
            restarts=1,
            failures=1,
            last_error="killed by SIGKILL",
            next_start_in=1.5,
            below=None,
        ),
    ),
)


class ScriptedControls:
    """`Controls` on a journal in memory; remembers what it was asked."""

    def __init__(self, status: StatusView = STATUS) -> None:
        self.shown = status
        self.store = InMemoryStore()
        self.asked: list[tuple[str, ...]] = []
        self.hangs = asyncio.Event()
        self.hangs.set()
        """Cleared, it makes the journal hang."""
        self.watched = asyncio.Event()
        """Set once somebody watches."""
        self.left = asyncio.Event()
        """Set once somebody watches no more."""
        self._watchers: list[Callable[[], None]] = []

    @property
    def watchers(self) -> int:
        """How many look on."""
        return len(self._watchers)

    def status(self) -> StatusView:
        return self.shown

    def tree(self) -> TreeView:
        return TREE

    async def jobs(self, limit: int, before: JobId | None) -> JobPage:
        await self.hangs.wait()
        return await read_jobs(Onlooker(self.store), limit, before)

    async def job(self, job_id: JobId) -> JobDetails | None:
        return await read_job(Onlooker(self.store), job_id)

    def drain(self, reason: str) -> None:
        self.asked.append(("drain", reason))
        left = len(self.shown.jobs)
        self.show_drain(DrainView(draining=True, reason=reason, jobs_left=left, seconds_left=90.0))

    def undrain(self, reason: str) -> None:
        self.asked.append(("undrain", reason))
        if not self.shown.drain.draining:
            raise ControlRefused("the daemon does not drain", code="conflict")
        self.show_drain(DrainView(jobs_left=len(self.shown.jobs)))

    def reload(self, *, swap: bool = False) -> None:
        self._refuse_while_draining()
        self.asked.append(("reload", "swap") if swap else ("reload",))

    def stop_job(self, job_id: JobId, reason: str) -> bool:
        self.asked.append(("stop", job_id, reason))
        return job_id in {job.id for job in self.shown.jobs}

    def children(self) -> ChildList:
        return ChildList(children=self.shown.children)

    async def events(self, query: Query) -> EventPage:
        await self.hangs.wait()
        return await read_events(Onlooker(self.store), query)

    async def post_mortems(self, query: Query) -> PostMortemPage:
        return await read_post_mortems(Onlooker(self.store), query)

    def config(self) -> ConfigView:
        entry = SettingEntry(section="pool", value=4, origin="flag --max-jobs")
        return ConfigView(settings={"max_jobs": entry})

    def resume_job(self, job_id: JobId, reason: str) -> None:
        self.asked.append(("resume", job_id, reason))
        if job_id not in {job.id for job in self.shown.jobs}:
            raise ControlRefused(f"no job '{job_id}' runs here", code="not_found")

    async def dispatch(self, request: DispatchRequest) -> DispatchView:
        name = self.shown.agent_name if request.agent_name is None else request.agent_name
        self.asked.append(("dispatch", request.room, name, request.metadata))
        return DispatchView(id="AD_1", room=request.room, agent_name=name, room_created=True)

    def simulate(self, request: SimulateRequest) -> SimulationView:
        self._refuse_while_draining()
        self.asked.append(("simulate", request.room, request.metadata))
        room = request.room or "simulation-1"
        return SimulationView(job="SIM_1", room=room, seconds=request.seconds)

    def set_log_level(self, level: LogLevel) -> LogLevelView:
        self.asked.append(("log_level", level))
        return LogLevelView(level=level, before="INFO", children=3)

    async def stacks(self, request: StacksRequest) -> StacksView:
        self.asked.append(("stacks", request.job, request.child))
        own = ProcessStacks(process="supervisor", pid=os.getpid(), text="Thread main:\n  here")
        child = ProcessStacks(process="c1", pid=7, job="AJ_1", note="no stacks came: state D")
        return StacksView(processes=(own, child))

    def subscribe(self, callback: Callable[[], None]) -> Callable[[], None]:
        self._watchers.append(callback)
        self.watched.set()

        def unsubscribe() -> None:
            self._watchers.remove(callback)
            self.left.set()

        return unsubscribe

    def _refuse_while_draining(self) -> None:
        if self.shown.drain.draining:
            raise ControlRefused("the daemon drains", code="conflict")

    def show_drain(self, drain: DrainView) -> None:
        """The drain has come so far."""
        self.shown = replace(self.shown, drain=drain)
        for callback in self._watchers:
            callback()

    def keep(self, *jobs: JobRecord) -> None:
        """The journal knows these jobs."""
        self.store.write(Batch(jobs=jobs))


async def run(*arguments: str) -> int:
    """A command's exit code; it has a loop of its own, so a thread of its own too."""
    return await within(now() + SOON, asyncio.to_thread(main, list(arguments)))


def full_record(name: str = "AJ_1", *, ended: bool = False) -> JobRecord:
    """A job with everything in it, the token too."""
    return JobRecord(
        id=JobId(name),
        state="ended" if ended else "running",
        room="lobby",
        agent_name="clerk",
        identity="agent-7",
        url="ws://here:7880",
        worker_id="AW_1",
        offered_at=1_000_000.0,
        accepted_at=1_000_000.1,
        assigned_at=1_000_000.3,
        running_at=1_000_000.5,
        ended_at=1_000_061.0 if ended else None,
        pid=4711,
        resumes=1,
        ending="failed" if ended else "",
        reason="its child died too often" if ended else "",
        assignment=TOKEN.encode(),
    )


def history_of(name: str) -> Batch:
    """Two events and a post-mortem of a job, with stacks."""
    return Batch(
        events=(
            EventRecord(time=1_000_000.3, kind="job_assigned", job=name, child="c1"),
            EventRecord(
                time=1_000_010.25,
                kind="child_failed",
                text="the child died",
                job=name,
                child="c1",
                fields={"signal": 9, "next": {"in": 0.5}},
            ),
        ),
        post_mortems=(
            PostMortem(
                time=1_000_010.25,
                child="c1",
                job=name,
                pid=4711,
                text="ended by SIGKILL; the job goes on in another child",
                fields={
                    "signal": 9,
                    "stacks": 'Thread 1:\n\tFile "app.py", line 7 in wait\n',
                    "last_lines": ["one", "two \x1b[31mred"],
                },
            ),
        ),
    )
