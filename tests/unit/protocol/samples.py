"""One frame of every type, with every field set, for the golden bytes."""

from __future__ import annotations

from types import UnionType
from typing import Any, NewType, get_args, get_origin, get_type_hints

from hypothesis import strategies as st
from msgspec import Struct

from agentd.protocol.app import AppInfo, Permissions
from agentd.protocol.frames import (
    Adopted,
    Answer,
    ChildConfig,
    CircuitNews,
    CircuitReport,
    ClosingNoted,
    Count,
    Counted,
    Fork,
    Forked,
    ForkFailed,
    Frame,
    FromChild,
    FromTemplate,
    HandedOver,
    HandOver,
    Hello,
    ImportApp,
    InitFailed,
    Initialize,
    JobBack,
    JobClosing,
    JobEnded,
    JobStarted,
    Log,
    LogsDropped,
    Offer,
    Ping,
    Pong,
    Ready,
    SetLogLevel,
    Shutdown,
    Snapshot,
    Spread,
    StartJob,
    TemplateFailed,
    TemplateReady,
    ToChild,
    ToTemplate,
    Withdraw,
)
from agentd.protocol.ids import ChildId, JobId
from agentd.protocol.job import JobAnswer, JobAssignment, JobOffer, JobOutcome, Resume
from agentd.protocol.model_frames import (
    FromHostProcess,
    FromModelHost,
    HostFailed,
    HostHello,
    HostReady,
    ModelAnswer,
    ModelCall,
    ModelCancel,
    ModelFailure,
    ModelHello,
    ModelPart,
    ToHostProcess,
    ToModelHost,
)
from agentd.protocol.models import ModelRef

DIRECTIONS = {
    "ToChild": ToChild,
    "FromChild": FromChild,
    "ToTemplate": ToTemplate,
    "FromTemplate": FromTemplate,
    "ToModelHost": ToModelHost,
    "FromModelHost": FromModelHost,
    "ToHostProcess": ToHostProcess,
    "FromHostProcess": FromHostProcess,
}


def types_of(direction: str) -> set[type[Frame]]:
    """The frame types that travel in one direction."""
    union = DIRECTIONS[direction]
    return set(get_args(union)) or {union}


def anything(hint: Any) -> st.SearchStrategy[Any]:
    """Any value of a field's type, as msgpack can carry it."""
    if isinstance(hint, NewType):
        return anything(hint.__supertype__)
    if isinstance(hint, type) and issubclass(hint, Struct):
        hints = get_type_hints(hint)
        return st.builds(hint, **{name: anything(hints[name]) for name in hint.__struct_fields__})
    if isinstance(hint, UnionType):
        return st.one_of(*(anything(member) for member in get_args(hint)))
    if get_origin(hint) is dict:
        return st.dictionaries(*(anything(member) for member in get_args(hint)), max_size=3)
    if get_origin(hint) is list:
        return st.lists(*(anything(member) for member in get_args(hint)), max_size=3)
    if hint is float:
        return st.floats(allow_nan=False)
    return st.integers(-(2**63), 2**63 - 1) if hint is int else st.from_type(hint)


ANSWER = JobAnswer(
    accept=True,
    terminate=True,
    name="Parrot",
    identity="agent-AJ_1",
    metadata="m",
    attributes={"lk.agent.name": "parrot"},
    reason="why",
    max_resumes=2,
    resume_period=30.5,
)

ASSIGNMENT = JobAssignment(
    job_id=JobId("AJ_1"),
    job=b"\x0a\x01x",
    room="kitchen",
    url="ws://localhost:7880",
    token="ey.J",
    worker_id="AW_1",
    answer=ANSWER,
    fake=True,
    traceparent="00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
    received_at=1700000000.25,
    accepted_at=1700000000.5,
    assigned_at=1700000000.75,
)

