"""Jobs without LiveKit, with short budgets."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import msgspec
import pytest
from livekit.protocol import agent, models

from agentd.app.server import AgentServer
from agentd.job.departure import Departure
from agentd.job.listener import JobListener, Nobody
from agentd.job.process import JobProcess
from agentd.job.run import ShutdownRequest, run_job
from agentd.protocol.frames import ChildConfig
from agentd.protocol.ids import JobId
from agentd.protocol.job import JobAnswer, JobAssignment, JobOffer, JobOutcome, Resume

Runner = Callable[..., Awaitable[JobOutcome]]

SHORT = ChildConfig(
    entrypoint_timeout=0.05,
    session_close_timeout=0.05,
    session_end_timeout=0.05,
    disconnect_timeout=0.05,
    callback_timeout=0.05,
)


@pytest.fixture
def job() -> agent.Job:
    return agent.Job(
        id="AJ_1",
        agent_name="parrot",
        metadata="from the dispatch",
        room=models.Room(name="kitchen", sid="RM_1"),
    )


@pytest.fixture
def offer(job: agent.Job) -> JobOffer:
    return JobOffer(
        job_id=JobId(job.id), job=job.SerializeToString(), room="kitchen", agent_name="parrot"
    )


@pytest.fixture
def assignment(job: agent.Job) -> JobAssignment:
    return JobAssignment(
        job_id=JobId(job.id),
        job=job.SerializeToString(),
        room="kitchen",
        url="ws://nowhere:1",
        token="",
        worker_id="AW_1",
        answer=JobAnswer(accept=True, identity="agent-AJ_1"),
        fake=True,
    )


@pytest.fixture
def process() -> JobProcess:
    return JobProcess()


@pytest.fixture
def run(assignment: JobAssignment, process: JobProcess) -> Runner:
    """Runs an entrypoint as a fake job, with short budgets, to its outcome."""

    async def run_to_the_end(
        entrypoint: Callable[[Any], Awaitable[None]],
        *,
        shutdown: ShutdownRequest | None = None,
        on_session_end: Callable[[Any], Any] | None = None,
        listener: JobListener | None = None,
        resume: Resume | None = None,
        departure: Departure | None = None,
        fake: bool = True,
        **budgets: float,
    ) -> JobOutcome:
        app = AgentServer()
        app.rtc_session(entrypoint, on_session_end=on_session_end)
        async with asyncio.timeout(20):
            return await run_job(
                app,
                msgspec.structs.replace(assignment, fake=fake),
                process,
                msgspec.structs.replace(SHORT, **budgets),
                shutdown=shutdown or ShutdownRequest(),
                listener=listener or Nobody(),
                resume=resume,
                departure=departure,
            )

    return run_to_the_end
