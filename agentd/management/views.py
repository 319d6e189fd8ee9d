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
from .readiness import Readiness

MAX_TEXT = 200
"""Characters of an id or a reason."""

DEFAULT_JOBS = 50
MAX_JOBS = 500
"""Jobs in one page, or events."""

MAX_SEQ = 2**53 - 1
"""Largest number of a record that every reader of JSON takes as it is."""

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
    final: bool = False
    """Whether a signal asked for it, so that it can't be taken back."""

    @property
    def done(self) -> bool:
        """Whether the last job has ended."""
        return self.draining and not self.jobs_left


class ChildEntry(Struct, frozen=True, kw_only=True):
    """One child, as far as it is known from outside."""

    id: str
    slot: int
    state: str
    pid: int | None = None
    job_id: str = ""
    """Of the job that it has or was promised; empty without one."""
    room: str = ""
    age: float = 0.0
    """Seconds since it was started, or adopted."""
    memory_mb: float | None = None
    """Private memory, read at most two seconds ago."""
    resumes: int = 0
    """How often its job has gone on in another child."""
    generation: int = 0
    """Of the code that it runs; -1 for a child of an earlier daemon."""
    outdated: bool = False
    """Whether new jobs get newer code."""


class ChildList(Struct, frozen=True, kw_only=True):
    """All children at one moment, by slot."""

    children: tuple[ChildEntry, ...]


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
    children: tuple[ChildEntry, ...] = ()
    """The same as in `pool`, with more of each."""
    drain: DrainView = DrainView()
    journal: JournalView
    problems: tuple[Problem, ...] = ()
    """What /healthz calls unhealthy."""
    readiness: Readiness | None = None
    """What /readyz says; None from a daemon that does not tell it here."""
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
    job: str = ""
    seq: int = 0
    """Its number in the journal."""


class EventPage(Struct, frozen=True, kw_only=True):
    """Some of what happened, newest first."""

    events: tuple[EventEntry, ...]
    before: int = 0
    """Ask with this for the older ones; 0 when there are none."""


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
    """Why a child ended that should not have."""

    time: float
    child: str
    text: str
    pid: int | None = None
    fields: Mapping[str, Any] = {}
    job: str = ""
    """Empty for a child that had none."""
    seq: int = 0
    """Its number in the journal."""


class PostMortemPage(Struct, frozen=True, kw_only=True):
    """Some post-mortems, newest first."""

    post_mortems: tuple[PostMortemEntry, ...]
    before: int = 0
    """Ask with this for the older ones; 0 when there are none."""


class JobDetails(Struct, frozen=True, kw_only=True):
    """One job and what happened to it, in the order that it did."""

    job: JobEntry
    events: tuple[EventEntry, ...] = ()
    post_mortems: tuple[PostMortemEntry, ...] = ()
    truncated: bool = False
    """Whether the oldest events or post-mortems were left out."""
    live: JobView | None = None
    """The job at this moment; None for one that is over, or where no daemon was asked."""
    on: ChildEntry | None = None
    """The child that has it now."""


class JobsQuery(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Which jobs are wanted."""

    limit: Annotated[int, Meta(ge=1, le=MAX_JOBS, description="At most so many.")] = DEFAULT_JOBS
    before: Annotated[
        Line, Meta(description="Those older than this one: `before` of the page before.")
    ] = ""


class RecordsQuery(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Which events or post-mortems are wanted."""

    job: Annotated[Line, Meta(description="Those of this job.")] = ""
    child: Annotated[Line, Meta(description="Those of this child.")] = ""
    limit: Annotated[int, Meta(ge=1, le=MAX_JOBS, description="At most so many.")] = DEFAULT_JOBS
    before: Annotated[
        int,
        Meta(ge=0, le=MAX_SEQ, description="Older ones than this: `before` of the page before."),
    ] = 0


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

    accepted: Literal["drain", "undrain", "reload", "stop", "resume"]


class ErrorText(Struct, frozen=True, kw_only=True):
    """Why a request was not carried out."""

    code: str
    """A stable word, for programs."""
    message: str


class ErrorBody(Struct, frozen=True, kw_only=True):
    """The answer to a request that was not carried out."""

    error: ErrorText
