"""A desk between a pool and a link that are not real: both keep the contracts of the real ones."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Unpack, cast

from msgspec import structs

from agentd.aio.timing import now, within
from agentd.dispatch.desk import JobDesk
from agentd.dispatch.load import WorkerReport
from agentd.dispatch.messages import JobStatus
from agentd.errors import ChildError
from agentd.journal.records import JobFacts
from agentd.protocol.ids import JobId
from agentd.protocol.job import JobAnswer, JobAssignment, JobOffer, JobOutcome, JobState, Resume
from agentd.settings.model import JobSettings, LiveKitSettings
from agentd.supervisor.child import Child
from agentd.supervisor.watchedjob import JobWatcher

SETTINGS = JobSettings(offer_timeout=9.0, assignment_timeout=7.5)


class FakeChild:
    """A child as the desk sees it; `says` is its answer to an offer."""

    def __init__(
        self, pool: FakePool, says: Callable[[], Awaitable[JobAnswer]] | None, number: int = 1
    ) -> None:
        self.number = number
        self.id = f"c{number}"
        self.generation = 1
        self.pid = None
        self.state = "idle"
        self.assignment: JobAssignment | None = None
        self.watcher: JobWatcher | None = None
        self.resume: Resume | None = None
        self.shutdown_reason = ""
        self.asked_to_hand_over: list[str] = []
        self.taken_from: list[str] = []
        self._pool = pool
        self._says = says

    @property
    def past(self) -> Resume | None:
        """What it was given of the job's past, without the times and the words for people."""
        if self.resume is None:
            return None
        return structs.replace(self.resume, began_at=0.0, lost_at=0.0, why="")

    async def ask(self, _offer: JobOffer, deadline_at: float) -> JobAnswer:
        assert self._says is not None
        return await within(deadline_at, self._says())

    def release(self, _reason: str) -> None:
        if self.state == "reserved":
            self.state = "idle"

    def start_job(
        self, assignment: JobAssignment, watcher: JobWatcher, resume: Resume | None = None
    ) -> None:
        self.state, self.assignment, self.watcher = "running", assignment, watcher
        self.resume = resume

    def shutdown(self, reason: str) -> None:
        self.shutdown_reason = reason

    def hand_over(self, reason: str) -> None:
        self.asked_to_hand_over.append(reason)

    def take_job(self, why: str) -> None:
        self.taken_from.append(why)
        self.state = "gone"

    def let_go(self, snapshot: bytes = b"the last words") -> None:
        """It hands its job over, and its process is gone."""
        assert self.watcher is not None
        self.watcher.job_snapshot(1, snapshot)
        self.state = "gone"
        self.watcher.job_handed_over()

    def keep(self, why: str) -> None:
        """It does not hand its job over."""
        assert self.watcher is not None
        self.watcher.job_kept(why)

    def arrive(self) -> None:
        """The job that goes on here runs, and its agent is in the room again."""
        assert self.watcher is not None
        self.watcher.job_started()
        self.watcher.job_back()

    def die(self, why: str = "the job's process was ended by SIGKILL") -> None:
        """Its process is dead, with a job; its seat gets another child."""
        self.vanish()
        assert self.watcher is not None
        self.watcher.job_lost(why)

    def vanish(self) -> None:
        """Its process is dead, and its seat gets another child."""
        self.state = "gone"
        self._pool.children.append(FakeChild(self._pool, self._says, number=self.number + 1))

    def end(self, outcome: JobOutcome) -> None:
        """Its job is over and so is it."""
        self.state = "gone"
        assert self.watcher is not None
        self.watcher.job_ended(outcome)


