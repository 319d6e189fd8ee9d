"""A second request when the first gives nothing for a while: whichever answers first is taken."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing
from typing import Any

from agentd.aio.channel import Channel
from agentd.aio.tasks import TaskOwner, cancel_and_wait
from agentd.aio.timing import now, wait_event
from agentd.errors import APIError
from agentd.figures import count
from agentd.figures.families import HEDGES
from agentd.given import NOT_GIVEN, NotGivenOr
from agentd.resilience import (
    DEFAULT_API_CONNECT_OPTIONS,
    APIConnectOptions,
    circuits,
)

from .base import LLM
from .chat import ChatContext
from .events import ChatChunk, ToolChoice
from .request import ChatRequest
from .stream import LLMStream
from .tools import Tool
from .toolset import Toolset

MARGIN = 1.0
"""Seconds that the two requests together are given beyond what each of them has."""
PIECES_WAITING = 64
"""Pieces of a reply that nobody has taken; the model then has to wait."""


class HedgeAdapter(LLM):
    """Asks an LLM, and after `hedge_after` seconds without a word of it once more.

    The second request goes to `second`, or to the same LLM. Whichever gives text or calls a tool
    first is taken, and the other is ended before a word of it is handed out. A hedge costs tokens
    and load: it counts as a retry in the budget of the service that it goes to, and there is none
    while the budget is spent. A `second` is also asked at once where the first request fails before
    it gave anything; an error is raised only when no request is left. The LLMs stay their owner's
    to close. Of the metrics those of the LLMs are emitted.
    """

    def __init__(
        self,
        llm: LLM,
        *,
        hedge_after: float,
        second: LLM | None = None,
        conn_options: APIConnectOptions = DEFAULT_API_CONNECT_OPTIONS,
    ) -> None:
        """`conn_options` are those of each request; raises ValueError for a negative time."""
        if hedge_after < 0:
            raise ValueError(f"hedge_after must not be negative, but is {hedge_after}")
        super().__init__()
        self._first = llm
        self._second = second
        self._hedge_after = hedge_after
        self._options = conn_options
        for each in self._llms():
            each.on("metrics_collected", self._forward)

    @property
    def label(self) -> str:
        """That of the first."""
        return self._first.label

    @property
    def model(self) -> str:
        """That of the first: metrics tell which model was used."""
        return self._first.model

    @property
    def provider(self) -> str:
        """That of the first."""
        return self._first.provider

    def chat(
        self,
        *,
        chat_ctx: ChatContext,
        tools: Sequence[Tool | Toolset] | None = None,
        conn_options: APIConnectOptions = DEFAULT_API_CONNECT_OPTIONS,
        parallel_tool_calls: NotGivenOr[bool] = NOT_GIVEN,
        tool_choice: NotGivenOr[ToolChoice] = NOT_GIVEN,
        response_format: NotGivenOr[type | dict[str, Any]] = NOT_GIVEN,
        extra_kwargs: NotGivenOr[dict[str, Any]] = NOT_GIVEN,
    ) -> LLMStream:
        """See the base class; tries and time are those that the adapter was made with."""
        return super().chat(
            chat_ctx=chat_ctx,
            tools=tools,
            conn_options=APIConnectOptions(max_retry=0, timeout=self._time_of_both()),
            parallel_tool_calls=parallel_tool_calls,
            tool_choice=tool_choice,
            response_format=response_format,
            extra_kwargs=extra_kwargs,
        )

    async def generate(self, request: ChatRequest) -> AsyncGenerator[ChatChunk, None]:
        """See the base class."""
        async with TaskOwner("hedge") as owner:
            changed = asyncio.Event()
            runners = [_Runner(self._ask(self._first, request), changed, owner)]
            await wait_event(changed, self._hedge_after)
            if self._may_hedge(runners[0]):
                other = self._second or self._first
                count(HEDGES, model=other.label)
                runners.append(_Runner(self._ask(other, request), changed, owner))
            winner = await _first_to_answer(runners, changed)
            await cancel_and_wait(*(each.task for each in runners if each is not winner))
            async for chunk in winner.chunks:
                yield chunk
            if winner.error is not None:
                raise winner.error

    def prewarm(self) -> None:
        """Both."""
        for each in self._llms():
            each.prewarm()

    async def aclose(self) -> None:
        """Let go of the LLMs. May be repeated."""
        for each in self._llms():
            each.off("metrics_collected", self._forward)

    def emit(self, event: str, *args: Any) -> None:
        """As any LLM, but for metrics of its own: those of the LLMs are forwarded."""
        if event != "metrics_collected":
            super().emit(event, *args)

    def _forward(self, metrics: object) -> None:
        super().emit("metrics_collected", metrics)

    def _llms(self) -> list[LLM]:
        return [self._first] if self._second is None else [self._first, self._second]

    def _ask(self, llm: LLM, request: ChatRequest) -> LLMStream:
        return llm.chat(
            chat_ctx=request.chat_ctx,
            tools=request.tools,
            conn_options=self._options,
            parallel_tool_calls=request.parallel_tool_calls,
            tool_choice=request.tool_choice,
            response_format=request.response_format,
            extra_kwargs=request.extra_kwargs,
        )

    def _may_hedge(self, first: _Runner) -> bool:
        if first.answers or (first.over and self._second is None):
            return False
        circuit = circuits().of((self._second or self._first).circuit)
        return circuit.state == "closed" and circuit.budget.spend(now())

    def _time_of_both(self) -> float:
        options = self._options
        pauses = sum(options.pause_before(retry) for retry in range(options.max_retry))
        return self._hedge_after + options.timeout * (options.max_retry + 1) + pauses + MARGIN


class _Runner:
    """One request, read in a task of its own."""

    def __init__(self, stream: LLMStream, changed: asyncio.Event, owner: TaskOwner) -> None:
        self.chunks: Channel[ChatChunk] = Channel(PIECES_WAITING)
        self.answers = False
        """Whether it has given text or called a tool."""
        self.error: APIError | None = None
        self._stream = stream
        self._changed = changed
        self.task = owner.start(self._run(), name=repr(stream))

    @property
    def over(self) -> bool:
        """Whether it has ended, well or not."""
        return self.chunks.closed

    async def _run(self) -> None:
        try:
            async with aclosing(self._stream) as stream:
                async for chunk in stream:
                    await self.chunks.send(chunk)
                    self._note(chunk)
        except APIError as error:
            self.error = error
        finally:
            self.chunks.close()
            self._changed.set()

    def _note(self, chunk: ChatChunk) -> None:
        delta = chunk.delta
        if not self.answers and delta is not None and (delta.content or delta.tool_calls):
            self.answers = True
            self._changed.set()


async def _first_to_answer(runners: Sequence[_Runner], changed: asyncio.Event) -> _Runner:
    """Whoever answers first; of requests that all end without a word the first."""
    while True:
        for runner in runners:
            if runner.answers or (runner.over and runner.error is None):
                return runner
        if all(runner.over for runner in runners):
            return runners[0]
        changed.clear()
        await changed.wait()
