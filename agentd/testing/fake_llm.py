"""A language model that says what a test tells it to, and misbehaves on command."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncGenerator, Iterable, Mapping
from contextlib import aclosing
from itertools import cycle
from typing import Any

import msgspec
from msgspec import Struct

from agentd.errors import APIError
from agentd.llm import (
    LLM,
    ChatChunk,
    ChatContext,
    ChatMessage,
    ChatRequest,
    ChoiceDelta,
    CompletionUsage,
    FunctionCallOutput,
    FunctionToolCall,
)

from .faults import Fault, FaultPlan, Misbehaviour

PIECE = re.compile(r"\S+\s*|\s+")
"""A word with the space after it."""


class FakeCall(Struct, frozen=True):
    """A tool that a scripted reply calls."""

    name: str
    arguments: dict[str, Any] | str = {}
    """A str is sent as it is: it may be broken JSON."""
    call_id: str = ""
    """One is made up unless it is given."""


class FakeReply(Struct, frozen=True, kw_only=True):
    """A scripted reply: text, then calls of tools."""

    text: str = ""
    calls: tuple[FakeCall, ...] = ()
    ttft: float | None = None
    """Seconds before its first piece, if not the model's."""
    word_delay: float | None = None
    """Seconds before each further piece, if not the model's."""


class FakeLLM(LLM):
    """Deterministic, and at home on the virtual-time loop.

    The reply is that for the last thing said to it (the user's text, or a tool's output) in
    `by_input`, else the next of `replies`, else `default`; without any it raises an APIError that
    names what was said. Text comes a word at a time. A fault strikes after as many pieces as its
    `after` says, at once if that is 0, and then uses up no reply; NEVER_FINISH speaks for ever.
    Where no tool may be called none is, unless it is not `obedient`.
    """

    def __init__(  # noqa: PLR0913 - knobs of a fake, all by name
        self,
        replies: Iterable[str | FakeCall | FakeReply] = (),
        *,
        by_input: Mapping[str, str | FakeCall | FakeReply] | None = None,
        default: str | FakeCall | FakeReply | None = None,
        ttft: float = 0.0,
        word_delay: float = 0.0,
        faults: Iterable[Fault | Misbehaviour | None] = (),
        obedient: bool = True,
        circuit: str = "",
    ) -> None:
        super().__init__()
        self.replies = list(replies)
        """Those to come; may be added to."""
        self.by_input = dict(by_input or {})
        self.faults = FaultPlan(faults)
        """One entry for each attempt."""
        self.requests: list[ChatRequest] = []
        """Each attempt's, with the conversation as it was then."""
        self.prewarmed = 0
        self.closed = 0
        """Attempts that were ended before they had said everything."""
        self._default = default
        self._obedient = obedient
        self._circuit = circuit
        self._ttft = ttft
        self._word_delay = word_delay
        self._calls = 0

    @property
    def model(self) -> str:
        """It has none."""
        return "fake"

    @property
    def provider(self) -> str:
        """This room."""
        return "agentd.testing"

    @property
    def circuit(self) -> str:
        """As it was made with; none unless told."""
        return self._circuit

    def prewarm(self) -> None:
        """Counted."""
        self.prewarmed += 1

    async def generate(self, request: ChatRequest) -> AsyncGenerator[ChatChunk, None]:
        """See the base class."""
        seen = request.chat_ctx.copy()
        self.requests.append(msgspec.structs.replace(request, chat_ctx=seen))
        fault = self.faults.next()
        reply = FakeReply() if fault is not None and not fault.after else self._choose(seen)
        if self._obedient and not _may_call(request):
            reply = msgspec.structs.replace(reply, calls=())
        try:
            async with aclosing(self._say(reply, fault)) as pieces:
                async for delta in pieces:
                    yield ChatChunk(delta=delta)
        except (GeneratorExit, asyncio.CancelledError):
            self.closed += 1
            raise
        if fault is None:
            yield ChatChunk(usage=_usage(seen, reply))

    async def _say(
        self, reply: FakeReply, fault: Fault | None
    ) -> AsyncGenerator[ChoiceDelta, None]:
        pieces = self._pieces(reply)
        endless = fault is not None and fault.kind is Misbehaviour.NEVER_FINISH
        for number, piece in enumerate(cycle(pieces or _FILLER) if endless else pieces):
            if fault is not None and not endless and number >= fault.after:
                break
            await _pause(reply, first=number == 0, ttft=self._ttft, between=self._word_delay)
            yield piece
        if fault is not None:
            await fault.strike()

    def _pieces(self, reply: FakeReply) -> list[ChoiceDelta]:
        words = [ChoiceDelta(content=word) for word in PIECE.findall(reply.text)]
        calls = [ChoiceDelta(tool_calls=[self._call(call)]) for call in reply.calls]
        return [*words, *calls]

    def _call(self, call: FakeCall) -> FunctionToolCall:
        self._calls += 1
        arguments = call.arguments
        if not isinstance(arguments, str):
            arguments = msgspec.json.encode(arguments).decode()
        return FunctionToolCall(
            name=call.name, arguments=arguments, call_id=call.call_id or f"call_{self._calls}"
        )

    def _choose(self, chat_ctx: ChatContext) -> FakeReply:
        said = last_said(chat_ctx)
        found = self.by_input.get(said) if said is not None else None
        if found is None:
            found = self.replies.pop(0) if self.replies else self._default
        match found:
            case None:
                raise APIError(f"the script has no reply to {said!r}", retryable=False)
            case str():
                return FakeReply(text=found)
            case FakeCall():
                return FakeReply(calls=(found,))
            case FakeReply():
                return found


_FILLER = [ChoiceDelta(content="and so on ")]


def last_said(chat_ctx: ChatContext) -> str | None:
    """The last text that the user said, or the last output of a tool, whichever came later."""
    for item in reversed(chat_ctx.items):
        if isinstance(item, FunctionCallOutput):
            return item.output
        if isinstance(item, ChatMessage) and item.role == "user":
            return item.text_content
    return None


def _may_call(request: ChatRequest) -> bool:
    return bool(request.tools) and request.tool_choice != "none"


async def _pause(reply: FakeReply, *, first: bool, ttft: float, between: float) -> None:
    if first:
        seconds = ttft if reply.ttft is None else reply.ttft
    else:
        seconds = between if reply.word_delay is None else reply.word_delay
    await asyncio.sleep(seconds)  # also of 0: a real model never answers without a wait


def _usage(chat_ctx: ChatContext, reply: FakeReply) -> CompletionUsage:
    """A token a word."""
    said = sum(len((message.text_content or "").split()) for message in chat_ctx.messages())
    words = len(reply.text.split())
    return CompletionUsage(completion_tokens=words, prompt_tokens=said, total_tokens=said + words)
