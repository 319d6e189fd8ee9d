"""One step of a reply: the model is asked, its words are spoken, its calls are begun."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from enum import Enum
from typing import Any

from agentd.aio.tasks import TaskOwner, cancel_and_wait
from agentd.llm.chat import ChatContext
from agentd.llm.items import FunctionCall
from agentd.llm.tools import Tool
from agentd.tracing import NOTHING, Span
from agentd.voice.agent import Agent
from agentd.voice.bench import Bench
from agentd.voice.default_nodes import ModelSettings
from agentd.voice.models import Setting
from agentd.voice.options import OutageKind
from agentd.voice.speech import Speech
from agentd.voice.tools.run import ToolCallRun

from .delivery import Delivery
from .outlet import make_outlet
from .thinking import Thought

BeginCall = Callable[[FunctionCall], ToolCallRun]


class PassEnd(Enum):
    """How a step came to its end."""

    DONE = "done"
    INTERRUPTED = "interrupted"
    RETRY = "retry"
    """Nothing of it was heard for too long: it is to be made again."""


class ReplyPass:
    """A step. It may be begun before it is known whether it will be heard at all."""

    def __init__(
        self, bench: Bench, agent: Agent, setting: Setting, *, turn: Span = NOTHING
    ) -> None:
        """`turn` is the span of the agent's turn, where this is begun ahead of it."""
        self.turn = turn
        self.thought = Thought()
        self.runs: list[ToolCallRun] = []
        """The calls that were begun."""
        outlet = make_outlet(agent, setting, bench.output, bench.rate)
        self.delivery = Delivery(
            outlet,
            bench.stage,
            on_voice_failed=lambda error: bench.faults.failed("tts", error, setting.models.tts),
            on_sentence=bench.progress,
        )
        self._agent = agent
        self._owner = TaskOwner("reply")
        self._again: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._synthesizing = False
        self._thinking: asyncio.Task[None] | None = None

    @property
    def gave_something(self) -> bool:
        """Whether there was a word or a call in it."""
        return bool(self.runs or self.thought.text.strip())

    def think(self, chat_ctx: ChatContext, tools: list[Tool], settings: ModelSettings) -> None:
        """Ask the model; its words wait."""
        thinking = self.thought.run(self._agent, chat_ctx, tools, settings)
        self._thinking = self._start(thinking, "thinking")

    def synthesize(self) -> None:
        """Make its words to speech as they come. May be repeated."""
        if not self._synthesizing:
            self._synthesizing = True
            self._start(self.delivery.prepare(self.thought.pieces, self._owner), "speech")

    async def perform(self, speech: Speech, begin: BeginCall) -> PassEnd:
        """Have it heard, and its calls begun. Needs the floor."""
        self.synthesize()
        acting = self._start(self._act(speech, begin), "acting")
        await asyncio.wait(
            {acting, speech.interruption, self._again}, return_when=asyncio.FIRST_COMPLETED
        )
        if acting.done() and not speech.interrupted:
            acting.result()
            return PassEnd.DONE
        await cancel_and_wait(acting)
        await self.delivery.cut()
        return PassEnd.INTERRUPTED if speech.interrupted else PassEnd.RETRY

    def can_retry(self) -> bool:
        """Whether making it again does no harm: nothing was heard, and no tool has begun."""
        return self.delivery.first_audible_at is None and not self.runs and not self.delivery.text

    def retry(self) -> None:
        """Give it up, to be made again."""
        if not self._again.done():
            self._again.set_result(None)

    def waits_for(self) -> OutageKind | None:
        """See Work."""
        thought = self.thought
        if thought.first_at is None and thought.ended_at is None:
            return "llm"
        return "tts" if self.delivery.owes_sound else None

    def fail(self, error: Exception) -> None:
        """Take the model that has given nothing for failed."""
        if self._thinking is not None and self.waits_for() == "llm":
            self.thought.error = error
            self._thinking.cancel()

    async def aclose(self) -> None:
        """End what is still under way. May be repeated."""
        await self._owner.aclose()

    async def _act(self, speech: Speech, begin: BeginCall) -> None:
        calling = self._start(self._begin_calls(begin), "calls")
        try:
            await self.delivery.play(speech, self._owner)
            await calling
        finally:
            await cancel_and_wait(calling)

    async def _begin_calls(self, begin: BeginCall) -> None:
        async for call in self.thought.calls:
            self.runs.append(begin(call))

    def _start(self, work: Coroutine[Any, Any, None], name: str) -> asyncio.Task[None]:
        return self._owner.start(work, name=name, report=name == "speech")
