"""Spans that are recorded, by whatever provider of OpenTelemetry's.

Imported only where there is one. A provider may be the user's, with processors of his own: nothing
that goes wrong in it reaches a call.
"""

from __future__ import annotations

import asyncio
import functools
import logging
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from contextvars import Token
from types import TracebackType
from typing import Any, ParamSpec, Self, TypeVar

from opentelemetry import context as otel_context
from opentelemetry import trace
from opentelemetry.context import Context
from opentelemetry.sdk.trace import SpanProcessor
from opentelemetry.sdk.trace.id_generator import IdGenerator
from opentelemetry.trace import (
    Link,
    NonRecordingSpan,
    SpanContext,
    SpanKind,
    Status,
    StatusCode,
    TraceFlags,
    set_span_in_context,
)

from agentd.masking import masked

from .spans import NOTHING, Attributes, Span, Value

logger = logging.getLogger("agentd.tracing")

SCOPE = "agentd"
"""Of the instrumentation, as backends call it."""

MAX_TEXT = 16 * 1024
"""Characters of an attribute; the rest is cut off."""

P = ParamSpec("P")
T = TypeVar("T")


def _harmless(default: T) -> Callable[[Callable[P, T]], Callable[P, T]]:
    """What fails is told once and left out."""

    def decorate(call: Callable[P, T]) -> Callable[P, T]:
        @functools.wraps(call)
        def guarded(*args: P.args, **kwargs: P.kwargs) -> T:
            try:
                return call(*args, **kwargs)
            except Exception as error:  # noqa: BLE001 - a provider, or processor, of the user's
                _tell_failed(f"{type(error).__name__}: {error}")
                return default

        return guarded

    return decorate


@functools.cache
def _tell_failed(why: str) -> None:
    logger.warning(
        "a span could not be recorded; the call goes on without it",
        extra={"action": "span_failed", "reason": why},
    )


class RecordedSpan(Span):
    """One of OpenTelemetry's."""

    __slots__ = ("_tokens", "otel")

    is_recorded = True

    def __init__(self, otel: trace.Span) -> None:
        self.otel = otel
        self._tokens: list[Token[Context]] = []

    @_harmless(None)
    def set(self, attributes: Attributes) -> None:
        self.otel.set_attributes(_clean(attributes))

    @_harmless(None)
    def note(self, event: str, attributes: Attributes | None = None, *, at: float = 0.0) -> None:
        self.otel.add_event(event, _clean(attributes or {}), _nanoseconds(at))

    @_harmless(None)
    def fail(self, why: BaseException | str) -> None:
        if isinstance(why, BaseException):
            self.otel.set_attribute("error.type", type(why).__name__)
            why = f"{type(why).__name__}: {why}"
        self.otel.set_status(Status(StatusCode.ERROR, masked(why)[:MAX_TEXT]))

    @_harmless(None)
    def end(self, *, at: float = 0.0) -> None:
        if self.otel.is_recording():  # else the library warns of a second end
            self.otel.end(_nanoseconds(at))

    @contextmanager
    def current(self) -> Iterator[object]:
        token = otel_context.attach(set_span_in_context(self.otel))
        try:
            yield self
        finally:
            otel_context.detach(token)

    @contextmanager
    def apart(self) -> Iterator[object]:
        try:
            yield self
        except BaseException as error:
            self._end_by(error)
            raise
        self._end_by(None)

    def __enter__(self) -> Self:
        self._tokens.append(otel_context.attach(set_span_in_context(self.otel)))
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        otel_context.detach(self._tokens.pop())
        self._end_by(error)

    def _end_by(self, error: BaseException | None) -> None:
        if isinstance(error, asyncio.CancelledError | GeneratorExit):
            self.set({"agentd.cancelled": True})
        elif error is not None:
            self.fail(error)
        self.end()


class ForcedIds(IdGenerator):
    """A provider's ids, but for spans whose id is known before."""

    def __init__(self, usual: IdGenerator) -> None:
        self._usual = usual
        self.trace_id = self.span_id = 0
        """Of the next one; 0 for the usual."""

    def generate_trace_id(self) -> int:
        given, self.trace_id = self.trace_id, 0
        return given or self._usual.generate_trace_id()

    def generate_span_id(self) -> int:
        given, self.span_id = self.span_id, 0
        return given or self._usual.generate_span_id()


