"""What a daemon does about the jobs that an earlier one has left, by its journal."""

from __future__ import annotations

import asyncio

import jwt
import msgspec
import pytest
from msgspec.structs import replace

from agentd.aio.timing import now
from agentd.dispatch.jobs import Job
from agentd.dispatch.restore import Restorer
from agentd.journal.journal import READ_TIMEOUT
from agentd.journal.records import JobRecord, SnapshotRecord
from agentd.protocol.ids import ChildId, JobId
from agentd.protocol.job import JobAnswer, JobAssignment, Resume
from agentd.supervisor.child import Child
from agentd.testing.virtual_time import run_virtual
from tests.support.office import Office, settle

JOB = JobId("AJ_1")
ASSIGNMENT = msgspec.msgpack.encode(
    JobAssignment(
        job_id=JOB,
        job=b"",
        room="room",
        url="ws://there",
        token=jwt.encode({"sub": "agent-AJ_1"}, "x" * 32),
        worker_id="AW_1",
        answer=JobAnswer(accept=True),
    )
)
DEAD = JobRecord(
    id=JOB, state="running", room="room", running_at=5.0, resumes=1, assignment=ASSIGNMENT
)


class Memory:
    """A journal with one unfinished job."""

    def __init__(self, record: JobRecord, snapshot: bytes = b"") -> None:
        self._record = record
        self._snapshot = snapshot

    async def unfinished_jobs(self) -> list[JobRecord]:
        return [self._record]

    async def snapshot(self, job_id: JobId) -> SnapshotRecord | None:
        if not self._snapshot:
            return None
        return SnapshotRecord(job=job_id, version=1, time=5.0, data=self._snapshot)


class SlowMemory(Memory):
    """Each snapshot takes as long as a disk that hangs may."""

    async def unfinished_jobs(self) -> list[JobRecord]:
        return [replace(DEAD, id=JobId(f"AJ_{number}")) for number in range(20)]

    async def snapshot(self, job_id: JobId) -> SnapshotRecord | None:
        await asyncio.sleep(READ_TIMEOUT)
        return await super().snapshot(job_id)


class NoPool:
    """Has no child of another daemon."""

    def adopt(self, child_id: ChildId, pid: int) -> Child:
        raise AssertionError(f"{child_id} with pid {pid} is not alive")


def restored(memory: Memory, *, over: str = "") -> Office:
    """A new daemon's office, after it has looked after the jobs of the one before."""

    async def run() -> Office:
        office = Office()
        restorer = Restorer(office.desk.book, office.desk.running, NoPool())

        async def why_over(_job: Job) -> str:
            return over

        orphans = await restorer.adopt_living(memory)
        await restorer.resume_orphans(orphans, why_over)
        await settle()
        return office

    return run_virtual(run())


def test_a_job_whose_process_is_gone_goes_on_from_its_snapshot() -> None:
    """In a child of the new daemon, as one that has begun before."""
    office = restored(Memory(DEAD, b"what was said"))

    assert office.child.assignment is not None
    assert office.child.past == Resume(resumes=2, snapshot_version=1, snapshot=b"what was said")


def test_a_job_that_nobody_waits_for_is_lost_with_the_reason() -> None:
    """Nobody is called back by an agent hours later, nor does a second host begin the job."""
    office = restored(Memory(DEAD), over="its room is empty")

    assert office.desk.job_count == 0
    assert office.ledger.facts["ending"] == "lost"
    assert office.ledger.facts["reason"] == "its process died, and its room is empty"


def test_a_simulation_of_an_earlier_daemon_is_known_as_one() -> None:
    """LiveKit is not told of its end either."""
    assignment = msgspec.msgpack.decode(ASSIGNMENT, type=JobAssignment)
    fake = msgspec.msgpack.encode(replace(assignment, fake=True))

    office = restored(Memory(replace(DEAD, assignment=fake)), over="it was a simulation")

    assert office.ledger.facts["ending"] == "lost"
    assert office.link.reports == []
    alive = restored(Memory(replace(DEAD, assignment=fake)))
    assert [view.fake for view in alive.desk.view()] == [True]


def test_a_job_that_had_told_its_end_is_not_begun_again() -> None:
    """Its process died before it could clean up; the end stands."""
    told = msgspec.structs.replace(DEAD, ending="completed", reason="goodbye")

    office = restored(Memory(told))

    assert office.child.assignment is None
    assert (office.ledger.facts["ending"], office.ledger.facts["reason"]) == (
        "completed",
        "goodbye",
    )


@pytest.mark.parametrize(
    "record",
    [
        JobRecord(id=JOB, state="offered", room="room"),
        JobRecord(id=JOB, state="accepted", room="room"),
        JobRecord(id=JOB, state="running", room="room", assignment=b"no assignment"),
    ],
)
def test_a_job_that_can_not_go_on_has_a_stated_end(record: JobRecord) -> None:
    """It was never assigned, or what it needs can't be read."""
    office = restored(Memory(record))

    assert office.ledger.states[-1] == (JOB, "ended")
    assert office.ledger.facts["ending"] == "lost"


def test_a_slow_disk_costs_its_time_once_not_once_a_job() -> None:
    """Living children have 5 s to come back, and the pool 10 s to start."""

    async def run() -> tuple[int, float]:
        office = Office()
        restorer = Restorer(office.desk.book, office.desk.running, NoPool())
        began_at = now()
        orphans = await restorer.adopt_living(SlowMemory(DEAD))
        return len(orphans), now() - began_at

    assert run_virtual(run()) == (20, READ_TIMEOUT)
