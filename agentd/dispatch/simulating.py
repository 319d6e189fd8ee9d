"""Jobs that nobody has offered: an app's code is run in a child, with no call and no room behind.

They go the way of all jobs, from the offer on, but LiveKit neither knows nor hears of them. So that
none is forgotten in its slot, each is shut down when its time is over.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable
from typing import Protocol

from livekit.protocol import agent, models
from msgspec import structs

from agentd.aio.tasks import TaskOwner
from agentd.ids import shortuuid
from agentd.protocol.ids import JobId
from agentd.protocol.job import JobAnswer, JobAssignment, JobOffer, JobView
from agentd.supervisor.guards import Refusal

JOB_PREFIX = "SIM_"
"""Of the ids of such jobs; LiveKit's begin with AJ_."""

DEFAULT_SECONDS = 60.0
"""For one whose own time is not known."""


def simulated_offer(room: str, agent_name: str, metadata: str) -> JobOffer:
    """An offer as LiveKit would make it, of a room that does not exist."""
    job_id = JobId(shortuuid(JOB_PREFIX))
    job = agent.Job(
        id=job_id,
        type=agent.JT_ROOM,
        room=models.Room(name=room),
        agent_name=agent_name,
        metadata=metadata,
    )
    return JobOffer(job_id=job_id, job=job.SerializeToString(), room=room, agent_name=agent_name)


def fake_assignment(offer: JobOffer, answer: JobAnswer, *, worker_id: str) -> JobAssignment:
    """What LiveKit would answer to our acceptance, without its token."""
    named = structs.replace(answer, identity=answer.identity or f"agent-{offer.job_id}")
    return JobAssignment(
        job_id=offer.job_id,
        job=offer.job,
        room=offer.room,
        url="",
        token="",
        worker_id=worker_id,
        answer=named,
        fake=True,
    )


class Simulates(Protocol):
    """The desk, as far as simulations need it."""

    def simulate(self, offer: JobOffer) -> Refusal | None: ...

    async def until_begun(self, job_id: JobId) -> None: ...


class Simulations:
    """Starts them, and ends those whose time is over."""

    def __init__(self, desk: Simulates, stop: Callable[[JobId, str], bool]) -> None:
        """`stop` asks a job to end, for a reason."""
        self._desk = desk
        self._stop = stop
        self._limits = TaskOwner("simulations")

    def start(self, offer: JobOffer, seconds: float) -> Refusal | None:
        """Run one for so long; says why not, or nothing."""
        refusal = self._desk.simulate(offer)
        if refusal is None:
            self.limit(offer.job_id, seconds)
        return refusal

    def adopt(self, jobs: Iterable[JobView]) -> None:
        """Have those among these jobs end: a daemon before us has measured their time."""
        for job in jobs:
            if job.fake:
                self.limit(JobId(job.id), DEFAULT_SECONDS)

    def limit(self, job_id: JobId, seconds: float) -> None:
        """Have one end after so many seconds, unless it has before."""
        self._limits.start(self._end_after(job_id, seconds), name=job_id)

    async def _end_after(self, job_id: JobId, seconds: float) -> None:
        await asyncio.sleep(seconds)
        reason = f"the simulation's {seconds:g} s are over"
        if not self._stop(job_id, reason):
            # It waits for a child, and must not go on for ever once it has one.
            await self._desk.until_begun(job_id)
            self._stop(job_id, reason)

    async def aclose(self) -> None:
        """End no more of them. May be repeated."""
        await self._limits.aclose()
