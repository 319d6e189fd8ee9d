"""Spans by OpenTelemetry's library, and by providers of the app's that are no good."""

from __future__ import annotations

import logging
from typing import Any

import pytest
from opentelemetry.sdk.trace import SpanProcessor

from agentd.masking import remember
from agentd.tracing import enabled, span
from tests.support.spans import Recorded


class Breaks(SpanProcessor):
    """Raises at each span's beginning and end."""

    def on_start(self, span: Any, parent_context: Any = None) -> None:
        raise RuntimeError("the processor is broken")

    def on_end(self, span: Any) -> None:
        raise RuntimeError("the processor is broken")


def test_a_provider_that_raises_harms_nobody(
    recorded: Recorded, caplog: pytest.LogCaptureFixture
) -> None:
    """It is said once."""
    recorded.provider.add_span_processor(Breaks())

    with caplog.at_level(logging.WARNING):
        for _ in range(3):
            with span("turn") as made:
                made.set({"a": 1})

    told = [r for r in caplog.records if getattr(r, "action", "") == "span_failed"]
    assert len(told) <= 1
    assert enabled()


def test_secrets_are_masked_and_long_texts_cut(recorded: Recorded) -> None:
    """Attributes, lists of them, and errors."""
    remember("planted-secret-of-a-span")

    with span(
        "s", {"a": "x planted-secret-of-a-span", "b": "y" * 100_000, "c": None, "d": ""}
    ) as s:
        s.set({"names": ["planted-secret-of-a-span"]})
        s.fail("planted-secret-of-a-span")

    made = recorded.one("s")
    attributes = dict(made.attributes or {})
    assert len(str(attributes.pop("b"))) == 16 * 1024
    assert attributes == {"a": "x ***", "names": ("***",)}
    assert made.status.description == "***"


def test_a_second_end_does_not_count(recorded: Recorded) -> None:
    """And what is told after the first is lost."""
    made = span("once", at=100.0)
    made.end(at=101.0)
    made.end(at=105.0)
    made.set({"late": True})

    ended = recorded.one("once")
    assert (ended.start_time, ended.end_time) == (100_000_000_000, 101_000_000_000)
    assert dict(ended.attributes or {}) == {}
