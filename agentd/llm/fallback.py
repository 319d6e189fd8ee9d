"""Several language models in a row: the next one answers when one fails (row 195)."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Iterator, Sequence
from typing import Any

import msgspec
from msgspec import Struct

from agentd.errors import APIConnectionError, APIError
from agentd.given import NOT_GIVEN, NotGivenOr
from agentd.resilience import APIConnectOptions, Standby

from .base import LLM
from .chat import ChatContext
from .events import ChatChunk, ChoiceDelta, ToolChoice
from .holdback import Sentences
from .request import ChatRequest
from .stream import LLMStream
from .tools import Tool
from .toolset import Toolset

MARGIN = 1.0
"""Seconds that all the models together are given beyond what each of them has."""
ONCE = APIConnectOptions(max_retry=0)
"""The models are gone through once."""


class AvailabilityChangedEvent(Struct, frozen=True, kw_only=True, eq=False):
    """A model has failed, or answers again; what `llm_availability_changed` carries."""

    llm: LLM
    available: bool


class FallbackAdapter(LLM):
    """Asks the first LLM that is well; one that failed is probed until it is well again.

    When none is well all are tried. Needs to be closed; the LLMs stay their owner's to close.
    Emits `llm_availability_changed`, and of the metrics those of the LLMs.
    """

    def __init__(
        self,
        llm: Sequence[LLM],
        *,
        attempt_timeout: float = 5.0,
        max_retry_per_llm: int = 0,
        retry_interval: float = 0.5,
        retry_on_chunk_sent: bool = False,
        sticky: bool = False,
    ) -> None:
        """Make one of several; raises ValueError for none.

        Args:
            llm: The models, the preferred one first.
            attempt_timeout: Seconds for one of them to begin, and then for each piece.
            max_retry_per_llm: Retries before the next one is asked.
            retry_interval: Seconds between those, and before the first probe.
            retry_on_chunk_sent: Let another model answer even if one fails in the middle of its
                reply. Text is then handed out by whole sentences, so that none is said by halves
                and again; a reply that has called a tool is never begun anew.
            sticky: Stay with a model until it fails, though a preferred one is well again.
        """
        if not llm:
            raise ValueError("FallbackAdapter needs at least one LLM")
        super().__init__()
        self._llms = tuple(llm)
        self._options = APIConnectOptions(
            max_retry=max_retry_per_llm, retry_interval=retry_interval, timeout=attempt_timeout
        )
        self._retry_on_chunk_sent = retry_on_chunk_sent
        self._sticky = sticky
        self._last_used: int | None = None
        self._standby = Standby(
            [each.label for each in self._llms],
            probe=self._probe,
            on_change=self._on_change,
            interval=retry_interval,
            circuit_of=lambda number: self._llms[number].circuit,
        )
        for each in self._llms:
            each.on("metrics_collected", self._forward)

    @property
    def model(self) -> str:
        """Its own name: metrics and events tell which model was used."""
        return "FallbackAdapter"

    @property
    def provider(self) -> str:
        """agentd."""
        return "agentd"

    @property
    def available(self) -> tuple[bool, ...]:
        """Of each LLM whether it is well, as far as is known."""
        return self._standby.available

    def chat(
        self,
        *,
        chat_ctx: ChatContext,
        tools: Sequence[Tool | Toolset] | None = None,
        conn_options: APIConnectOptions = ONCE,
        parallel_tool_calls: NotGivenOr[bool] = NOT_GIVEN,
        tool_choice: NotGivenOr[ToolChoice] = NOT_GIVEN,
        response_format: NotGivenOr[type | dict[str, Any]] = NOT_GIVEN,
        extra_kwargs: NotGivenOr[dict[str, Any]] = NOT_GIVEN,
    ) -> LLMStream:
        """See the base class. Each LLM has the adapter's own timeout, whatever is given here."""
        return super().chat(
            chat_ctx=chat_ctx,
            tools=tools,
            conn_options=msgspec.structs.replace(conn_options, timeout=self._time_of_all()),
            parallel_tool_calls=parallel_tool_calls,
            tool_choice=tool_choice,
            response_format=response_format,
            extra_kwargs=extra_kwargs,
        )

    async def generate(self, request: ChatRequest) -> AsyncGenerator[ChatChunk, None]:
        """See the base class."""
        reply = _Reply(by_sentences=self._retry_on_chunk_sent)
        tried: set[int] = set()
        last: APIError | None = None
        while (number := self._choose(tried)) is not None:
            tried.add(number)
            reply.begin()
            try:
                async with self._ask(number, request) as stream:
                    async for chunk in stream:
                        for ready in reply.take(chunk):
                            yield ready
            except APIError as error:
                self._standby.failed(number, error)
                last = error
                if not reply.can_begin_anew:
                    raise
            else:
                self._worked(number)
                for ready in reply.rest():
                    yield ready
                return
        labels = ", ".join(each.label for each in self._llms)
        failure = APIConnectionError(f"no language model answers: {labels}")
        raise self._standby.mark(failure) from last

    def prewarm(self) -> None:
        """The first one; the others load when they are needed."""
        self._llms[0].prewarm()

    async def aclose(self) -> None:
        """End the probes and let go of the LLMs."""
        for each in self._llms:
            each.off("metrics_collected", self._forward)
        await self._standby.aclose()

    def emit(self, event: str, *args: Any) -> None:
        """As any LLM, but for metrics of its own: those of the LLM that answered are forwarded."""
        if event != "metrics_collected":
            super().emit(event, *args)

    def _forward(self, metrics: object) -> None:
        super().emit("metrics_collected", metrics)

    def _choose(self, tried: set[int]) -> int | None:
        last = self._last_used
        if self._sticky and last is not None and last not in tried and self.available[last]:
            return last
        return self._standby.choose(tried)

    def _worked(self, number: int) -> None:
        self._last_used = number
        self._standby.worked(number)

    def _ask(self, number: int, request: ChatRequest) -> LLMStream:
        return self._llms[number].chat(
            chat_ctx=request.chat_ctx,
            tools=request.tools,
            conn_options=self._options,
            parallel_tool_calls=request.parallel_tool_calls,
            tool_choice=request.tool_choice,
            response_format=request.response_format,
            extra_kwargs=request.extra_kwargs,
        )

    async def _probe(self, number: int) -> None:
        await self._llms[number].probe(msgspec.structs.replace(self._options, max_retry=0))

    def _on_change(self, number: int, available: bool) -> None:
        changed = AvailabilityChangedEvent(llm=self._llms[number], available=available)
        self.emit("llm_availability_changed", changed)

    def _time_of_all(self) -> float:
        options = self._options
        pauses = sum(options.pause_before(retry) for retry in range(options.max_retry))
        return len(self._llms) * (options.timeout * (options.max_retry + 1) + pauses) + MARGIN


