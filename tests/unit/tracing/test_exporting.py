"""The provider that the environment asks for: what it sends, and what it counts."""

from __future__ import annotations

import logging
import socket
import threading
from collections.abc import Callable
from typing import Any, TypeAlias

import pytest
from opentelemetry import trace
from opentelemetry.sdk.trace import TracerProvider

from agentd.tracing.exporting import make_provider
from agentd.tracing.wishes import Wish

Provide: TypeAlias = Callable[..., tuple[TracerProvider, Any]]


@pytest.fixture
def closed() -> Any:
    """The address of a port at which nobody listens."""
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))  # and does not listen
        yield f"http://127.0.0.1:{bound.getsockname()[1]}"


@pytest.fixture
def provide(closed: str, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Makes the provider for that address."""
    made: list[TracerProvider] = []

    def make(**variables: str) -> tuple[TracerProvider, Any]:
        monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", closed)
        for name, value in variables.items():
            monkeypatch.setenv(name, value)
        wish = Wish(exporter="otlp", endpoint=closed, service_name="agentd")
        provider, outcomes = make_provider(wish, "1.2.3")
        made.append(provider)
        return provider, outcomes

    yield make
    for provider in made:
        provider.shutdown()


def end_spans(provider: TracerProvider, count: int) -> None:
    tracer = provider.get_tracer("test")
    for _ in range(count):
        tracer.start_span("s").end()


def test_a_collector_that_is_not_there_is_told_once_with_the_reason(
    provide: Provide,
    caplog: pytest.LogCaptureFixture,
    closed: str,
) -> None:
    """Its spans are counted, and the library's own lines are not written."""
    provider, outcomes = provide(OTEL_EXPORTER_OTLP_TIMEOUT="2")
    with caplog.at_level(logging.WARNING):
        for _ in range(2):
            end_spans(provider, 3)
            provider.force_flush()

    (line,) = caplog.records
    assert (line.action, line.endpoint) == ("spans_unsent", closed)  # type: ignore[attr-defined]
    assert "refused" in line.reason  # type: ignore[attr-defined]
    assert outcomes.lost == 6


def test_spans_that_the_queue_has_no_room_for_are_counted(
    provide: Provide,
) -> None:
    """They are dropped at once: who ends a span never waits."""
    provider, outcomes = provide(
        OTEL_BSP_MAX_QUEUE_SIZE="8",
        OTEL_BSP_MAX_EXPORT_BATCH_SIZE="4",
        OTEL_BSP_SCHEDULE_DELAY="60000",
        OTEL_EXPORTER_OTLP_TIMEOUT="0.1",
    )

    end_spans(provider, 1000)

    assert outcomes.ended == 1000
    assert outcomes.lost == 1000


def test_its_thread_keeps_no_process_from_ending(
    provide: Provide,
) -> None:
    """A collector that hangs is left behind; and it says who it is."""
    provider, _ = provide()

    threads = [t for t in threading.enumerate() if t.name.startswith("Otel")]

    assert threads
    assert all(thread.daemon for thread in threads)
    assert provider.resource.attributes["service.name"] == "agentd"
    assert provider.resource.attributes["service.version"] == "1.2.3"
    assert trace.get_tracer_provider() is not provider
