"""LiveKit's agent messages to our data and back.

Nothing outside this module sees a protobuf message; a job goes on as serialized bytes,
since only the child that runs it needs to look inside.
"""

from __future__ import annotations

from collections.abc import Iterable
from importlib import metadata
from typing import Literal

from google.protobuf.message import DecodeError
from livekit.protocol import agent, models
from msgspec import Struct

from agentd.errors import FrameMalformed, ProtocolError
from agentd.masking import masked
from agentd.protocol.app import AppInfo, Permissions
from agentd.protocol.ids import JobId
from agentd.protocol.job import ATTRIBUTE_AGENT_NAME, JobAnswer, JobOffer

from .load import WorkerReport

JobStatus = Literal["running", "completed", "failed"]

MAX_ERROR_CHARS = 1000
"""An error's text is for people; what is longer is in our own log."""

_JOB_TYPES = {"room": agent.JT_ROOM, "publisher": agent.JT_PUBLISHER}
_JOB_STATUSES = {
    "running": agent.JS_RUNNING,
    "completed": agent.JS_SUCCESS,
    "failed": agent.JS_FAILED,
}


# -- what the server says ----------------------------------------------------------


class Registered(Struct, frozen=True, kw_only=True):
    """We are a worker now."""

    worker_id: str
    region: str = ""
    version: str = ""
    protocol: int = 0
    node_id: str = ""


class Offered(Struct, frozen=True, kw_only=True):
    """Will we take this job?"""

    offer: JobOffer


class Assigned(Struct, frozen=True, kw_only=True):
    """The job that we said yes to is ours."""

    job_id: JobId
    job: bytes
    room: str
    url: str
    """Empty: the server's own address."""
    token: str

    def __repr__(self) -> str:
        # The token opens the room: not for logs.
        return f"Assigned({self.job_id!r}, room={self.room!r}, ...)"


class Terminated(Struct, frozen=True, kw_only=True):
    """The job must end."""

    job_id: JobId


class Pong(Struct, frozen=True):
    """The server answered our ping."""


class Leaving(Struct, frozen=True, kw_only=True):
    """The server is about to close the connection."""

    reason: str


ServerEvent = Registered | Offered | Assigned | Terminated | Pong | Leaving


def read_server_message(data: bytes) -> ServerEvent:
    """One message of the server.

    Raises FrameMalformed when it is no such message, ProtocolError when it is of a kind that
    is not known here or has no id.
    """
    try:
        message = agent.ServerMessage.FromString(data)
    except DecodeError as error:
        raise FrameMalformed(f"{len(data)} bytes are no LiveKit message: {error}") from error
    match message.WhichOneof("message"):
        case "register":
            return _registered(message.register)
        case "availability":
            return _offered(message.availability)
        case "assignment":
            return _assigned(message.assignment)
        case "termination":
            return Terminated(job_id=_job_id(message.termination.job_id))
        case "pong":
            return Pong()
        case "go_away":
            return Leaving(reason=message.go_away.reason)
        case _:
            raise ProtocolError(f"a message of {len(data)} bytes is of a kind not known here")


def _job_id(text: str) -> JobId:
    if not text:
        raise ProtocolError("a message names no job")
    return JobId(text)


def _registered(message: agent.RegisterWorkerResponse) -> Registered:
    info = message.server_info
    return Registered(
        worker_id=message.worker_id,
        region=info.region,
        version=info.version,
        protocol=info.agent_protocol,
        node_id=info.node_id,
    )


def _offered(message: agent.AvailabilityRequest) -> Offered:
    job = message.job
    offer = JobOffer(
        job_id=_job_id(job.id),
        job=job.SerializeToString(),
        room=job.room.name,
        agent_name=job.agent_name,
        resuming=message.resuming,
    )
    return Offered(offer=offer)


def _assigned(message: agent.JobAssignment) -> Assigned:
    job = message.job
    return Assigned(
        job_id=_job_id(job.id),
        job=job.SerializeToString(),
        room=job.room.name,
        url=message.url,
        token=message.token,
    )


# -- what we say -------------------------------------------------------------------


def register_request(app: AppInfo, *, agent_name: str, deployment: str) -> bytes:
    """The first message on a connection."""
    # ping_interval is left out: livekit-server 1.11 has no use for it and never ends a worker
    # for its silence, and we do not promise a rhythm that we would then have to keep.
    request = agent.RegisterWorkerRequest(
        type=_JOB_TYPES[app.server_type],
        agent_name=agent_name,
        deployment=deployment,
        version=_own_version(),
        allowed_permissions=_permissions(app.permissions),
    )
    return agent.WorkerMessage(register=request).SerializeToString()


def _own_version() -> str:
    try:
        return metadata.version("agentd")
    except metadata.PackageNotFoundError:  # run from a source tree that is not installed
        return ""


def _permissions(permissions: Permissions) -> models.ParticipantPermission:
    message = models.ParticipantPermission(
        can_publish=permissions.can_publish,
        can_subscribe=permissions.can_subscribe,
        can_publish_data=permissions.can_publish_data,
        can_update_metadata=permissions.can_update_metadata,
        hidden=permissions.hidden,
        agent=True,
    )
    # Numbers, not names, come from the app, and a source that this version of the messages
    # does not know must still pass: hence extend, which takes any int of an open enum.
    message.can_publish_sources.extend(permissions.can_publish_sources)  # type: ignore[arg-type]
    return message


def offer_answer(job_id: JobId, answer: JobAnswer, *, agent_name: str) -> bytes:
    """Our answer to an offer, with the participant that the agent will be."""
    response = agent.AvailabilityResponse(
        job_id=job_id,
        available=answer.accept,
        supports_resume=False,
        terminate=answer.terminate and not answer.accept,
    )
    if answer.accept:
        response.participant_name = answer.name
        response.participant_identity = answer.identity or f"agent-{job_id}"
        response.participant_metadata = answer.metadata
        response.participant_attributes.update(
            {ATTRIBUTE_AGENT_NAME: agent_name, **answer.attributes}
        )
    return agent.WorkerMessage(availability=response).SerializeToString()


def job_report(job_id: JobId, status: JobStatus, error: str = "") -> bytes:
    """How a job does."""
    update = agent.UpdateJobStatus(
        job_id=job_id, status=_JOB_STATUSES[status], error=masked(error)[:MAX_ERROR_CHARS]
    )
    return agent.WorkerMessage(update_job=update).SerializeToString()


def worker_report(report: WorkerReport) -> bytes:
    """How this worker does."""
    update = agent.UpdateWorkerStatus(
        load=report.load,
        status=agent.WS_FULL if report.full else agent.WS_AVAILABLE,
        job_count=report.job_count,
        draining=report.draining,
    )
    return agent.WorkerMessage(update_worker=update).SerializeToString()


def ping(timestamp_ms: int) -> bytes:
    """A question that shows whether the server's worker loop still answers."""
    return agent.WorkerMessage(ping=agent.WorkerPing(timestamp=timestamp_ms)).SerializeToString()


def migrate_request(job_ids: Iterable[JobId]) -> bytes:
    """These jobs run on, on a worker that had another id before. livekit-server 1.11 ignores it."""
    request = agent.MigrateJobRequest(job_ids=list(job_ids))
    return agent.WorkerMessage(migrate_job=request).SerializeToString()
