"""Trace contexts of jobs, as a W3C header has them."""

from __future__ import annotations

import pytest

from agentd.protocol.trace import TraceContext, new_context, parse_traceparent

HEADER = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"


def test_a_context_is_read_back_as_it_was() -> None:
    """Zeros in front included."""
    context = parse_traceparent(HEADER)

    assert context is not None
    assert context.traceparent == HEADER


@pytest.mark.parametrize(
    "text",
    ["", "nonsense", HEADER.replace("00-4", "ff-4"), HEADER[:-3], f"00-{'0' * 32}-{'0' * 16}-01"],
)
def test_what_is_no_context_is_none(text: str) -> None:
    """A job then has a trace of its own."""
    assert parse_traceparent(text) is None


def test_each_context_is_another() -> None:
    """And none is the one that means none."""
    contexts = {new_context() for _ in range(100)}

    assert len(contexts) == 100
    assert all(context.trace_id and context.span_id for context in contexts)


def test_a_span_that_every_process_has_once_has_an_id_that_the_next_can_tell() -> None:
    """Another for each process and each name."""
    context = TraceContext(7, 9)

    ids = {context.span_of(life, name) for life in range(3) for name in ("job", "session")}

    assert len(ids) == 6
    assert context.span_of(1, "job") == TraceContext(7, 9).span_of(1, "job")
    assert all(0 < known < 2**64 for known in ids)
