"""JobRequest: an offered job, to be accepted or rejected by the user's `on_request`."""

from __future__ import annotations

import asyncio

from livekit.protocol import agent, models
from msgspec import structs

from agentd.errors import JobError
from agentd.protocol.job import ATTRIBUTE_AGENT_NAME, JobAnswer


class JobRequest:
    """A job that LiveKit offers. Answer it once, with `accept` or `reject`."""

    def __init__(self, job: agent.Job) -> None:
        self._job = job
        self._answered: asyncio.Future[JobAnswer] = asyncio.get_running_loop().create_future()

    @property
    def id(self) -> str:
        """LiveKit's id of the job."""
        return self._job.id

    @property
    def job(self) -> agent.Job:
        """The job as LiveKit describes it."""
        return self._job

    @property
    def room(self) -> models.Room:
        """The room that the job is about."""
        return self._job.room

    @property
    def publisher(self) -> models.ParticipantInfo | None:
        """The participant that the job is about, for servers of type PUBLISHER."""
        return self._job.participant if self._job.HasField("participant") else None

    @property
    def agent_name(self) -> str:
        """The name that the job was dispatched to; empty for automatic dispatch."""
        return self._job.agent_name

    @property
    def answered(self) -> asyncio.Future[JobAnswer]:
        """Resolves with the answer."""
        return self._answered

    async def accept(
        self,
        *,
        name: str = "",
        identity: str = "",
        metadata: str = "",
        attributes: dict[str, str] | None = None,
        max_resumes: int | None = None,
        resume_period: float | None = None,
    ) -> None:
        """Take the job; the agent joins under this identity, by default `agent-<job id>`.

        Should the job's process die, the job goes on in another one: `max_resumes` times at
        most within `resume_period` seconds, after that it has failed. 0 is for a job that
        can't go on from the middle; None is what the daemon's settings say.

        Returns as soon as the answer is on its way: whether LiveKit then assigns the job
        is not waited for. Raises JobError if the request was answered before, ValueError
        for a number below 0.
        """
        if (max_resumes or 0) < 0 or (resume_period or 0) < 0:
            raise ValueError("max_resumes and resume_period can't be below 0")
        answer = accepting(
            self._job, name=name, identity=identity, metadata=metadata, attributes=attributes
        )
        self._answer(structs.replace(answer, max_resumes=max_resumes, resume_period=resume_period))

    async def reject(self, *, terminate: bool = True) -> None:
        """Decline the job; with `terminate`, LiveKit offers it to no other worker either.

        Raises JobError if the request was answered before.
        """
        self._answer(JobAnswer(accept=False, terminate=terminate, reason="rejected by on_request"))

    def _answer(self, answer: JobAnswer) -> None:
        if self._answered.done():
            raise JobError(f"the request for job '{self.id}' has been answered before")
        self._answered.set_result(answer)


def accepting(
    job: agent.Job,
    *,
    name: str = "",
    identity: str = "",
    metadata: str = "",
    attributes: dict[str, str] | None = None,
) -> JobAnswer:
    """The answer that takes a job, with LiveKit's customary identity and attribute."""
    return JobAnswer(
        accept=True,
        name=name,
        identity=identity or f"agent-{job.id}",
        metadata=metadata,
        attributes={**(attributes or {}), ATTRIBUTE_AGENT_NAME: job.agent_name},
    )
