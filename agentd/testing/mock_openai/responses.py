"""`/responses`, streamed or in one piece."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from typing import Any, ClassVar, Literal, TypeAlias, cast

import msgspec
from aiohttp import web
from openai import BaseModel
from openai.types.responses import (
    Response,
    ResponseCompletedEvent,
    ResponseContentPartAddedEvent,
    ResponseCreatedEvent,
    ResponseFunctionCallArgumentsDeltaEvent,
    ResponseFunctionCallArgumentsDoneEvent,
    ResponseFunctionToolCall,
    ResponseIncompleteEvent,
    ResponseOutputItem,
    ResponseOutputItemAddedEvent,
    ResponseOutputItemDoneEvent,
    ResponseOutputMessage,
    ResponseOutputRefusal,
    ResponseOutputText,
    ResponseRefusalDeltaEvent,
    ResponseTextDeltaEvent,
    ResponseTextDoneEvent,
    ResponseUsage,
)
from openai.types.responses.response import IncompleteDetails
from openai.types.responses.response_usage import InputTokensDetails, OutputTokensDetails

from agentd.testing.fake_llm import FakeCall, FakeReply

from .checks import check_response
from .endpoint import Endpoint, Refused
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

Status: TypeAlias = Literal["completed", "incomplete", "in_progress"]

EVENTS = "text/event-stream"
JSON = "application/json"
CREATED = 1_700_000_000.0
REASONS = {"length": "max_output_tokens"}
"""What a finish reason of chat completions is called here."""


class ResponsesEndpoint(Endpoint):
    """Checks a request as the API does, and answers it by the script."""

    path: ClassVar[str] = "responses"

    def __init__(self) -> None:
        super().__init__()
        self.script = Script()
        self.cached_tokens = 0
        """Of the input, in the usage."""
        self.kept: set[str] = set()
        """Ids of responses that a request may go on from."""
        self._replies = 0

    async def answer(
        self, request: web.Request, body: Any, fault: HttpFault | None
    ) -> web.StreamResponse:
        """See the base class."""
        check_response(body)
        self._check_previous(body)
        reply = self.script.choose(_last_said(body), fault)
        self._replies += 1
        if isinstance(reply, RawReply):
            return await answer(request, _raw(reply), content_type=EVENTS, fault=fault)
        if not body.get("tools") or body.get("tool_choice") == "none":
            reply = msgspec.structs.replace(reply, calls=())
        await asyncio.sleep(reply.ttft or 0.0)
        made = _Made(reply, body, number=self._replies, cached=self.cached_tokens)
        self.kept.add(made.id)
        if not body.get("stream"):
            whole = made.whole().to_json(indent=None).encode()
            return await answer(request, [whole], content_type=JSON, fault=fault)
        events = [_event(event) for event in made.events()]
        return await answer(
            request, events, content_type=EVENTS, fault=fault, pause=reply.word_delay or 0.0
        )

    def _check_previous(self, body: dict[str, Any]) -> None:
        previous = body.get("previous_response_id")
        if previous is not None and previous not in self.kept:
            raise Refused(
                f"Previous response with id '{previous}' not found.",
                param="previous_response_id",
                code="previous_response_not_found",
            )


class _Made:
    """A reply in the SDK's types."""

    def __init__(self, reply: FakeReply, body: dict[str, Any], *, number: int, cached: int) -> None:
        self._reply = reply
        self._body = body
        self.id = f"resp_{number}"
        self._cached = cached
        self._sequence = 0

    def whole(self) -> Response:
        """In one piece."""
        status: Status = "incomplete" if cut_off_by(self._reply) else "completed"
        return self._response(status, [item for item, _ in self._items()])

    def events(self) -> Iterator[BaseModel]:
        """As it is streamed."""
        begun = self._response("in_progress", [])
        yield ResponseCreatedEvent(
            response=begun, sequence_number=self._next(), type="response.created"
        )
        for index, (item, parts) in enumerate(self._items()):
            yield ResponseOutputItemAddedEvent(
                item=_empty(item),
                output_index=index,
                sequence_number=self._next(),
                type="response.output_item.added",
            )
            yield from parts(index)
            yield ResponseOutputItemDoneEvent(
                item=item,
                output_index=index,
                sequence_number=self._next(),
                type="response.output_item.done",
            )
        yield self._end()

    def _end(self) -> BaseModel:
        response = self.whole()
        if response.status == "incomplete":
            return ResponseIncompleteEvent(
                response=response, sequence_number=self._next(), type="response.incomplete"
            )
        return ResponseCompletedEvent(
            response=response, sequence_number=self._next(), type="response.completed"
        )

    def _items(self) -> Iterator[tuple[ResponseOutputItem, Any]]:
        """Each item of the output, and what makes the events within it."""
        refusal = refusal_of(self._reply)
        if self._reply.text or refusal:
            yield self._message(refusal), self._refuse if refusal else self._say
        for call in self._reply.calls:
            yield self._call(call), lambda index, call=call: self._argue(index, call)

    def _message(self, refusal: str) -> ResponseOutputMessage:
        part: ResponseOutputText | ResponseOutputRefusal
        if refusal:
            part = ResponseOutputRefusal(refusal=refusal, type="refusal")
        else:
            part = ResponseOutputText(annotations=[], text=self._reply.text, type="output_text")
        return ResponseOutputMessage(
            id=f"msg_{self.id}",
            content=[part],
            role="assistant",
            status="completed",
            type="message",
        )

    def _call(self, call: FakeCall) -> ResponseFunctionToolCall:
        return ResponseFunctionToolCall(
            id=f"fc_{call.call_id}",
            call_id=call.call_id,
            name=call.name,
            arguments=arguments_of(call),
            type="function_call",
            status="completed",
        )

    def _say(self, index: int) -> Iterator[BaseModel]:
        where: dict[str, Any] = {
            "content_index": 0,
            "item_id": f"msg_{self.id}",
            "output_index": index,
        }
        yield ResponseContentPartAddedEvent(
            part=ResponseOutputText(annotations=[], text="", type="output_text"),
            sequence_number=self._next(),
            type="response.content_part.added",
            **where,
        )
        for word in words_of(self._reply.text):
            yield ResponseTextDeltaEvent(
                delta=word,
                logprobs=[],
                sequence_number=self._next(),
                type="response.output_text.delta",
                **where,
            )
        yield ResponseTextDoneEvent(
            text=self._reply.text,
            logprobs=[],
            sequence_number=self._next(),
            type="response.output_text.done",
            **where,
        )

    def _refuse(self, index: int) -> Iterator[BaseModel]:
        for word in words_of(refusal_of(self._reply)):
            yield ResponseRefusalDeltaEvent(
                content_index=0,
                delta=word,
                item_id=f"msg_{self.id}",
                output_index=index,
                sequence_number=self._next(),
                type="response.refusal.delta",
            )

    def _argue(self, index: int, call: FakeCall) -> Iterator[BaseModel]:
        for part in fragments(arguments_of(call)):
            yield ResponseFunctionCallArgumentsDeltaEvent(
                delta=part,
                item_id=f"fc_{call.call_id}",
                output_index=index,
                sequence_number=self._next(),
                type="response.function_call_arguments.delta",
            )
        yield ResponseFunctionCallArgumentsDoneEvent(
            arguments=arguments_of(call),
            item_id=f"fc_{call.call_id}",
            output_index=index,
            sequence_number=self._next(),
            type="response.function_call_arguments.done",
        )

    def _response(self, status: Status, output: list[ResponseOutputItem]) -> Response:
        why = cut_off_by(self._reply)
        reason = cast('Literal["max_output_tokens", "content_filter"]', REASONS.get(why, why))
        return Response(
            id=self.id,
            created_at=CREATED,
            model=self._body["model"],
            object="response",
            output=output,
            parallel_tool_calls=self._body.get("parallel_tool_calls") is not False,
            tool_choice="auto",
            tools=[],
            status=status,
            incomplete_details=IncompleteDetails(reason=reason) if status == "incomplete" else None,
            usage=None if status == "in_progress" else self._usage(),
        )

    def _usage(self) -> ResponseUsage:
        said, words = len(_said(self._body)), len(words_of(self._reply.text)) or 1
        return ResponseUsage(
            input_tokens=said,
            input_tokens_details=InputTokensDetails(
                cached_tokens=self._cached, cache_write_tokens=0
            ),
            output_tokens=words,
            output_tokens_details=OutputTokensDetails(reasoning_tokens=0),
            total_tokens=said + words,
        )

    def _next(self) -> int:
        self._sequence += 1
        return self._sequence


