"""All that is counted and measured, in the children and in the supervisor.

The names, labels and texts are those of /metrics; docs/operations.md has the table, and a test
holds both together.
"""

from __future__ import annotations

from .family import Family

QUICK = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0)
"""Bounds for what should take milliseconds."""

TALK = (0.05, 0.1, 0.2, 0.3, 0.5, 0.75, 1.0, 1.5, 2.0, 3.0, 5.0, 10.0)
"""Bounds for what a caller waits for."""

STARTS = (0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0)

LONG = (5.0, 15.0, 60.0, 180.0, 600.0, 1800.0, 3600.0, 14400.0)

STAGES = ("e2e", "eot", "stt", "llm", "tts")
"""Of a turn: from the end of the user's speech to the first audio of the answer; to the decision
that the turn is over; to its final transcript; from asking the model to its first token; from the
first text to its first audio."""

# -- jobs, counted by the supervisor --------------------------------------------------------

JOBS_ENDED = Family(
    name="jobs_ended",
    text="Jobs that are over, by how: rejected ones were declined, lost ones never began.",
    labels=("ending",),
    known={"ending": ("completed", "failed", "rejected", "lost")},
)
JOB_DURATION = Family(
    name="job_duration_seconds",
    text="From the offer of a job that was assigned to its end.",
    bounds=LONG,
)
DISPATCH = Family(
    name="dispatch_seconds",
    text="Steps of a job on its way: offer to accept, accept to assigned, assigned to running "
    "(its entrypoint is called), and all of them together.",
    labels=("step",),
    known={"step": ("accept", "assign", "start", "total")},
    bounds=(0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0),
)
RESUMES = Family(
    name="resumes",
    text="Jobs that were to go on in another child: after a crash, or moved (swap). resumed: they "
    "run there; failed: no child could be had; refused: too often; stayed: not moved.",
    labels=("reason", "outcome"),
    known={"reason": ("crash", "swap"), "outcome": ("resumed", "failed", "refused", "stayed")},
)
GAPS = Family(
    name="resume_gap_seconds",
    text="Seconds that a call was without its agent: from its child's end to the next one's "
    "being in the room.",
    labels=("reason",),
    known={"reason": ("crash", "swap")},
    bounds=(0.1, 0.2, 0.3, 0.5, 0.75, 1.0, 1.5, 2.0, 3.0, 5.0, 10.0, 30.0),
)
JOBS_FOUND = Family(
    name="jobs_found",
    text="Jobs that an earlier daemon had left, by whether their process still lived.",
    labels=("process",),
    known={"process": ("alive", "dead")},
)
ADOPTIONS = Family(
    name="adoptions",
    text="Jobs of an earlier daemon whose process has come back to this one.",
)

# -- children, counted by the supervisor -----------------------------------------------------

CHILD_STARTS = Family(name="child_starts", text="Children that were started.")
CHILD_START = Family(
    name="child_start_seconds",
    text="From the wish for a child to its being warm, prewarm included.",
    bounds=STARTS,
)
CHILD_ENDS = Family(
    name="child_ends",
    text="Children that ended, by why. normal and shutdown are as they should be.",
    labels=("reason",),
    known={
        "reason": (
            "normal",
            "shutdown",
            "exit",
            "signal",
            "oom",
            "memory",
            "heartbeat",
            "killed",
            "boot_failed",
            "unknown",
        )
    },
)
CHILD_ANSWER = Family(
    name="child_answer_seconds",
    text="What a child with a job took to answer a heartbeat: the lag of its event loop, and ours.",
    bounds=QUICK,
)

# -- the supervisor itself -------------------------------------------------------------------

LOOP_LAG = Family(
    name="loop_lag_seconds",
    text="How late the supervisor's event loop was, twice a second.",
    bounds=QUICK,
)
LOOP_BLOCKED = Family(
    name="loop_blocked",
    text="Times that the supervisor's event loop stood still for longer than blocked_warning.",
)
LINK_REGISTRATIONS = Family(
    name="link_registrations", text="Times that LiveKit has registered this worker."
)
LINK_FAILURES = Family(
    name="link_failures",
    text="Attempts at a connection to LiveKit that failed, and connections that were lost.",
    labels=("kind",),
    known={"kind": ("attempt", "lost")},
)
JOURNAL_WRITE = Family(
    name="journal_write_seconds",
    text="What it took to write the records that had gathered.",
    bounds=QUICK,
)
JOURNAL_ERRORS = Family(
    name="journal_errors", text="Times that the journal's disk failed: memory goes on with it."
)
JOURNAL_DROPPED = Family(
    name="journal_dropped", text="Records of the journal that found no room and were dropped."
)
LOGS_DROPPED = Family(
    name="logs_dropped",
    text="Log records that were dropped rather than delay a job: by children, and by this process "
    "as its output was not read.",
    labels=("by",),
    known={"by": ("child", "supervisor")},
)
METRICS_DROPPED = Family(
    name="metrics_dropped",
    text="Of children's figures: frames that found no room, what they held came later (full); "
    "figures that make no sense (refused).",
    labels=("why",),
    known={"why": ("full", "refused")},
)

