"""A collector of traces: it takes OTLP over HTTP, and may be told to misbehave."""

from __future__ import annotations

import asyncio
import gzip
from collections.abc import Callable, Iterator, Mapping, Sequence
from types import TracebackType
from typing import Any, Literal, Self

from aiohttp import web
from msgspec import Struct
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import (
    ExportTraceServiceRequest,
    ExportTraceServiceResponse,
)
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, KeyValue
from opentelemetry.proto.trace.v1.trace_pb2 import Span as WireSpan

DEADLINE = 20.0
"""Seconds that a test waits for spans."""

Behaviour = Literal["take", "hang", "fail", "drop"]
"""Of an answer: take them; none; 500; the connection is cut."""


class Seen(Struct, frozen=True, kw_only=True):
    """A span that has arrived."""

    name: str
    trace_id: str
    span_id: str
    parent_id: str
    """Empty for a root."""
    began_at: float
    ended_at: float
    attributes: Mapping[str, Any]
    events: tuple[str, ...]
    links: tuple[str, ...]
    """Ids of spans."""
    failed: str | None
    """What its status says, if that is an error."""
    resource: Mapping[str, Any]

    @property
    def seconds(self) -> float:
        return self.ended_at - self.began_at


class Tree:
    """Spans by who belongs to whom."""

    def __init__(self, spans: Sequence[Seen]) -> None:
        self.spans = sorted(spans, key=lambda span: span.began_at)
        self._by_id = {span.span_id: span for span in spans}

    def named(self, name: str) -> list[Seen]:
        """Those of a name, in the order in which they began."""
        return [span for span in self.spans if span.name == name]

    def one(self, name: str) -> Seen:
        """The only one of a name."""
        (found,) = self.named(name)
        return found

    def path(self, span: Seen) -> str:
        """Names from the root down to it; `?` for a parent that has not arrived."""
        names = [span.name]
        while span.parent_id:
            if span.parent_id not in self._by_id:
                return "/".join(["?", *reversed(names)])
            span = self._by_id[span.parent_id]
            names.append(span.name)
        return "/".join(reversed(names))

    def lost(self) -> list[str]:
        """Paths of spans whose parent has not arrived."""
        return [path for path in self.paths() if path.startswith("?")]

    def show(self) -> str:
        """All of it, for people."""
        start = min((span.began_at for span in self.spans), default=0.0)
        return "\n".join(
            f"{span.began_at - start:8.3f} {span.seconds:8.3f} {self.path(span)}"
            for span in self.spans
        )

    def paths(self) -> set[str]:
        """Of all spans."""
        return {self.path(span) for span in self.spans}


class Collector:
    """The server; use it with `async with`."""

    def __init__(self, behave: Callable[[Seen], Behaviour] = lambda _: "take") -> None:
        """`behave` is asked for the first span of each request."""
        self.spans: list[Seen] = []
        self.headers: list[Mapping[str, str]] = []
        self.requests: list[Behaviour] = []
        self.port = 0
        self._behave = behave
        self._arrived = asyncio.Condition()
        self._stopping = asyncio.Event()
        self._runner: web.AppRunner | None = None

    @property
    def environ(self) -> dict[str, str]:
        """What leads a daemon's children here."""
        return {"OTEL_EXPORTER_OTLP_ENDPOINT": f"http://127.0.0.1:{self.port}"}

    def tree(self, job_id: str = "") -> Tree:
        """What has come, or of it the trace that a job is in."""
        traces = {s.trace_id for s in self.spans if s.attributes.get("lk.job_id") == job_id}
        return Tree([s for s in self.spans if not job_id or s.trace_id in traces])

    async def wait_for(self, name: str, count: int = 1, *, job_id: str = "") -> None:
        """Wait until so many spans of a name have come, of all jobs or of one."""

        def has_come() -> bool:
            return len(self.tree(job_id).named(name)) >= count

        try:
            async with asyncio.timeout(DEADLINE), self._arrived:
                await self._arrived.wait_for(has_come)
        except TimeoutError:
            raise AssertionError(f"no {count} {name} in\n{self.tree().show()}") from None

    async def __aenter__(self) -> Self:
        app = web.Application(client_max_size=2**26)
        app.router.add_post("/v1/traces", self._take)
        self._runner = web.AppRunner(app, shutdown_timeout=0.1)
        await self._runner.setup()
        site = web.TCPSite(self._runner, "127.0.0.1", 0)
        await site.start()
        self.port = self._runner.addresses[0][1]
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._stopping.set()
        assert self._runner is not None
        await self._runner.cleanup()

    async def _take(self, request: web.Request) -> web.StreamResponse:
        body = await request.read()
        if request.headers.get("Content-Encoding") == "gzip" and body[:2] == b"\x1f\x8b":
            body = gzip.decompress(body)
        spans = list(_spans(ExportTraceServiceRequest.FromString(body)))
        behaviour = self._behave(spans[0])
        self.requests.append(behaviour)
        match behaviour:
            case "hang":
                await self._stopping.wait()
            case "drop":
                assert request.transport is not None
                request.transport.abort()
            case "take":
                async with self._arrived:
                    self.headers.append(dict(request.headers))
                    self.spans += spans
                    self._arrived.notify_all()
                return web.Response(
                    body=ExportTraceServiceResponse().SerializeToString(),
                    content_type="application/x-protobuf",
                )
        return web.Response(status=500, text="no")


def _spans(request: ExportTraceServiceRequest) -> Iterator[Seen]:
    for resource in request.resource_spans:
        about = _attributes(resource.resource.attributes)
        for scope in resource.scope_spans:
            for span in scope.spans:
                yield _seen(span, about)


def _seen(span: WireSpan, resource: Mapping[str, Any]) -> Seen:
    return Seen(
        name=span.name,
        trace_id=span.trace_id.hex(),
        span_id=span.span_id.hex(),
        parent_id=span.parent_span_id.hex(),
        began_at=span.start_time_unix_nano / 1e9,
        ended_at=span.end_time_unix_nano / 1e9,
        attributes=_attributes(span.attributes),
        events=tuple(event.name for event in span.events),
        links=tuple(link.span_id.hex() for link in span.links),
        failed=span.status.message if span.status.code == 2 else None,
        resource=resource,
    )


def _attributes(given: Sequence[KeyValue]) -> dict[str, Any]:
    return {pair.key: _value(pair.value) for pair in given}


def _value(value: AnyValue) -> Any:
    kind = value.WhichOneof("value")
    if kind == "array_value":
        return [_value(part) for part in value.array_value.values]
    return getattr(value, kind) if kind else None
