"""The frames that the supervisor, its template and its children exchange.

A frame is a small tagged Struct; the unions at the end are the protocol, and a decoder
for one of them refuses everything else. `Hello` is the first frame on every connection
and carries the version, so its own shape never changes: only its version does.

Those of the model host are in `model_frames`. Change a frame and its golden bytes
(tests/unit/protocol) and `PROTOCOL_VERSION` together.
"""

from __future__ import annotations

from typing import Literal

from msgspec import Struct

from .app import AppInfo
from .ids import ChildId
from .job import JobAnswer, JobAssignment, JobOffer, JobOutcome, Resume

PROTOCOL_VERSION = 5

MAX_FRAME_BYTES = 4 * 1024 * 1024
"""Largest body of a frame. A job's metadata is bounded by LiveKit far below it."""

LogValue = bool | int | float | str | None


class Frame(Struct, frozen=True, kw_only=True, tag_field="t"):
    """Base of all frames."""


# -- both ways on connecting -----------------------------------------------------


class Hello(Frame, frozen=True, kw_only=True, tag="hello"):
    """First frame of a child: who it is and which protocol it speaks.

    A child with a job that has lost its supervisor says hello to the next one, and says
    which job that is; the answer is `Adopted` then, not `Initialize`.
    """

    version: int
    child_id: ChildId
    pid: int
    job_id: str = ""
    """The job that it has; empty for a child that was just made."""
    started: bool = False
    """Whether that job's entrypoint has been called."""
    resumes: int = 0
    """How often that job has been resumed."""
    assignment: JobAssignment | None = None
    """That job; a daemon whose journal is lost knows it from here."""


# -- supervisor -> child ---------------------------------------------------------


class ChildConfig(Struct, frozen=True, kw_only=True):
    """What a child has to know of the daemon's settings."""

    log_level: str = "INFO"
    livekit_url: str = ""
    api_key: str = ""
    api_secret: str = ""
    http_proxy: str = ""
    entrypoint_timeout: float = 15.0
    """Seconds that an entrypoint may go on after shutdown was asked, before it is cancelled."""
    session_close_timeout: float = 60.0
    session_end_timeout: float = 300.0
    callback_timeout: float = 10.0
    """Seconds for each shutdown callback."""
    disconnect_timeout: float = 5.0
    reconnect_grace: float = 60.0
    """Seconds that a running job goes on without its supervisor."""

    def __repr__(self) -> str:
        # Frames end up in tracebacks and debug logs; the secret, and a proxy's password, must not.
        return f"ChildConfig(log_level={self.log_level!r}, ...)"


class Initialize(Frame, frozen=True, kw_only=True, tag="initialize"):
    """Answer to `Hello`: run prewarm now."""

    config: ChildConfig


class Adopted(Frame, frozen=True, kw_only=True, tag="adopted"):
    """Answer to the `Hello` of a child that comes back: go on as before.

    One file descriptor comes along, the new standard output and error. The child then says
    again what its lost supervisor may not have heard: the latest `Snapshot`, `JobClosing`,
    `JobEnded`.
    """


class Offer(Frame, frozen=True, kw_only=True, tag="offer"):
    """Ask the app's `on_request` about a job."""

    offer: JobOffer


class Withdraw(Frame, frozen=True, kw_only=True, tag="withdraw"):
    """The job that was offered or promised to this child will not come; be idle again."""

    reason: str


class StartJob(Frame, frozen=True, kw_only=True, tag="start_job"):
    """Run this job, then exit."""

    assignment: JobAssignment
    resume: Resume | None = None
    """Set when another child has begun this job, and died or handed it over."""


class ClosingNoted(Frame, frozen=True, kw_only=True, tag="closing_noted"):
    """The job's end is on its way to LiveKit; leave the room."""


class Shutdown(Frame, frozen=True, kw_only=True, tag="shutdown"):
    """End in an orderly way: shut the running job down, then exit."""

    reason: str


