"""The W3C trace context of a job: made by the supervisor, carried on by each of its children."""

from __future__ import annotations

import hashlib
import re
import secrets

from msgspec import Struct

_FORM = re.compile(r"00-(?P<trace>[0-9a-f]{32})-(?P<span>[0-9a-f]{16})-[0-9a-f]{2}")


class TraceContext(Struct, frozen=True):
    """A trace, and the span in it that all else belongs to."""

    trace_id: int
    span_id: int

    @property
    def traceparent(self) -> str:
        """As a header has it. Whether it is sampled is for the child to decide."""
        return f"00-{self.trace_id:032x}-{self.span_id:016x}-01"

    def span_of(self, life: int, name: str) -> int:
        """The id of a span that each process of a job has once.

        It can be told without having seen it: a process that dies takes its open spans with it, and
        the one that goes on writes them down in its place.
        """
        text = f"{self.traceparent}/{life}/{name}"
        return int.from_bytes(hashlib.sha256(text.encode()).digest()[:8], "big") or 1


def new_context() -> TraceContext:
    """A trace of its own."""
    return TraceContext(secrets.randbits(128) or 1, secrets.randbits(64) or 1)


def parse_traceparent(text: str) -> TraceContext | None:
    """The context that a header has; None where it has none."""
    match = _FORM.fullmatch(text.strip().lower())
    if match is None:
        return None
    context = TraceContext(int(match["trace"], 16), int(match["span"], 16))
    return context if context.trace_id and context.span_id else None