FRAMES: list[Frame] = [
    Hello(
        version=3,
        child_id=ChildId("c1"),
        pid=4711,
        job_id="AJ_1",
        started=True,
        resumes=1,
        assignment=ASSIGNMENT,
    ),
    Adopted(),
    Initialize(
        config=ChildConfig(
            log_level="DEBUG",
            livekit_url="ws://localhost:7880",
            api_key="devkey",
            api_secret="secret",
            http_proxy="http://proxy:1",
        )
    ),
    Offer(
        offer=JobOffer(job_id=JobId("AJ_1"), job=b"\x0a\x01x", room="kitchen", agent_name="parrot")
    ),
    Withdraw(reason="no assignment"),
    StartJob(
        assignment=ASSIGNMENT,
        resume=Resume(
            resumes=2,
            snapshot_version=1,
            snapshot=b"\x80",
            reason="swap",
            began_at=1700000001.0,
            lost_at=1700000009.5,
            why="it was moved to another process",
        ),
    ),
    ClosingNoted(),
    Shutdown(reason="terminated by LiveKit"),
    HandOver(reason="app.py was saved"),
    CircuitNews(
        key="api.example.com/gpt",
        state="half_open",
        seconds=4.5,
        level=2,
        reason="503 Service Unavailable",
        granted=True,
    ),
    SetLogLevel(level="DEBUG"),
    Ping(seq=7),
    Ready(prewarm_seconds=0.25),
    InitFailed(error="ValueError: no", traceback="Traceback"),
    Answer(job_id="AJ_1", answer=ANSWER),
    JobStarted(job_id="AJ_1"),
    JobClosing(job_id="AJ_1", outcome=JobOutcome(outcome="completed", reason="done")),
    JobEnded(job_id="AJ_1", outcome=JobOutcome(outcome="failed", error="boom", reason="crash")),
    Snapshot(job_id="AJ_1", version=1, data=b"\x80"),
    HandedOver(job_id="AJ_1", refusal="a tool is at work"),
    JobBack(job_id="AJ_1"),
    CircuitReport(
        key="api.example.com/gpt",
        event="opened",
        cooldown=4.5,
        level=2,
        reason="503 Service Unavailable",
    ),
    Counted(
        counts=[Count(name="retries_refused", labels={"circuit": "a/b"}, amount=3.0)],
        spreads=[Spread(name="turn_latency", labels={"stage": "e2e"}, counts=[0, 2, 1], total=4.5)],
        turns=7,
        latency={"e2e": 1.5},
        dropped=1,
    ),
    Pong(seq=7),
    Log(
        level=20,
        logger="app",
        message="hello",
        time=1700000000.5,
        where="app.py:3 entry",
        exception="Traceback",
        fields={"room": "kitchen", "n": 3, "ratio": 0.5, "ok": True, "none": None},
    ),
    LogsDropped(count=12),
    ImportApp(),
    Fork(child_id=ChildId("c1")),
    TemplateReady(
        pid=4711,
        app=AppInfo(
            agent_name="parrot",
            server_type="publisher",
            permissions=Permissions(can_publish_sources=[1], hidden=True),
            answers_offers=True,
            settings={"max_jobs": 3},
            dev_settings={"max_jobs": 1},
            models=[
                ModelRef(
                    name="ear",
                    target="ears.runner:Runner",
                    options={"voice": "joe", "speed": 1.5, "speaker": None},
                    threads=2,
                )
            ],
            files=["/app.py"],
            notes=["a note"],
        ),
        can_fork=False,
        why_not="these threads run",
        import_seconds=0.5,
    ),
    TemplateFailed(kind="import_failed", error="no", traceback="Traceback"),
    Forked(child_id=ChildId("c1"), pid=4711),
    ForkFailed(child_id=ChildId("c1"), error="no memory", can_fork=True),
    ModelHello(version=3, pid=4711),
    ModelCall(call=5, model="ear-1f0c9a7e", request=b"\x00\x01", stream=True),
    ModelCancel(call=5),
    HostHello(version=3, pid=4712, models=["ear-1f0c9a7e"]),
    ModelPart(call=5, data=b"\x02"),
    ModelAnswer(call=5, data=b"\x03"),
    ModelFailure(call=5, error="no such word", code="model_error", retryable=True),
    HostReady(pid=4712, models=["ear-1f0c9a7e"], load_seconds=1.5),
    HostFailed(error="no weights", model="ear"),
]
