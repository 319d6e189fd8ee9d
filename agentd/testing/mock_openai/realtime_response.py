"""One response of the realtime service, event by event, or failing as planned."""

from __future__ import annotations

import asyncio
import base64
from collections.abc import Awaitable, Callable, Sequence
from typing import Any, Literal, Protocol

import msgspec
from openai import BaseModel
from openai.types.realtime import (
    ConversationItemAdded,
    ConversationItemDone,
    RateLimitsUpdatedEvent,
    RealtimeErrorEvent,
    ResponseAudioDeltaEvent,
    ResponseAudioDoneEvent,
    ResponseAudioTranscriptDeltaEvent,
    ResponseAudioTranscriptDoneEvent,
    ResponseContentPartAddedEvent,
    ResponseContentPartDoneEvent,
    ResponseCreatedEvent,
    ResponseDoneEvent,
    ResponseFunctionCallArgumentsDeltaEvent,
    ResponseFunctionCallArgumentsDoneEvent,
    ResponseOutputItemAddedEvent,
    ResponseOutputItemDoneEvent,
    ResponseTextDeltaEvent,
    ResponseTextDoneEvent,
)

from agentd.ids import shortuuid
from agentd.testing.fake_llm import FakeCall, FakeReply

from .realtime_conversation import Item, RealtimeConversation
from .realtime_script import RATE, RealtimeFaultKind, RealtimeScript, misaligned
from .realtime_wire import make, to_json

MS_PER_TOKEN = 50
"""Of the assistant's audio, as the service counts it."""

Status = Literal["completed", "cancelled", "failed", "incomplete"]


class Line(Protocol):
    """The connection that a response goes over."""

    async def send(self, event: BaseModel) -> None: ...

    async def send_text(self, text: str) -> None: ...

    async def close(self, code: int) -> None: ...

    async def cut_frame(self) -> None: ...

    async def expire(self) -> None: ...


