"""Whether this process records spans, and by what. Off until somebody asks."""

from __future__ import annotations

import asyncio
import functools
import importlib
import logging
import sys
import threading
from collections.abc import Callable, Mapping, Sequence
from importlib.metadata import version
from typing import TYPE_CHECKING, Any, Protocol

from agentd.settings.load import environment

from .spans import NOTHING, Attributes, Span
from .wishes import Refusal, Wish, decide_wish, wants_content

if TYPE_CHECKING:
    from .exporting import Outcomes
    from .recording import Recorder

logger = logging.getLogger("agentd.tracing")

INSTALL = "OpenTelemetry is not installed: pip install 'agentd[otel]'"


class Job(Protocol):
    """The job of this process, as far as it matters here."""

    @property
    def span(self) -> Span:
        """What holds all that happens in it; nothing before it is recorded."""
        ...

    def record(self, recorder: Recorder) -> None:
        """Its spans are wanted from now on."""


class Switch:
    """The state of one process."""

    def __init__(self) -> None:
        self.recorder: Recorder | None = None
        self.says_content = False
        self.job: Job | None = None
        self._wish: Wish | None = None
        self._prepared = False
        self._providers: list[Any] = []
        self._outcomes: Outcomes | None = None
        self._lost = 0

    def prepare(self) -> None:
        """Import what the environment asks for; that takes a quarter of a second the first time."""
        environ = environment()
        self._prepared, self._wish = True, None
        self.says_content = wants_content(environ)
        wish = decide_wish(environ)
        if isinstance(wish, Refusal):
            _tell_off(wish.why)
        elif wish is not None and self._import(wish):
            self._wish = wish

    def turn_on(self, job: Job) -> None:
        """A job begins: record it if the environment, or the user's provider, asks for that."""
        self.job = job
        if not self._prepared:
            self.prepare()
        if self.recorder is None:
            provider = _global_provider() or self._make_provider()
            if provider is not None:
                self._record_by(provider)
        if self.recorder is not None:
            job.record(self.recorder)

    def use(self, provider: Any, metadata: Mapping[str, Any] | None) -> None:
        """Record by the user's provider."""
        recording = importlib.import_module("agentd.tracing.recording")
        if not self._prepared:
            self.prepare()
        if metadata:
            provider.add_span_processor(recording.Metadata(dict(metadata)))
        self._record_by(provider)
        if self.job is not None and self.recorder is not None:
            self.job.record(self.recorder)

    def turn_off(self) -> None:
        """Record nothing, as at the beginning; for tests."""
        self.__init__()  # type: ignore[misc]

    def flush(self, budget: float, done: Callable[[], None]) -> threading.Thread | None:
        """Have all providers send what they hold, in a thread that nobody has to wait for."""
        if not self._providers:
            return None
        providers = list(self._providers)

        def send() -> None:
            try:
                for provider in providers:
                    provider.force_flush(int(budget * 1000))
            except Exception as error:  # noqa: BLE001 - a provider of the user's; the job is over
                logger.warning(
                    "the last spans could not be sent",
                    extra={"action": "spans_unsent", "reason": f"{type(error).__name__}: {error}"},
                )
            finally:
                done()

        thread = threading.Thread(target=send, name="agentd-trace-flush", daemon=True)
        thread.start()
        return thread

    def lost(self) -> int:
        """Spans that have not arrived and were not told before; asked once all was sent."""
        lost = 0 if self._outcomes is None else self._outcomes.lost
        new, self._lost = lost - self._lost, lost
        return max(0, new)

    def _import(self, wish: Wish) -> bool:
        try:
            importlib.import_module("agentd.tracing.recording")
            importlib.import_module("agentd.tracing.exporting").warm_up(wish, _version())
        except ImportError as error:
            missing = (error.name or "").startswith("opentelemetry")
            _tell_off(INSTALL if missing else f"it can't be imported: {error}")
        except Exception as error:  # noqa: BLE001 - the library reads variables of its own
            _tell_off(f"{type(error).__name__}: {error}")
        else:
            return True
        return False

    def _make_provider(self) -> Any:
        wish, self._wish = self._wish, None
        if wish is None:
            return None
        exporting = importlib.import_module("agentd.tracing.exporting")
        try:
            provider, self._outcomes = exporting.make_provider(wish, _version())
        except Exception as error:  # noqa: BLE001 - the library reads variables of its own
            _tell_off(f"{type(error).__name__}: {error}")
            return None
        importlib.import_module("opentelemetry.trace").set_tracer_provider(provider)
        return provider

    def _record_by(self, provider: Any) -> None:
        recording = importlib.import_module("agentd.tracing.recording")
        self.recorder = recording.Recorder(provider, _version())
        if hasattr(provider, "force_flush") and provider not in self._providers:
            self._providers.append(provider)


