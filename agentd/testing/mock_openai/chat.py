"""`/chat/completions`, streamed or in one piece."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from typing import Any, ClassVar, Literal, TypeAlias, cast

import msgspec
from aiohttp import web
from openai.types.chat import (
    ChatCompletion,
    ChatCompletionChunk,
    ChatCompletionMessage,
    ChatCompletionMessageFunctionToolCall,
)
from openai.types.chat.chat_completion import Choice as WholeChoice
from openai.types.chat.chat_completion_chunk import (
    Choice,
    ChoiceDelta,
    ChoiceDeltaToolCall,
    ChoiceDeltaToolCallFunction,
)
from openai.types.chat.chat_completion_message_function_tool_call import Function
from openai.types.completion_usage import CompletionUsage, PromptTokensDetails

from agentd.testing.fake_llm import FakeReply

from .checks import check_chat
from .endpoint import Endpoint
from .faults import HttpFault
from .script import (
    RawReply,
    Script,
    arguments_of,
    cut_off_by,
    fragments,
    refusal_of,
    words_of,
)
from .writing import answer

FinishReason: TypeAlias = Literal["stop", "length", "tool_calls", "content_filter"]

EVENTS = "text/event-stream"
JSON = "application/json"
DONE = b"data: [DONE]\n\n"
CREATED = 1_700_000_000


class ChatEndpoint(Endpoint):
    """Checks a request as the API does, and answers it by the script.

    Text comes a word at a time, the arguments of a call in fragments. No tool is called where
    none may be.
    """

    path: ClassVar[str] = "chat/completions"

    def __init__(self) -> None:
        super().__init__()
        self.script = Script()
        self.strict = True
        """Whether a request is checked: services that only resemble OpenAI take other fields."""
        self.cached_tokens = 0
        """Of the prompt, in the usage."""
        self._replies = 0

    async def answer(
        self, request: web.Request, body: Any, fault: HttpFault | None
    ) -> web.StreamResponse:
        """See the base class."""
        if self.strict:
            check_chat(body)
        reply = self.script.choose(_last_said(body), fault)
        self._replies += 1
        if isinstance(reply, RawReply):
            return await answer(request, _raw(reply), content_type=EVENTS, fault=fault)
        if not body.get("tools") or body.get("tool_choice") == "none":
            reply = msgspec.structs.replace(reply, calls=())
        await asyncio.sleep(reply.ttft or 0.0)
        made = _Made(reply, body, number=self._replies, cached=self.cached_tokens)
        if not body.get("stream"):
            whole = made.whole().to_json(indent=None).encode()
            return await answer(request, [whole], content_type=JSON, fault=fault)
        events = [_event(chunk) for chunk in made.chunks()]
        return await answer(
            request,
            [*events, DONE],
            content_type=EVENTS,
            fault=fault,
            pause=reply.word_delay or 0.0,
        )


class _Made:
    """A reply in the SDK's types."""

    def __init__(self, reply: FakeReply, body: dict[str, Any], *, number: int, cached: int) -> None:
        self._reply = reply
        self._body = body
        self._id = f"chatcmpl-{number}"
        self._cached = cached

    def whole(self) -> ChatCompletion:
        """In one piece."""
        calls = [
            ChatCompletionMessageFunctionToolCall(
                id=call.call_id,
                type="function",
                function=Function(name=call.name, arguments=arguments_of(call)),
            )
            for call in self._reply.calls
        ]
        message = ChatCompletionMessage(
            role="assistant",
            content=self._reply.text or None,
            refusal=refusal_of(self._reply) or None,
            tool_calls=list(calls) or None,
        )
        return ChatCompletion(
            id=self._id,
            created=CREATED,
            model=self._body["model"],
            object="chat.completion",
            usage=self._usage(),
            choices=[
                WholeChoice(index=0, finish_reason=self._why(), message=message, logprobs=None)
            ],
        )

    def chunks(self) -> Iterator[ChatCompletionChunk]:
        """As it is streamed."""
        for delta in self._deltas():
            yield self._chunk([Choice(index=0, delta=delta)])
        yield self._chunk([Choice(index=0, delta=ChoiceDelta(), finish_reason=self._why())])
        if (self._body.get("stream_options") or {}).get("include_usage"):
            yield self._chunk([], usage=self._usage())

    def _deltas(self) -> Iterator[ChoiceDelta]:
        yield ChoiceDelta(role="assistant", content="")
        for word in words_of(self._reply.text):
            yield ChoiceDelta(content=word)
        for word in words_of(refusal_of(self._reply)):
            yield ChoiceDelta(refusal=word)
        for index, call in enumerate(self._reply.calls):
            named = ChoiceDeltaToolCallFunction(name=call.name, arguments="")
            yield ChoiceDelta(
                tool_calls=[
                    ChoiceDeltaToolCall(
                        index=index, id=call.call_id, type="function", function=named
                    )
                ]
            )
            for part in fragments(arguments_of(call)):
                more = ChoiceDeltaToolCallFunction(arguments=part)
                yield ChoiceDelta(tool_calls=[ChoiceDeltaToolCall(index=index, function=more)])

    def _chunk(
        self, choices: list[Choice], usage: CompletionUsage | None = None
    ) -> ChatCompletionChunk:
        return ChatCompletionChunk(
            id=self._id,
            choices=choices,
            created=CREATED,
            model=self._body["model"],
            object="chat.completion.chunk",
            usage=usage,
        )

    def _why(self) -> FinishReason:
        if why := cut_off_by(self._reply):
            return cast("FinishReason", why)
        return "tool_calls" if self._reply.calls else "stop"

    def _usage(self) -> CompletionUsage:
        said, words = words_said(self._body), len(words_of(self._reply.text)) or 1
        return CompletionUsage(
            prompt_tokens=said,
            completion_tokens=words,
            total_tokens=said + words,
            prompt_tokens_details=PromptTokensDetails(cached_tokens=self._cached),
        )


def words_said(body: dict[str, Any]) -> int:
    """Tokens of a prompt: a token a word."""
    return sum(len(_text(message.get("content")).split()) for message in body["messages"])


def _last_said(body: dict[str, Any]) -> str | None:
    """The last text of the user's, or the last output of a tool, whichever came later."""
    for message in reversed(body["messages"]):
        if message["role"] in ("user", "tool"):
            return _text(message.get("content"))
    return None


def _text(content: object) -> str:
    if isinstance(content, list):
        return "\n".join(part["text"] for part in content if part.get("type") == "text")
    return content if isinstance(content, str) else ""


def _event(chunk: ChatCompletionChunk) -> bytes:
    return b"data: " + chunk.to_json(indent=None).encode() + b"\n\n"


def _raw(reply: RawReply) -> list[bytes]:
    events = [
        each if isinstance(each, bytes) else b"data: " + msgspec.json.encode(each) + b"\n\n"
        for each in reply.events
    ]
    return [*events, DONE] if reply.done else events