def _empty(item: ResponseOutputItem) -> ResponseOutputItem:
    """An item as it is when it begins."""
    if isinstance(item, ResponseFunctionToolCall):
        return item.model_copy(update={"arguments": "", "status": "in_progress"})
    return item.model_copy(update={"content": [], "status": "in_progress"})


def _items_of(body: dict[str, Any]) -> list[dict[str, Any]]:
    given = body.get("input") or []
    return [{"role": "user", "content": given}] if isinstance(given, str) else given


def _said(body: dict[str, Any]) -> list[str]:
    """The words of the input: a token each."""
    return " ".join(_text(item.get("content")) for item in _items_of(body)).split()


def _last_said(body: dict[str, Any]) -> str | None:
    """The last text of the user's, or the last output of a tool, whichever came later."""
    for item in reversed(_items_of(body)):
        if item.get("type") == "function_call_output":
            return _text(item["output"])
        if item.get("role") == "user":
            return _text(item["content"])
    return None


def _text(content: object) -> str:
    if isinstance(content, list):
        return "\n".join(part["text"] for part in content if "text" in part)
    return content if isinstance(content, str) else ""


def _event(event: BaseModel) -> bytes:
    kind = getattr(event, "type", "")
    return b"event: %s\ndata: %s\n\n" % (kind.encode(), event.to_json(indent=None).encode())


def _raw(reply: RawReply) -> list[bytes]:
    return [
        each if isinstance(each, bytes) else b"data: " + msgspec.json.encode(each) + b"\n\n"
        for each in reply.events
    ]