class RealtimeResponse:
    """`run` in a task of its own; `cancel` from another."""

    def __init__(
        self,
        line: Line,
        script: RealtimeScript,
        conversation: RealtimeConversation,
        *,
        spoken: bool,
        asked: dict[str, Any],
    ) -> None:
        self.id = shortuuid("resp_")
        self.asked = asked
        """What `response.create` said; empty where the service has decided."""
        self._line = line
        self._script = script
        self._conversation = conversation
        self._spoken = spoken
        self._fault = script.next_fault()
        self._output: list[Item] = []
        self._held: list[BaseModel] = []
        self._pieces = 0
        self._sound_ms = 0
        self.over = False

    @property
    def never_begins(self) -> bool:
        """Whether it is to be as if nobody had asked."""
        return self._is(RealtimeFaultKind.NEVER)

    async def run(self) -> None:
        """Say it all."""
        if self._is(RealtimeFaultKind.LATE):
            await asyncio.sleep(self._fault_seconds)
        reply = self._script.next_reply()
        await self._send(ResponseCreatedEvent, response=self._as_response("in_progress"))
        if reply.text:
            await self._say(reply)
        for call in reply.calls if self.asked.get("tool_choice") != "none" else ():
            await self._call(call)
        await self.finish("completed")

    async def finish(self, status: Status, reason: str = "", code: str = "") -> None:
        """It is over, in this way."""
        if self.over:
            return
        self.over = True
        details: dict[str, Any] = {"type": status}
        if reason:
            details["reason"] = reason
        if code:
            details["error"] = {"type": "server_error", "code": code, "message": "it failed"}
        made = self._as_response(status) | {"status_details": details, "usage": self._usage()}
        await self._send(ResponseDoneEvent, response=made)
        limit = {"name": "requests", "limit": 1000, "remaining": 999, "reset_seconds": 0.06}
        await self._send(RateLimitsUpdatedEvent, rate_limits=[limit])

    # -- a message ---------------------------------------------------------------------------

    async def _say(self, reply: FakeReply) -> None:
        part = "output_audio" if self._spoken else "output_text"
        item = await self._begin_item({"type": "message", "role": "assistant", "content": []})
        item["content"] = [{"type": part}]
        place = self._place(item) | {"content_index": 0}
        kind = "audio" if self._spoken else "text"
        await self._tell_later(
            make(ResponseContentPartAddedEvent, **place, part={"type": kind, "text": ""})
        )
        if self._spoken:
            await self._speak(reply.text, item, place)
        else:
            await self._write(reply.text, item, place)
        await self._send(
            ResponseContentPartDoneEvent, **place, part={"type": kind, "transcript": reply.text}
        )
        await self._end_item(item)

    async def _speak(self, text: str, item: Item, place: dict[str, Any]) -> None:
        content = item["content"][0]
        content["transcript"] = ""
        pieces = self._script.pieces(text)
        if self._is(RealtimeFaultKind.ODD_BYTES):
            pieces = misaligned(pieces)
        for words, sound in zip(_spread(text, len(pieces)), pieces, strict=True):
            await self._before_piece()
            if words:
                content["transcript"] += words
                await self._send(ResponseAudioTranscriptDeltaEvent, **place, delta=words)
            self._sound_ms += round(len(sound) / 2 / RATE * 1000)
            self._conversation.audio_ms[item["id"]] = self._sound_ms
            delta = base64.b64encode(sound).decode()
            await self._send_piece(make(ResponseAudioDeltaEvent, **place, delta=delta))
        await self._send(ResponseAudioDoneEvent, **place)
        await self._send(ResponseAudioTranscriptDoneEvent, **place, transcript=text)

    async def _write(self, text: str, item: Item, place: dict[str, Any]) -> None:
        content = item["content"][0]
        content["text"] = ""
        for words in _spread(text, max(1, len(text.split(" ")))):
            await self._before_piece()
            content["text"] += words
            await self._send_piece(make(ResponseTextDeltaEvent, **place, delta=words))
        await self._send(ResponseTextDoneEvent, **place, text=text)

    # -- a call ------------------------------------------------------------------------------

    async def _call(self, call: FakeCall) -> None:
        arguments = call.arguments
        if not isinstance(arguments, str):
            arguments = msgspec.json.encode(arguments).decode()
        call_id = call.call_id or shortuuid("call_")
        item = await self._begin_item(
            {"type": "function_call", "name": call.name, "call_id": call_id, "arguments": ""}
        )
        place = self._place(item) | {"call_id": call_id}
        half = len(arguments) // 2
        for delta in (arguments[:half], arguments[half:]):
            await self._before_piece()
            await self._send_piece(
                make(ResponseFunctionCallArgumentsDeltaEvent, **place, delta=delta)
            )
        item["arguments"] = arguments
        await self._send(
            ResponseFunctionCallArgumentsDoneEvent, **place, arguments=arguments, name=call.name
        )
        await self._end_item(item)

    # -- items -------------------------------------------------------------------------------

    async def _begin_item(self, item: Item) -> Item:
        item["id"] = shortuuid("item_")
        shown = item | {"object": "realtime.item", "status": "in_progress"}
        before = self._conversation.insert(item)
        kept = self._conversation.item(item["id"])
        self._output.append(kept)
        number = len(self._output) - 1
        for event in (
            make(
                ResponseOutputItemAddedEvent, response_id=self.id, output_index=number, item=shown
            ),
            make(ConversationItemAdded, item=shown, previous_item_id=before),
        ):
            await self._tell_later(event)
        return kept

    async def _end_item(self, item: Item) -> None:
        number = self._output.index(item)
        await self._send(ConversationItemDone, item=item)
        await self._send(
            ResponseOutputItemDoneEvent, response_id=self.id, output_index=number, item=item
        )

    def _place(self, item: Item) -> dict[str, Any]:
        number = self._output.index(item)
        return {"response_id": self.id, "item_id": item["id"], "output_index": number}

    # -- sending, and failing ----------------------------------------------------------------

    async def _tell_later(self, event: BaseModel) -> None:
        """Out of order it comes after the first piece."""
        if self._is(RealtimeFaultKind.OUT_OF_ORDER):
            self._held.append(event)
        else:
            await self._send_event(event)

    async def _send(self, kind: type[BaseModel], **fields: Any) -> None:
        await self._send_event(make(kind, **fields))

    async def _send_event(self, event: BaseModel) -> None:
        await self._line.send(event)
        if self._is(RealtimeFaultKind.DUPLICATED):
            await self._line.send(event)

    async def _send_piece(self, event: BaseModel) -> None:
        if self._fault is not None and self._pieces == self._fault.after:
            await self._strike(event)
        else:
            await self._send_event(event)
        self._pieces += 1
        held, self._held = self._held, []
        for one in held:
            await self._line.send(one)

    async def _before_piece(self) -> None:
        slow = self._is(RealtimeFaultKind.SLOW)
        pause = self._fault_seconds if slow else self._script.pause
        if pause:
            await asyncio.sleep(pause)

    async def _strike(self, event: BaseModel) -> None:
        """Fail in place of a piece, or beside it."""
        assert self._fault is not None
        striking: dict[RealtimeFaultKind, Callable[[], Awaitable[None]]] = {
            RealtimeFaultKind.CUT_TEXT: lambda: self._line.send_text(_half(to_json(event))),
            RealtimeFaultKind.CUT_FRAME: self._line.cut_frame,
            RealtimeFaultKind.EXPIRED: self._line.expire,
            RealtimeFaultKind.STALL: _for_ever,
            RealtimeFaultKind.ERROR: self._complain,
            RealtimeFaultKind.FAILED: self._fail,
            RealtimeFaultKind.CLOSE: self._close,
        }
        strike = striking.get(self._fault.kind)
        if strike is None:
            await self._send_event(event)
            return
        await strike()
        if self._fault.kind is RealtimeFaultKind.ERROR:
            await self._send_event(event)

    async def _complain(self) -> None:
        error = {"type": "server_error", "code": self._fault_code, "message": "scripted to fail"}
        await self._send(RealtimeErrorEvent, error=error)

    async def _fail(self) -> None:
        await self.finish("failed", code=self._fault_code)
        raise asyncio.CancelledError

    async def _close(self) -> None:
        assert self._fault is not None
        await self._line.close(self._fault.close_code)
        raise asyncio.CancelledError

    def _is(self, kind: RealtimeFaultKind) -> bool:
        return self._fault is not None and self._fault.kind is kind

    @property
    def _fault_seconds(self) -> float:
        return self._fault.seconds if self._fault is not None else 0.0

    @property
    def _fault_code(self) -> str:
        return self._fault.code if self._fault is not None else ""

    # -- what it was -------------------------------------------------------------------------

    def _as_response(self, status: str) -> dict[str, Any]:
        return {
            "id": self.id,
            "object": "realtime.response",
            "status": status,
            "output": self._output,
            "metadata": self.asked.get("metadata"),
            "output_modalities": ["audio" if self._spoken else "text"],
        }

    def _usage(self) -> dict[str, Any]:
        audio = -(-self._sound_ms // MS_PER_TOKEN)
        text = sum(len(words.split()) for words in self._conversation.words())
        inputs = {"text_tokens": text, "audio_tokens": 7, "cached_tokens": 3}
        outputs = {"text_tokens": self._pieces, "audio_tokens": audio}
        return {
            "input_tokens": text + 7,
            "output_tokens": self._pieces + audio,
            "total_tokens": text + 7 + self._pieces + audio,
            "input_token_details": inputs,
            "output_token_details": outputs,
        }


def _spread(text: str, count: int) -> Sequence[str]:
    """A text in so many parts; with few parts a part has several words."""
    words = [f"{word} " for word in text.split(" ")]
    words[-1] = words[-1][:-1]
    ends = [round(len(words) * (number + 1) / count) for number in range(count)]
    return ["".join(words[start:end]) for start, end in zip([0, *ends[:-1]], ends, strict=True)]


def _half(text: str) -> str:
    return text[: len(text) // 2]


async def _for_ever() -> None:
    await asyncio.Event().wait()