HTTP_REFUSED = Family(
    name="http_refused",
    text="On the HTTP port: requests with a wrong token, connections that were one too many "
    "(full), and such that did nothing (idle).",
    labels=("why",),
    known={"why": ("token", "full", "idle")},
)

# -- calls, counted by the children ----------------------------------------------------------

ROOM_JOIN = Family(
    name="room_join_seconds",
    text="What it took an agent to join its room.",
    bounds=TALK,
    by_children=True,
)
TURNS = Family(name="turns", text="Turns of users that agents have answered.", by_children=True)
INTERRUPTIONS = Family(
    name="interruptions", text="Replies that users have cut off.", by_children=True
)
TURN_LATENCY = Family(
    name="turn_latency_seconds",
    text="Of each answered turn, by stage. e2e: from the end of the user's speech to the first "
    "audio of the answer; eot: to the decision that the turn is over; stt: to its final "
    "transcript; llm: to the model's first token; tts: to the voice's first audio.",
    labels=("stage",),
    known={"stage": STAGES},
    bounds=TALK,
    by_children=True,
)
DEAD_AIR = Family(
    name="dead_air",
    text="Times that an agent owed speech and none was heard for too long, by what was done.",
    labels=("recovery",),
    known={"recovery": ("retry", "filler", "apology", "text", "outage", "none")},
    by_children=True,
)
APOLOGIES = Family(
    name="apologies",
    text="Times that a user was told that something is wrong, by what was.",
    labels=("cause",),
    known={"cause": ("dead_air", "outage", "reply")},
    by_children=True,
)
OUTAGES = Family(
    name="outages",
    text="Times that a session met a model whose service was out, by kind of model.",
    labels=("kind",),
    known={"kind": ("llm", "stt", "tts", "realtime")},
    by_children=True,
)
OUTAGE_SECONDS = Family(
    name="outage_seconds",
    text="Seconds of such outages, of those that are over, by how they ended.",
    labels=("kind", "outcome"),
    known={
        "kind": ("llm", "stt", "tts", "realtime"),
        "outcome": ("recovered", "replaced", "gave_up", "closed"),
    },
    by_children=True,
)
OUTPUT_LOST = Family(
    name="output_lost",
    text="Sessions that had to go on without their audio.",
    labels=("lost",),
    known={"lost": ("audio_input", "audio_output", "video_output", "speech_synthesis")},
    by_children=True,
)
TOKENS = Family(
    name="model_tokens",
    text="Tokens of language models and speech-to-speech models. Cached and spoken ones are in "
    "input and output too.",
    labels=("provider", "model", "kind"),
    by_children=True,
)
CHARACTERS = Family(
    name="tts_characters",
    text="Characters that were given to text-to-speech.",
    labels=("provider", "model"),
    by_children=True,
)
AUDIO = Family(
    name="model_audio_seconds",
    text="Seconds of audio that speech-to-text has heard, and text-to-speech has made.",
    labels=("kind", "provider", "model"),
    by_children=True,
)
RETRIES_REFUSED = Family(
    name="retries_refused",
    text="Retries of calls to a service that its retry budget refused.",
    labels=("circuit",),
    by_children=True,
)
FALLBACK_SWITCHES = Family(
    name="fallback_switches",
    text="Calls that a fallback adapter gave to another model, by the model that had failed.",
    labels=("model",),
    by_children=True,
)
HEDGES = Family(
    name="hedges",
    text="Second requests that were made since the first gave nothing yet.",
    labels=("model",),
    by_children=True,
)

SPANS_DROPPED = Family(
    name="spans_dropped",
    text="Spans of traces that were dropped, as their collector did not take them.",
    by_children=True,
)

FAMILIES: tuple[Family, ...] = tuple(
    value for value in list(globals().values()) if isinstance(value, Family)
)
"""In the order in which they are above."""

BY_NAME = {family.name: family for family in FAMILIES}