class Metadata(SpanProcessor):
    """Puts the user's attributes on each span."""

    def __init__(self, attributes: dict[str, Any]) -> None:
        self._attributes = attributes

    def on_start(self, span: Any, parent_context: Context | None = None) -> None:
        span.set_attributes(self._attributes)


class Recorder:
    """Makes spans by one provider."""

    def __init__(self, provider: Any, version: str) -> None:
        self.provider = provider
        self._tracer = provider.get_tracer(SCOPE, version)
        self._ids: ForcedIds | None = None
        usual = getattr(self._tracer, "id_generator", None)
        if isinstance(usual, ForcedIds):  # the library keeps a tracer for each scope
            self._ids = usual
        elif isinstance(usual, IdGenerator):
            self._ids = self._tracer.id_generator = ForcedIds(usual)

    @_harmless(NOTHING)
    def start(
        self,
        name: str,
        attributes: Attributes | None = None,
        *,
        parent: Span = NOTHING,
        at: float = 0.0,
        links: Sequence[Span] = (),
        client: bool = False,
        span_id: int = 0,
    ) -> Span:
        """A span inside `parent`, else inside what is current."""
        around = set_span_in_context(parent.otel) if isinstance(parent, RecordedSpan) else None
        return self._start(name, attributes, around, at, links, client, span_id)

    @_harmless(NOTHING)
    def root(
        self, name: str, trace_id: int, span_id: int, attributes: Attributes, *, at: float
    ) -> Span:
        """The first span of a trace, whose ids are given."""
        if self._ids is not None:
            self._ids.trace_id = trace_id
        return self._start(name, attributes, Context(), at, (), False, span_id)

    @_harmless(NOTHING)
    def elsewhere(self, trace_id: int, span_id: int, *, root: str = "") -> Span:
        """A span that another process has made, for what belongs to it here.

        With `root`, which is its name, it is asked anew whether its trace is sampled: a sampler
        goes by the trace's id, and so says the same in each process of a job.
        """
        sampler = getattr(self._tracer, "sampler", None) if root else None
        sampled = (
            sampler is None or sampler.should_sample(None, trace_id, root).decision.is_sampled()
        )
        flags = TraceFlags(TraceFlags.SAMPLED if sampled else TraceFlags.DEFAULT)
        known = SpanContext(trace_id, span_id, is_remote=True, trace_flags=flags)
        return RecordedSpan(NonRecordingSpan(known))

    def is_inside_a_span(self) -> bool:
        """Whether a span is current."""
        return trace.get_current_span().get_span_context().is_valid

    def _start(
        self,
        name: str,
        attributes: Attributes | None,
        around: Context | None,
        at: float,
        links: Sequence[Span],
        client: bool,
        span_id: int,
    ) -> Span:
        if self._ids is not None:
            self._ids.span_id = span_id
        linked = [
            Link(span.otel.get_span_context()) for span in links if isinstance(span, RecordedSpan)
        ]
        try:
            made = self._tracer.start_span(
                name,
                context=around,
                kind=SpanKind.CLIENT if client else SpanKind.INTERNAL,
                attributes=_clean(attributes or {}),
                links=linked,
                start_time=_nanoseconds(at),
            )
        finally:
            if self._ids is not None:  # one that is not sampled takes an id too, or none
                self._ids.trace_id = self._ids.span_id = 0
        return RecordedSpan(made)


def _clean(attributes: Attributes) -> dict[str, Value]:
    return {
        name: _clean_value(value)
        for name, value in attributes.items()
        if value is not None and value != ""
    }


def _clean_value(value: Value) -> Value:
    if isinstance(value, str):
        return masked(value)[:MAX_TEXT]
    if isinstance(value, bool | int | float):
        return value
    return [masked(str(part))[:MAX_TEXT] for part in value]


def _nanoseconds(at: float) -> int | None:
    return int(at * 1e9) if at else None
