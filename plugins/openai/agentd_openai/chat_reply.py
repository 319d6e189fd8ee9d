"""A streamed chat completion, put together to what agentd hands out. Pure, but for its log."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from typing import Any

import msgspec
from msgspec import Struct
from openai.types.chat import ChatCompletionChunk
from openai.types.chat.chat_completion_chunk import ChoiceDelta as TheirDelta
from openai.types.chat.chat_completion_chunk import ChoiceDeltaToolCall
from openai.types.completion_usage import CompletionUsage as TheirUsage

from agentd.errors import APIConnectionError, APIError
from agentd.ids import shortuuid
from agentd.llm import ChatChunk, ChoiceDelta, CompletionUsage, FunctionToolCall

logger = logging.getLogger("agentd.llm")

THOUGHTS = frozenset({"reasoning", "reasoning_content", "thinking"})
"""Fields in which services stream what a model thinks. It is a sign of life, and not kept: it would
be in each snapshot, and no service wants it back."""


class _Call(Struct):
    """A call of which parts are here."""

    index: int
    call_id: str
    name: str = ""
    arguments: str = ""
    extra: dict[str, Any] = {}


class ChatReply:
    """Takes the chunks of one attempt. Calls are handed out whole and together, at its end.

    So an attempt that breaks off among its calls can be made again, and none is made twice.
    """

    def __init__(self, label: str) -> None:
        self._label = label
        self._calls: list[_Call] = []
        self._extra: dict[str, Any] = {}
        self._usage: TheirUsage | None = None
        self._why: str | None = None
        self._said = False

    def take(self, chunk: ChatCompletionChunk) -> ChatChunk:
        """What can be handed out of a chunk; one without text is a sign of life all the same."""
        # Some services send the sum so far with each chunk, others a last one without choices.
        self._usage = chunk.usage or self._usage
        made = ChatChunk(id=chunk.id or "")
        for choice in chunk.choices or ():
            if choice.index:
                continue
            self._why = choice.finish_reason or self._why
            delta: TheirDelta | None = choice.delta
            if delta is not None:
                made = ChatChunk(id=made.id, delta=self._delta(delta))
        return made

    def finish(self) -> Iterator[ChatChunk]:
        """The rest, now that the stream has ended; raises APIError where the reply is not whole."""
        self._check_end()
        if self._calls or self._extra:
            calls = [_whole(call) for call in self._calls]
            yield ChatChunk(delta=ChoiceDelta(tool_calls=calls, extra=self._extra))
        if self._usage is not None:
            yield ChatChunk(usage=usage_of(self._usage))

    def _delta(self, delta: TheirDelta) -> ChoiceDelta:
        for part in delta.tool_calls or ():
            self._take_call(part)
        # Nothing but a refusal comes where a model refuses: it is what it says.
        text = delta.content or delta.refusal
        self._said |= bool(text)
        for name, value in {**(delta.model_extra or {}), "refusal": delta.refusal}.items():
            if value and name not in THOUGHTS:
                self._keep(name, value)
        return ChoiceDelta(content=text)

    def _keep(self, name: str, value: Any) -> None:
        """What a service adds to a reply; a text comes in pieces."""
        before = self._extra.get(name)
        both = isinstance(before, str) and isinstance(value, str)
        self._extra[name] = before + value if both else value

    def _take_call(self, part: ChoiceDeltaToolCall) -> None:
        call = self._call_of(part)
        if part.function is not None:
            call.name = call.name or part.function.name or ""
            call.arguments += part.function.arguments or ""
        call.extra = call.extra | {
            name: value for name, value in (part.model_extra or {}).items() if value is not None
        }

    def _call_of(self, part: ChoiceDeltaToolCall) -> _Call:
        """The call that a fragment belongs to. Some services number all of them 0, or none."""
        index = part.index or 0
        known = [call for call in self._calls if call.index == index]
        if known and (not part.id or part.id == known[-1].call_id):
            return known[-1]
        call = _Call(index=index, call_id=part.id or shortuuid("call_"))
        self._calls.append(call)
        return call

    def _check_end(self) -> None:
        match self._why:
            case None:
                raise APIConnectionError(f"{self._label} broke off in the middle of a reply")
            case "content_filter" if not self._said:
                raise APIError(f"{self._label} filtered the whole reply", retryable=False)
            case "length" if self._calls and not _is_json(self._calls[-1].arguments):
                raise APIError(f"{self._label} broke off a call: too many tokens", retryable=False)
            case "length" | "content_filter":
                logger.warning(
                    "a reply was cut off by the service: what there is of it is used",
                    extra={"action": "reply_cut_off", "model": self._label, "reason": self._why},
                )


def usage_of(usage: TheirUsage) -> CompletionUsage:
    """Tokens as agentd counts them."""
    details = usage.prompt_tokens_details
    prompt, completion = usage.prompt_tokens or 0, usage.completion_tokens or 0
    return CompletionUsage(
        prompt_tokens=prompt,
        completion_tokens=completion,
        prompt_cached_tokens=(details.cached_tokens or 0) if details is not None else 0,
        total_tokens=usage.total_tokens or prompt + completion,
    )


def _whole(call: _Call) -> FunctionToolCall:
    return FunctionToolCall(
        name=call.name, arguments=call.arguments, call_id=call.call_id, extra=call.extra
    )


def _is_json(text: str) -> bool:
    try:
        msgspec.json.decode(text)
    except msgspec.DecodeError:
        return False
    return True
