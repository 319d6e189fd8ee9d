"""Traces that nobody wants cost nothing, and who wants them gets all of a job."""

from __future__ import annotations

import logging
import subprocess
import sys
import threading

import pytest

from agentd.telemetry import set_tracer_provider
from agentd.tracing import NOTHING, enabled, flush, flush_now, prepare, said, span
from agentd.tracing.switch import switch
from tests.support.spans import Recorded


class Job:
    """A job that wants to be recorded."""

    span = NOTHING
    recorder: object = None

    def record(self, recorder: object) -> None:
        self.recorder = recorder


def test_without_a_provider_every_span_is_nothing() -> None:
    """And every call on it."""
    with span("llm_node", {"a": 1}) as made, made.current(), made.apart():
        made.set({"b": 2})
        made.note("event")
        made.fail("why")

    assert made is NOTHING
    assert not enabled()
    assert said("a word") is None


def test_nothing_of_opentelemetry_is_imported_before_it_is_wanted() -> None:
    """Not even its API: neither by the daemon, nor by a child, nor by a session."""
    imports = "agentd.daemon.main, agentd.child.life, agentd.voice.session, agentd.telemetry"
    code = f"import sys, {imports}; print([m for m in sys.modules if m.startswith('opentel')])"

    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=30
    )

    assert done.stdout.strip() == "[]"


def test_spans_belong_to_what_is_current(recorded: Recorded) -> None:
    """`apart` leaves what was current before; a parent that is given goes before both."""
    with span("a") as first, span("b"):
        with span("c").apart():
            span("d").end()
        span("e", parent=first).end()

    assert sorted(recorded.paths()) == ["a", "a/b", "a/b/c", "a/b/d", "a/e"]


def test_what_fails_is_an_error_and_what_is_cancelled_is_not(recorded: Recorded) -> None:
    """The error's class is an attribute, as backends know it."""
    with pytest.raises(ValueError, match="boom"), span("fails"):
        raise ValueError("boom")

    failed = recorded.one("fails")
    assert (failed.attributes or {})["error.type"] == "ValueError"
    assert failed.status.description == "ValueError: boom"


def test_metadata_is_on_each_span() -> None:
    """Also on those of the app's own."""
    made = Recorded()
    set_tracer_provider(made.provider, metadata={"customer": "acme"})

    span("ours").end()
    made.provider.get_tracer("theirs").start_span("theirs").end()

    assert [(s.attributes or {})["customer"] for s in made.spans] == ["acme", "acme"]


def test_what_is_said_is_recorded_where_that_is_wanted(
    recorded: Recorded, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And not gathered where it is not."""
    assert said(lambda: pytest.fail("it was gathered")) is None

    monkeypatch.setenv("OTEL_INSTRUMENTATION_GENAI_CAPTURE_MESSAGE_CONTENT", "true")
    prepare()

    assert said(lambda: "a word") == "a word"


def test_an_environment_that_can_not_be_meant_turns_traces_off(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """With one line that says why."""
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", "localhost:4318")

    with caplog.at_level(logging.WARNING):
        prepare()

    (line,) = [r for r in caplog.records if getattr(r, "action", "") == "traces_off"]
    assert "localhost:4318" in str(getattr(line, "reason", ""))


def test_a_variable_that_the_library_refuses_turns_traces_off(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """The job begins without them."""
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", "http://localhost:4318")
    monkeypatch.setenv("OTEL_BSP_MAX_QUEUE_SIZE", "-1")
    job = Job()

    with caplog.at_level(logging.WARNING):
        switch.turn_on(job)

    assert [r.action for r in caplog.records if hasattr(r, "action")] == ["traces_off"]
    assert job.recorder is None


async def test_a_flush_that_hangs_is_left_behind(
    recorded: Recorded, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Both ways of waiting have an end."""
    hangs = threading.Event()
    monkeypatch.setattr(recorded.provider, "force_flush", lambda _millis: hangs.wait(20))

    await flush(0.01)
    flush_now(0.01)

    hangs.set()
    assert switch.lost() == 0