class FakePool:
    """Slots with children that are warm when the test says so; keeps the pool's contract."""

    def __init__(self, slots: int, says: Callable[[], Awaitable[JobAnswer]] | None = None) -> None:
        self.capacity = slots
        self.waiting = 0
        self.failing = ""
        self.children = [FakeChild(self, says) for _ in range(slots)]
        self.urgent: list[bool] = []
        self.dies_when_taken = 0
        self.code = 1
        """The generation of children that new jobs get."""
        self.warm = asyncio.Event()
        self.warm.set()

    @property
    def busy(self) -> int:
        return self.waiting + sum(child.state in ("reserved", "running") for child in self.children)

    @property
    def idle(self) -> int:
        return sum(child.state == "idle" for child in self.children)

    def subscribe(self, _callback: Callable[[], None]) -> None:
        return

    def is_outdated(self, child: Child) -> bool:
        return child.generation < self.code

    def take_new_code(self, *, children: int = 1) -> None:
        """New jobs run new code: so many children of it are warm, and idle ones of the old gone."""
        self.code += 1
        for child in self.children:
            if child.state == "idle":
                child.state = "gone"
        self.add_children(children)

    def add_children(self, count: int) -> None:
        """So many more are warm."""
        for _ in range(count):
            child = FakeChild(self, None, number=self.children[-1].number + 1)
            child.generation = self.code
            self.children.append(child)

    async def reserve_beside(self, job_id: JobId, deadline_at: float) -> Child:
        return await self.reserve(job_id, deadline_at)

    async def reserve(self, _job_id: JobId, deadline_at: float, *, urgent: bool = False) -> Child:
        self.urgent.append(urgent)
        self.waiting += 1
        try:
            await within(deadline_at, self.warm.wait())
        except TimeoutError:
            raise ChildError("no warm child in time") from None
        finally:
            self.waiting -= 1
        child = next(child for child in self.children if child.state == "idle")
        child.state = "reserved"
        if self.dies_when_taken:
            self.dies_when_taken -= 1
            child.vanish()
        return cast("Child", child)


class FakeLink:
    """Remembers what LiveKit is told; assigns what is accepted unless told not to."""

    def __init__(self) -> None:
        self.desk: JobDesk | None = None
        self.connected = True
        self.assigns = True
        self.token = "token"
        self.answers: list[tuple[str, JobAnswer, float]] = []
        self.reports: list[tuple[str, JobStatus, str]] = []
        self.load: list[WorkerReport] = []

    def send_answer(self, job_id: JobId, answer: JobAnswer) -> bool:
        if self.connected:
            self.answers.append((job_id, answer, now()))
            if answer.accept and self.assigns:
                asyncio.get_running_loop().call_soon(self.assign, job_id)
        return self.connected

    def assign(self, job_id: JobId) -> None:
        assert self.desk is not None
        self.desk.handle_assignment(job_id, b"job", "room", "ws://there", self.token)

    def report_job(self, job_id: JobId, status: JobStatus, error: str = "") -> None:
        self.reports.append((job_id, status, error))

    def report_worker(self, report: WorkerReport) -> None:
        self.load.append(report)


class FakeLedger:
    """A journal that remembers the states of jobs, and their last snapshots."""

    def __init__(self) -> None:
        self.states: list[tuple[str, str]] = []
        self.facts: dict[str, object] = {}
        self.takes_snapshots = True

    def record_job(
        self, job_id: JobId, state: JobState | None = None, **facts: Unpack[JobFacts]
    ) -> None:
        if state is not None:
            self.states.append((job_id, state))
        self.facts.update(facts)

    def record_snapshot(self, job_id: JobId, version: int, data: bytes) -> bool:
        return self.takes_snapshots


class Office:
    """A desk with a fake pool and a fake link."""

    def __init__(
        self,
        slots: int = 1,
        says: Callable[[], Awaitable[JobAnswer]] | None = None,
        *,
        settings: JobSettings = SETTINGS,
    ) -> None:
        self.pool = FakePool(slots, says)
        self.link = FakeLink()
        self.ledger = FakeLedger()
        self.desk = JobDesk(
            settings,
            LiveKitSettings(api_key="devkey", api_secret="s" * 32),
            self.pool,
            self.ledger,
            ask_app=says is not None,
        )
        self.link.desk = self.desk
        self.desk.connect(self.link)
        self.desk.handle_registered("AW_1")

    @property
    def child(self) -> FakeChild:
        """The latest."""
        return self.pool.children[-1]

    def offer(self, number: int = 1) -> None:
        job_id = JobId(f"AJ_{number}")
        self.desk.handle_offer(JobOffer(job_id=job_id, job=b"", room="room", agent_name=""))

    def start(self) -> None:
        """The entrypoint of the only job begins."""
        assert self.child.watcher is not None
        self.child.watcher.job_started()

    async def wait(self, seconds: float) -> None:
        """Let virtual time pass."""
        await asyncio.sleep(seconds)

    async def until(self, come: Callable[[], bool]) -> None:
        """Let virtual time pass until something is so, for an hour at most."""
        deadline_at = now() + 3600.0
        while not come():
            assert now() < deadline_at
            await asyncio.sleep(0.005)

    def accepted(self) -> list[bool]:
        return [answer.accept for _, answer, _ in self.link.answers]


async def settle() -> None:
    """Let every task go as far as it can without time passing."""
    await asyncio.sleep(0.001)