class HandOver(Frame, frozen=True, kw_only=True, tag="hand_over"):
    """Let go of the job, which is to go on in another child: answer with `HandedOver`."""

    reason: str


class Ping(Frame, frozen=True, kw_only=True, tag="ping"):
    """Answer with `Pong` and the same number."""

    seq: int


class SetLogLevel(Frame, frozen=True, kw_only=True, tag="set_log_level"):
    """Write what is at least this important from now on; to a template too."""

    level: str
    """`TRACE` to `ERROR`."""


class CircuitNews(Frame, frozen=True, kw_only=True, tag="circuit_news"):
    """What others have learnt of a service that is called from here too."""

    key: str
    """Of the service's circuit."""
    state: Literal["open", "half_open", "closed"]
    """Half open: a probe may be made, or is made elsewhere."""
    seconds: float = 0.0
    """That the cooldown, or the probe that is made elsewhere, may last from now."""
    level: int = 0
    """How often the circuit has opened without lasting health between."""
    reason: str = ""
    """What the service's failure was."""
    granted: bool = False
    """Whether this child is to make the next probe; it has asked for it."""


# -- child -> supervisor ---------------------------------------------------------


class Ready(Frame, frozen=True, kw_only=True, tag="ready"):
    """Prewarm is done; the child can take a job."""

    prewarm_seconds: float


class InitFailed(Frame, frozen=True, kw_only=True, tag="init_failed"):
    """Prewarm raised; the child exits after this."""

    error: str
    traceback: str


class Answer(Frame, frozen=True, kw_only=True, tag="answer"):
    """What `on_request` decided."""

    job_id: str
    answer: JobAnswer


class JobStarted(Frame, frozen=True, kw_only=True, tag="job_started"):
    """The entrypoint is being called now."""

    job_id: str


class JobClosing(Frame, frozen=True, kw_only=True, tag="job_closing"):
    """How the job has ended, said right before its agent leaves the room.

    livekit-server calls a job failed when its agent leaves before the end is reported, and
    ignores what is reported after. The child waits for `ClosingNoted`, but not for long.
    """

    job_id: str
    outcome: JobOutcome


class JobEnded(Frame, frozen=True, kw_only=True, tag="job_ended"):
    """The job is over and has cleaned up; the child exits after this."""

    job_id: str
    outcome: JobOutcome


class Snapshot(Frame, frozen=True, kw_only=True, tag="snapshot"):
    """What the job wants remembered, in case its process dies; replaces the one before."""

    job_id: str
    version: int
    """Of the document in `data`, for the code that will read it."""
    data: bytes
    """At most `MAX_SNAPSHOT_BYTES`."""

    def __repr__(self) -> str:
        # It is a conversation: not for logs.
        return f"Snapshot({self.job_id!r}, version={self.version}, {len(self.data)} bytes)"


class HandedOver(Frame, frozen=True, kw_only=True, tag="handed_over"):
    """The last `Snapshot` was sent and the child exits at once; or why it keeps the job."""

    job_id: str
    refusal: str = ""
    """Why the job stays where it is; empty where it was let go."""


class JobBack(Frame, frozen=True, kw_only=True, tag="job_back"):
    """A job that goes on here is in its room again, and its session, if it has one, listens."""

    job_id: str


class CircuitReport(Frame, frozen=True, kw_only=True, tag="circuit_report"):
    """What has happened here to the circuit of a service; no answer is waited for."""

    key: str
    event: Literal["opened", "wanted", "probing", "answered", "given_up"]
    """It has opened; somebody waits to make the next probe; a probe is made, was answered, or has
    ended without a word of the service. A probe that failed has opened the circuit."""
    cooldown: float = 0.0
    """Seconds from now that it is open."""
    level: int = 0
    """How often it has opened without lasting health between."""
    reason: str = ""
    """What the service's failure was."""


