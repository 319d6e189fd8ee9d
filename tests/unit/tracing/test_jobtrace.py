"""A job is one trace, in however many processes."""

from __future__ import annotations

from typing import Any

import pytest
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.trace.sampling import TraceIdRatioBased

from agentd.protocol.ids import JobId
from agentd.protocol.job import JobAnswer, JobAssignment, JobOutcome, Resume
from agentd.protocol.trace import new_context
from agentd.telemetry import set_tracer_provider
from agentd.tracing import JobTrace, session_span, span, trace_job
from agentd.tracing.switch import switch
from tests.support.spans import Recorded

CONTEXT = new_context()


def assignment(traceparent: str = CONTEXT.traceparent) -> JobAssignment:
    return JobAssignment(
        job_id=JobId("AJ_1"),
        job=b"",
        room="kitchen",
        url="",
        token="",
        worker_id="AW_1",
        answer=JobAnswer(accept=True),
        traceparent=traceparent,
        received_at=100.0,
        accepted_at=100.5,
        assigned_at=102.0,
    )


def trace_of(resume: Resume | None = None, **options: Any) -> JobTrace:
    options = {"taken_at": 103.0, "attributes": {"lk.pii.room_name": "kitchen"}, **options}
    return JobTrace(options.pop("assignment", assignment()), resume, **options)


def run(resume: Resume | None = None, **options: Any) -> None:
    """A job with a session in it."""
    with trace_job(trace_of(resume, **options)) as trace:
        session = session_span({})
        with session.current():
            span("turn").end()
        session.end()
        trace.end(JobOutcome(outcome="completed", reason="done"))


def attributes(span: ReadableSpan) -> dict[str, Any]:
    return dict(span.attributes or {})


def test_a_job_begins_with_its_offer(recorded: Recorded) -> None:
    """The root has the ids that the supervisor has made; the stages are seconds, and events."""
    run()

    root, job = recorded.one("job_dispatch"), recorded.one("job_entrypoint")
    assert root.context is not None
    assert (root.context.trace_id, root.context.span_id) == (CONTEXT.trace_id, CONTEXT.span_id)
    assert root.parent is None
    assert root.start_time == job.start_time == 100_000_000_000
    stages = {name: value for name, value in attributes(job).items() if "latency" in name}
    assert stages["lk.job.accept_latency"] == 0.5
    assert stages["lk.job.assignment_latency"] == 1.5
    assert stages["lk.job.launch_latency"] == 1.0
    assert [event.name for event in job.events][:2] == ["job_received", "job_accepted"]
    assert recorded.path(recorded.one("turn")) == "job_dispatch/job_entrypoint/agent_session/turn"


def test_a_job_without_a_trace_has_one_of_its_own(recorded: Recorded) -> None:
    """As a job in a test has it, or one of an older daemon."""
    run(assignment=assignment("rubbish"))

    assert recorded.path(recorded.one("turn")).startswith("job_dispatch/")


def test_the_process_that_goes_on_writes_down_what_the_dead_one_could_not() -> None:
    """Two providers, as in two processes: the spans of both are one tree."""
    first, second = Recorded(), Recorded()
    set_tracer_provider(first.provider)
    run()
    switch.turn_off()
    set_tracer_provider(second.provider)
    resume = Resume(resumes=1, began_at=103.5, lost_at=110.0, why="was ended by SIGKILL")

    run(resume, had_session=True)

    died = {s.name: s for s in second.spans if attributes(s).get("agentd.process_died")}
    assert set(died) == {"job_entrypoint", "agent_session"}
    for name, stand_in in died.items():
        own = first.one(name)
        assert stand_in.context is not None
        assert own.context is not None
        assert stand_in.context.span_id == own.context.span_id
        assert (stand_in.start_time, stand_in.end_time) == (103_500_000_000, 110_000_000_000)
        assert stand_in.status.description == "was ended by SIGKILL"
    assert second.one("job_resume").start_time == 110_000_000_000
    assert {s.context.trace_id for s in (*first.spans, *second.spans) if s.context} == {
        CONTEXT.trace_id
    }
    (went_on,) = [s for s in second.spans if s.name == "job_entrypoint" and s not in died.values()]
    assert [link.context.span_id for link in went_on.links] == [
        CONTEXT.span_of(0, "job_entrypoint")
    ]
    assert went_on.parent is not None
    assert went_on.parent.span_id == CONTEXT.span_id


def test_a_job_that_was_moved_has_lost_nothing(recorded: Recorded) -> None:
    """The process before has ended its spans itself."""
    run(Resume(resumes=1, began_at=103.5, lost_at=110.0, reason="swap"), had_session=True)

    assert not [s for s in recorded.spans if attributes(s).get("agentd.process_died")]
    assert attributes(recorded.one("job_resume"))["agentd.resume.reason"] == "swap"


def test_a_process_that_hands_its_job_over_ends_what_is_open(recorded: Recorded) -> None:
    """Sessions first."""
    with trace_job(trace_of()) as trace:
        session_span({})
        trace.leave()

    ended = [s.name for s in recorded.spans if attributes(s).get("agentd.handed_over")]
    assert ended == ["agent_session", "job_entrypoint"]


@pytest.mark.parametrize(("ratio", "names"), [(0.0, set()), (1.0, {"turn", "job_resume"})])
def test_a_trace_is_sampled_as_a_whole_also_where_it_goes_on(
    recorded: Recorded, ratio: float, names: set[str]
) -> None:
    """The sampler goes by the trace's id, so that no process needs to be told."""
    recorded.provider.get_tracer("agentd", "0.1.0").sampler = TraceIdRatioBased(ratio)  # type: ignore[attr-defined]

    run(Resume(resumes=1, began_at=103.5, lost_at=110.0))

    assert {s.name for s in recorded.spans} & {"turn", "job_resume"} == names


def test_a_provider_that_comes_in_the_midst_of_a_job_has_it_from_its_beginning() -> None:
    """As the entrypoint may set it."""
    made = Recorded()
    with trace_job(trace_of()):
        set_tracer_provider(made.provider)
        span("turn").end()

    assert made.path(made.one("turn")) == "job_dispatch/job_entrypoint/turn"
    assert made.one("job_entrypoint").start_time == 100_000_000_000


def test_a_job_that_has_failed_is_an_error(recorded: Recorded) -> None:
    """With the error that LiveKit is told."""
    with trace_job(trace_of()) as trace:
        trace.end(JobOutcome(outcome="failed", error="ValueError: boom", reason="crashed"))

    job = recorded.one("job_entrypoint")
    assert job.status.description == "ValueError: boom"
    assert attributes(job)["lk.shutdown.reason"] == "crashed"