switch = Switch()
"""Of this process."""


def enabled() -> bool:
    """Whether spans are recorded: ask before gathering what costs something to gather."""
    return switch.recorder is not None


def said(text: str | Callable[[], str]) -> str | None:
    """Text that somebody has said or a model was told; None unless it may be in spans."""
    if switch.recorder is None or not switch.says_content:
        return None
    return text if isinstance(text, str) else text()


def span(
    name: str,
    attributes: Attributes | None = None,
    *,
    parent: Span = NOTHING,
    at: float = 0.0,
    links: Sequence[Span] = (),
    client: bool = False,
    span_id: int = 0,
) -> Span:
    """Begin a span: inside `parent`, else inside what is current, else inside the job.

    `at` is the wall time of its beginning, now where that is 0; `client` is for a call of another
    service. Use it with `with`, or `end` it.
    """
    recorder = switch.recorder
    if recorder is None:
        return NOTHING
    if parent is NOTHING and switch.job is not None and not recorder.is_inside_a_span():
        parent = switch.job.span
    return recorder.start(
        name, attributes, parent=parent, at=at, links=links, client=client, span_id=span_id
    )


def prepare() -> None:
    """Import OpenTelemetry if the environment asks for traces. Before a fork: it starts nothing."""
    switch.prepare()


def set_tracer_provider(tracer_provider: Any, *, metadata: Mapping[str, Any] | None = None) -> None:
    """Record spans by this provider of OpenTelemetry's from now on.

    For the entrypoint or the prewarm function: made while the app is imported, the thread of a
    provider that sends in batches keeps the template from forking. A job that runs already is
    recorded from its beginning. `metadata` are attributes for each span of the provider. What it
    holds is sent at the job's end, within a few seconds. Raises ImportError where OpenTelemetry's
    SDK is not installed.
    """
    switch.use(tracer_provider, metadata)


async def flush(budget: float) -> None:
    """Have what is recorded sent, and wait so many seconds for that at most."""
    loop, sent = asyncio.get_running_loop(), asyncio.Event()

    def done() -> None:
        try:
            loop.call_soon_threadsafe(sent.set)
        except RuntimeError:  # it has taken so long that the loop is closed
            return

    if switch.flush(budget, done) is None:
        return
    try:
        async with asyncio.timeout(budget):
            await sent.wait()
    except TimeoutError:
        return


def flush_now(budget: float) -> None:
    """The same, and nothing else runs meanwhile."""
    thread = switch.flush(budget, lambda: None)
    if thread is not None:
        thread.join(budget)


def spans_lost() -> int:
    """How many spans have not arrived at the collector since the last call. Ask after a flush."""
    return switch.lost()


def _global_provider() -> Any:
    """What the user's code has made the provider of the process; None where it has not."""
    api = sys.modules.get("opentelemetry.trace")
    if api is None:
        return None
    found = api.get_tracer_provider()
    unset = (api.ProxyTracerProvider, api.NoOpTracerProvider)
    return None if isinstance(found, unset) else found


def _tell_off(why: str) -> None:
    logger.warning("there are no traces", extra={"action": "traces_off", "reason": why})


@functools.cache
def _version() -> str:
    return version("agentd")