class Count(Struct, frozen=True, kw_only=True):
    """How often something has happened, or how much of it there was."""

    name: str
    """Of its family (`agentd.figures.families`)."""
    labels: dict[str, str]
    amount: float


class Spread(Struct, frozen=True, kw_only=True):
    """How many observations fell into each bucket."""

    name: str
    """Of its family, which knows the bounds of the buckets."""
    labels: dict[str, str]
    counts: list[int]
    """Of each bucket; the last one is for what is over every bound."""
    total: float
    """Of all that was observed."""


class Counted(Frame, frozen=True, kw_only=True, tag="counted"):
    """What was counted and measured here since the last such frame. Low priority, as logs are."""

    counts: list[Count] = []
    spreads: list[Spread] = []
    turns: int = 0
    """Of the job in this process, all in all."""
    latency: dict[str, float] = {}
    """Of its last turn, seconds by stage."""
    dropped: int = 0
    """Such frames that found no room since the last; what they held is in this one."""


class Pong(Frame, frozen=True, kw_only=True, tag="pong"):
    """Answer to `Ping`."""

    seq: int


class Log(Frame, frozen=True, kw_only=True, tag="log"):
    """One log record. Low priority: dropped and counted rather than delaying a job."""

    level: int
    logger: str
    message: str
    time: float
    """Seconds since the epoch."""
    where: str = ""
    """`file.py:line function` of the call."""
    exception: str = ""
    fields: dict[str, LogValue] = {}


class LogsDropped(Frame, frozen=True, kw_only=True, tag="logs_dropped"):
    """So many records were dropped since the last one that arrived."""

    count: int


# -- supervisor -> template ------------------------------------------------------


class ImportApp(Frame, frozen=True, kw_only=True, tag="import_app"):
    """Import the app now. A spare template waits for this with everything else done."""


class Fork(Frame, frozen=True, kw_only=True, tag="fork"):
    """Fork a child; the file descriptor that comes along is its standard output and error."""

    child_id: ChildId


# -- template -> supervisor ------------------------------------------------------


class TemplateReady(Frame, frozen=True, kw_only=True, tag="template_ready"):
    """The app is imported; children can be had."""

    pid: int
    app: AppInfo
    can_fork: bool
    why_not: str = ""
    """Why it can't fork, such as the names of threads that an import started."""
    import_seconds: float = 0.0


class TemplateFailed(Frame, frozen=True, kw_only=True, tag="template_failed"):
    """The app could not be imported; the template exits after this."""

    kind: Literal["not_found", "import_failed", "no_entrypoint"]
    error: str
    traceback: str = ""


class Forked(Frame, frozen=True, kw_only=True, tag="forked"):
    """The child lives, as a child of the supervisor."""

    child_id: ChildId
    pid: int


class ForkFailed(Frame, frozen=True, kw_only=True, tag="fork_failed"):
    """No child was made."""

    child_id: ChildId
    error: str
    can_fork: bool
    """Whether it is worth asking again; false when a thread has appeared in the template."""


class Description(Struct, frozen=True, kw_only=True):
    """What a template in describe mode prints: the app, or why there is none."""

    app: AppInfo | None = None
    failure: TemplateFailed | None = None


ToChild = (
    Initialize
    | Adopted
    | Offer
    | Withdraw
    | StartJob
    | ClosingNoted
    | Shutdown
    | HandOver
    | CircuitNews
    | SetLogLevel
    | Ping
)
FromChild = (
    Hello
    | Ready
    | InitFailed
    | Answer
    | JobStarted
    | JobClosing
    | JobEnded
    | Snapshot
    | HandedOver
    | JobBack
    | CircuitReport
    | Counted
    | Pong
    | Log
    | LogsDropped
)
ToTemplate = ImportApp | Fork | SetLogLevel
FromTemplate = TemplateReady | TemplateFailed | Forked | ForkFailed | Log