class _Reply:
    """What was handed out of a reply, over all the models that have tried."""

    def __init__(self, *, by_sentences: bool) -> None:
        self._by_sentences = by_sentences
        self._sentences = Sentences()
        self._handed_out = False
        self._called_tools = False

    def begin(self) -> None:
        """Another model begins; what the last one left unsaid is forgotten."""
        self._sentences = Sentences(self._sentences.said)

    @property
    def can_begin_anew(self) -> bool:
        """Whether another model may answer now."""
        return not self._called_tools and (self._by_sentences or not self._handed_out)

    def take(self, chunk: ChatChunk) -> Iterator[ChatChunk]:
        """The chunks that can be handed out now that this one is here."""
        delta = chunk.delta or ChoiceDelta()
        self._called_tools |= bool(delta.tool_calls)
        if not self._by_sentences:
            self._handed_out |= bool(delta.content)
            yield chunk
            return
        ready = self._sentences.push(delta.content or "")
        if delta.tool_calls:
            ready += self._sentences.flush()
        if ready or delta.tool_calls or chunk.delta is None:
            yield _with_text(chunk, ready)

    def rest(self) -> Iterator[ChatChunk]:
        """What was held back, now that the reply is whole."""
        if rest := self._sentences.flush():
            yield ChatChunk(delta=ChoiceDelta(content=rest))


def _with_text(chunk: ChatChunk, text: str) -> ChatChunk:
    if chunk.delta is None:
        return chunk
    delta = msgspec.structs.replace(chunk.delta, content=text or None)
    return msgspec.structs.replace(chunk, delta=delta)
