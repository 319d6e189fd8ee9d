"""What is shown of a running daemon: frozen data, without a secret in it.

The daemon encodes these, `agentd status` and the like decode them. Times of jobs and events are
seconds since the epoch, as in the journal; all else is seconds before or after the answer.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Literal

from msgspec import Meta, Struct

from agentd.journal.journal import JournalView
from agentd.protocol.job import JobView
from agentd.supervision.view import Trouble
from agentd.supervisor.snapshot import CircuitView, PoolView, TemplateView

from .health import LinkView, Problem

MAX_TEXT = 200
"""Characters of an id or a reason."""

DEFAULT_JOBS = 50
MAX_JOBS = 500
"""Jobs in one page."""

Line = Annotated[
    str,
    Meta(max_length=MAX_TEXT, pattern=r"^[^\x00-\x1f\x7f-\x9f\u2028\u2029]*$"),
]
"""Text that is one line of a log. The pattern is what a schema can say of it: see `is_line`."""


def is_line(text: str) -> bool:
    """Whether text can be shown as it is: an id, or a reason that goes into log and journal."""
    return text.isprintable()


class DrainView(Struct, frozen=True, kw_only=True):
    """How far a drain has come."""

    draining: bool = False
    reason: str = ""
    jobs_left: int = 0
    seconds_left: float | None = None
    """Until the jobs that are left are ended; None while nothing is drained."""
    ending: bool = False
    """Whether `drain_timeout` is over, so that the jobs that are left are being ended."""

    @property
    def done(self) -> bool:
        """Whether the last job has ended."""
        return self.draining and not self.jobs_left


class StatusView(Struct, frozen=True, kw_only=True):
    """The daemon at one moment."""

    version: str
    pid: int
    uptime: float
    """Seconds since it was started."""
    agent_name: str = ""
    link: LinkView
    pool: PoolView
    template: TemplateView
    jobs: tuple[JobView, ...] = ()
    drain: DrainView = DrainView()
    journal: JournalView
    problems: tuple[Problem, ...] = ()
    """What /healthz calls unhealthy."""
    troubles: tuple[Trouble, ...] = ()
    """Parts that failed and have not been well for long enough since."""
    refusals: Mapping[str, int] = {}
    """Offers declined since the start, counted by reason."""
    circuits: tuple[CircuitView, ...] = ()
    """Services that fail and are left alone, or tried again by one call at a time."""

    @property
    def healthy(self) -> bool:
        return not self.problems


class JobEntry(Struct, frozen=True, kw_only=True):
    """One job as the journal has it, but for its assignment, which holds a token."""

    id: str
    state: str
    room: str = ""
    agent_name: str = ""
    identity: str = ""
    worker_id: str = ""
    offered_at: float | None = None
    accepted_at: float | None = None
    assigned_at: float | None = None
    running_at: float | None = None
    resuming_at: float | None = None
    ended_at: float | None = None
    child: str = ""
    pid: int | None = None
    resumes: int = 0
    ending: str = ""
    reason: str = ""


class JobPage(Struct, frozen=True, kw_only=True):
    """Some jobs, newest first."""

    jobs: tuple[JobEntry, ...]
    before: str = ""
    """Ask with this for the older ones; empty when there are none."""


class EventEntry(Struct, frozen=True, kw_only=True):
    """Something that happened to a job."""

    time: float
    kind: str
    text: str = ""
    child: str = ""
    fields: Mapping[str, Any] = {}


class FeedEntry(Struct, frozen=True, kw_only=True):
    """Something that happened just now, as /events tells of it."""

    id: str
    """Ask with this for what came after it."""
    time: float
    kind: str
    text: str = ""
    job: str = ""
    child: str = ""
    fields: Mapping[str, Any] = {}


class FeedHello(Struct, frozen=True, kw_only=True):
    """The first message of /events."""

    boot: str
    """Another one after each start of the daemon."""
    version: str
    replayed: int = 0
    """Messages that follow at once, since they were asked for."""
    missed: bool = False
    """Whether there were others that are not kept any more."""


class PostMortemEntry(Struct, frozen=True, kw_only=True):
    """Why a child of a job ended that should not have."""

    time: float
    child: str
    text: str
    pid: int | None = None
    fields: Mapping[str, Any] = {}


class JobDetails(Struct, frozen=True, kw_only=True):
    """One job and what happened to it, in the order that it did."""

    job: JobEntry
    events: tuple[EventEntry, ...] = ()
    post_mortems: tuple[PostMortemEntry, ...] = ()
    truncated: bool = False
    """Whether the oldest events or post-mortems were left out."""


class JobsQuery(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Which jobs are wanted."""

    limit: Annotated[int, Meta(ge=1, le=MAX_JOBS, description="At most so many.")] = DEFAULT_JOBS
    before: Annotated[
        Line, Meta(description="Those older than this one: `before` of the page before.")
    ] = ""


class DrainRequest(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The body of POST drain."""

    reason: Line = ""


class StopRequest(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The body of POST jobs/{id}/stop."""

    reason: Line = ""


class ReloadRequest(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The body of POST reload; all of it may be left out."""

    swap: bool = False
    """Jobs that run go on with the new code too."""


class Accepted(Struct, frozen=True, kw_only=True):
    """The answer to a request that was taken and is being carried out."""

    accepted: Literal["drain", "reload", "stop"]


class ErrorText(Struct, frozen=True, kw_only=True):
    """Why a request was not carried out."""

    code: str
    """A stable word, for programs."""
    message: str


class ErrorBody(Struct, frozen=True, kw_only=True):
    """The answer to a request that was not carried out."""

    error: ErrorText
