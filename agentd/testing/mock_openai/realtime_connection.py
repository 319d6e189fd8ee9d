"""One connection to the realtime service: a session, its conversation, and who speaks in it."""

from __future__ import annotations

import asyncio
import base64
import binascii
from collections.abc import Awaitable, Callable
from typing import Any, ClassVar

from aiohttp import WSCloseCode, WSMsgType, web
from openai import BaseModel
from openai.types.realtime import (
    ConversationItemAdded,
    ConversationItemDeletedEvent,
    ConversationItemDone,
    ConversationItemInputAudioTranscriptionCompletedEvent,
    ConversationItemInputAudioTranscriptionDeltaEvent,
    ConversationItemInputAudioTranscriptionFailedEvent,
    ConversationItemTruncatedEvent,
    InputAudioBufferClearedEvent,
    InputAudioBufferCommittedEvent,
    InputAudioBufferSpeechStartedEvent,
    InputAudioBufferSpeechStoppedEvent,
    RealtimeErrorEvent,
    SessionCreatedEvent,
    SessionUpdatedEvent,
)
from openai.types.realtime.realtime_server_event import ConversationItemRetrieved

from agentd.aio.bell import Bell
from agentd.aio.tasks import TaskOwner, cancel_and_wait
from agentd.aio.timing import now, within
from agentd.ids import shortuuid
from agentd.vad.segmenter import Change

from .realtime_conversation import RealtimeConversation
from .realtime_hearing import RealtimeHearing
from .realtime_response import RealtimeResponse
from .realtime_script import RealtimeScript, Unheard
from .realtime_wire import WireError, decode, make, parse, to_json

LEAST_AUDIO = 0.1
"""Seconds that a commit needs."""
NESTED = ("audio", "input", "output")
"""Parts of a session's settings that may be told in part."""
RESET = 1006
"""The close code of a connection that was not closed: it is reset."""
HALF_FRAME = b"\x81\x7e\x10\x00" + b'{"type": "response.output_audio.delta", "delta": "'
"""The head of a text frame of 4096 bytes, and the first few of them."""


class RealtimeConnection:
    """What the service does with one client; and a record of it, for tests."""

    def __init__(self, script: RealtimeScript, model: str) -> None:
        self.model = model
        self.received: list[dict[str, Any]] = []
        """Events of the client, but for its audio."""
        self.sent: list[str] = []
        """Types of the events that were sent."""
        self.session: dict[str, Any] = _first_session(model)
        self.conversation = RealtimeConversation()
        self.hearing = RealtimeHearing()
        self.hearing.detect(self._turn_detection)
        self.closed = asyncio.Event()
        self.ready = asyncio.Event()
        """The client has configured the session."""
        self._script = script
        self._socket: web.WebSocketResponse | None = None
        self._transport: asyncio.Transport | None = None
        self._owner = TaskOwner("mock realtime")
        self._response: tuple[RealtimeResponse, asyncio.Task[None]] | None = None
        self._has_spoken = False
        self._user_item = ""
        self._bell = Bell()

    # -- for tests ---------------------------------------------------------------------------

    def asked(self, kind: str) -> list[dict[str, Any]]:
        """The client's events of a type."""
        return [event for event in self.received if event["type"] == kind]

    async def until(self, condition: Callable[[], bool], *, timeout: float = 5.0) -> None:
        """Wait until something is so that this connection has seen; raises TimeoutError."""
        await within(now() + timeout, self._bell.until(condition))

    @property
    def answering(self) -> bool:
        """Whether a response is under way."""
        return self._response is not None and not self._response[0].over

    # -- its life (Line) ---------------------------------------------------------------------

    async def serve(self, request: web.Request) -> web.WebSocketResponse:
        """Until either side closes it."""
        self._socket = socket = web.WebSocketResponse(max_msg_size=0)
        await socket.prepare(request)
        self._transport = request.transport
        try:
            await self.send(make(SessionCreatedEvent, session=self.session))
            if self._script.time_limit is not None:
                self._owner.start(self._expire_later(self._script.time_limit), name="limit")
            async for message in socket:
                if message.type is WSMsgType.TEXT:
                    await self._take(message.data)
        finally:
            self.closed.set()
            self._bell.ring()
            await self._owner.aclose()
        return socket

    async def send(self, event: BaseModel) -> None:
        """Send an event; a client that is gone does not hear it."""
        self.sent.append(getattr(event, "type", ""))
        self._bell.ring()
        await self.send_text(to_json(event))

    async def send_text(self, text: str) -> None:
        """Send anything."""
        if self._socket is not None and not self._socket.closed:
            try:
                await self._socket.send_str(text)
            except ConnectionError:  # the client has gone this moment; its reader says so
                self.closed.set()

    async def close(self, code: int = WSCloseCode.GOING_AWAY) -> None:
        """Close it with a code; 1006 resets it."""
        if code == RESET:
            self.abort()
        elif self._socket is not None:
            await self._socket.close(code=code)

    def abort(self) -> None:
        """Reset the connection."""
        if self._transport is not None:
            self._transport.abort()

    async def cut_frame(self) -> None:
        """Send half a frame, and reset."""
        if self._transport is not None:
            self._transport.write(HALF_FRAME)
            await asyncio.sleep(0)
            self._transport.abort()

    def freeze(self) -> None:
        """Read nothing more: not even a ping is answered."""
        if self._transport is not None:
            self._transport.pause_reading()

    async def expire(self) -> None:
        """The time limit is reached."""
        await self._complain(
            WireError("your session hit its maximum duration", code="session_expired")
        )
        await self.close(WSCloseCode.GOING_AWAY)

    async def fail(self, code: str, *, kind: str = "server_error") -> None:
        """Send an event `error` that no event of the client has caused."""
        await self._complain(WireError("scripted to fail", code=code, kind=kind))

    async def _expire_later(self, seconds: float) -> None:
        await asyncio.sleep(seconds)
        await self.expire()

    async def _complain(self, refused: WireError, event_id: str | None = None) -> None:
        error = {
            "type": refused.kind,
            "code": refused.code,
            "message": str(refused),
            "param": refused.param,
            "event_id": event_id,
        }
        await self.send(make(RealtimeErrorEvent, error=error))

    # -- what the client asks ----------------------------------------------------------------

    async def _take(self, text: str) -> None:
        event_id = None
        try:
            raw = decode(text)
            event_id = raw.get("event_id") if isinstance(raw, dict) else None
            event = parse(raw)
            told = event.model_dump(exclude_unset=True)
            if event.type != "input_audio_buffer.append":
                self.received.append(told)
            self._bell.ring()
            await self._HANDLERS[event.type](self, told)
        except WireError as refused:
            await self._complain(refused, event_id)

    async def _update(self, told: dict[str, Any]) -> None:
        asked = told["session"]
        voice = asked.get("audio", {}).get("output", {}).get("voice")
        if voice and self._has_spoken and voice != self.session["audio"]["output"].get("voice"):
            raise WireError("a voice can't be changed any more", code="cannot_update_voice")
        if asked["type"] != self.session["type"] and self.ready.is_set():
            raise WireError("the type of a session can't be changed", param="session.type")
        if asked["type"] == "transcription":
            self.session = {"type": "transcription", "audio": {"input": {}}}
        _merge(self.session, asked)
        self.hearing.detect(self._turn_detection)
        self.ready.set()
        await self.send(make(SessionUpdatedEvent, session=self.session))

    async def _create_item(self, told: dict[str, Any]) -> None:
        item = told["item"]
        before = self.conversation.insert(item, told.get("previous_item_id"))
        kept = self.conversation.item(item["id"])
        await self.send(make(ConversationItemAdded, item=kept, previous_item_id=before))
        await self.send(make(ConversationItemDone, item=kept, previous_item_id=before))

    async def _delete_item(self, told: dict[str, Any]) -> None:
        self.conversation.delete(told["item_id"])
        await self.send(make(ConversationItemDeletedEvent, item_id=told["item_id"]))

    async def _truncate_item(self, told: dict[str, Any]) -> None:
        self.conversation.truncate(told["item_id"], told["audio_end_ms"])
        place = {name: told[name] for name in ("item_id", "audio_end_ms", "content_index")}
        await self.send(make(ConversationItemTruncatedEvent, **place))

    async def _retrieve_item(self, told: dict[str, Any]) -> None:
        item = self.conversation.item(told["item_id"])
        await self.send(make(ConversationItemRetrieved, item=item))

    async def _append(self, told: dict[str, Any]) -> None:
        try:
            data = base64.b64decode(told["audio"], validate=True)
        except binascii.Error as error:
            raise WireError("the audio is no base64", param="audio") from error
        if len(data) % 2:
            raise WireError("the audio ends in the middle of a sample", param="audio")
        for change in self.hearing.push(data):
            await self._turn(change)

    async def _commit(self, told: dict[str, Any]) -> None:
        if self.hearing.waiting < LEAST_AUDIO:
            raise WireError(
                f"the buffer has {1000 * self.hearing.waiting:.0f} ms, and needs 100",
                code="input_audio_buffer_commit_empty",
            )
        await self._understand(shortuuid("item_"))

    async def _clear(self, told: dict[str, Any]) -> None:
        self.hearing.take()
        await self.send(make(InputAudioBufferClearedEvent))

    async def _create_response(self, told: dict[str, Any]) -> None:
        await self._respond(told.get("response") or {})

    async def _cancel_response(self, told: dict[str, Any]) -> None:
        response_id = told.get("response_id")
        if not self.answering or (
            response_id and self._response and self._response[0].id != response_id
        ):
            raise WireError("there is no response to cancel", code="response_cancel_not_active")
        await self._stop("client_cancelled")

    _HANDLERS: ClassVar[dict[str, Callable[[Any, dict[str, Any]], Awaitable[None]]]] = {
        "session.update": _update,
        "conversation.item.create": _create_item,
        "conversation.item.delete": _delete_item,
        "conversation.item.truncate": _truncate_item,
        "conversation.item.retrieve": _retrieve_item,
        "input_audio_buffer.append": _append,
        "input_audio_buffer.commit": _commit,
        "input_audio_buffer.clear": _clear,
        "response.create": _create_response,
        "response.cancel": _cancel_response,
    }

    # -- turns -------------------------------------------------------------------------------

    @property
    def _turn_detection(self) -> dict[str, Any] | None:
        settings: dict[str, Any] | None = self.session["audio"]["input"].get("turn_detection")
        return settings

    async def _turn(self, change: Change) -> None:
        settings = self._turn_detection or {}
        if change is Change.STARTED:
            self._user_item = shortuuid("item_")
            await self.send(
                make(
                    InputAudioBufferSpeechStartedEvent,
                    item_id=self._user_item,
                    audio_start_ms=self.hearing.ms,
                )
            )
            if settings.get("interrupt_response", True) is not False and self.answering:
                await self._stop("turn_detected")
            return
        await self.send(
            make(
                InputAudioBufferSpeechStoppedEvent,
                item_id=self._user_item,
                audio_end_ms=self.hearing.ms,
            )
        )
        await self._understand(self._user_item)
        answers = settings.get("create_response", True) is not False
        if answers and self.session["type"] == "realtime" and not self.answering:
            await self._respond({})

    async def _understand(self, item_id: str) -> None:
        """What is in the buffer becomes a message, and text a little later."""
        self.hearing.take()
        content: dict[str, Any] = {"type": "input_audio"}
        item = {"id": item_id, "type": "message", "role": "user", "content": [content]}
        before = self.conversation.insert(item)
        kept = self.conversation.item(item_id)
        await self.send(
            make(InputAudioBufferCommittedEvent, item_id=item_id, previous_item_id=before)
        )
        await self.send(make(ConversationItemAdded, item=kept, previous_item_id=before))
        await self.send(make(ConversationItemDone, item=kept, previous_item_id=before))
        if self.session["audio"]["input"].get("transcription"):
            self._owner.start(self._transcribe(item_id, content), name="transcription")

    async def _transcribe(self, item_id: str, content: dict[str, Any]) -> None:
        text = self._script.next_heard()
        if isinstance(text, Unheard):
            return
        place = {"item_id": item_id, "content_index": 0}
        if text is None:
            error = {"type": "server_error", "code": "audio_unintelligible", "message": "failed"}
            await self.send(
                make(ConversationItemInputAudioTranscriptionFailedEvent, **place, error=error)
            )
            return
        content["transcript"] = text
        for word in text.split():
            await self.send(
                make(ConversationItemInputAudioTranscriptionDeltaEvent, **place, delta=f"{word} ")
            )
        await self.send(
            make(
                ConversationItemInputAudioTranscriptionCompletedEvent,
                **place,
                transcript=text,
                usage={"type": "duration", "seconds": 1.0},
            )
        )

    # -- responses ---------------------------------------------------------------------------

    async def _respond(self, asked: dict[str, Any]) -> None:
        if self.answering:
            raise WireError(
                "a response is under way", code="conversation_already_has_active_response"
            )
        modalities = asked.get("output_modalities") or self.session["output_modalities"]
        spoken = "audio" in modalities
        response = RealtimeResponse(
            self, self._script, self.conversation, spoken=spoken, asked=asked
        )
        if response.never_begins:
            return
        self._has_spoken = self._has_spoken or spoken
        task = self._owner.start(response.run(), name="response")
        self._response = (response, task)

    async def _stop(self, reason: str) -> None:
        if self._response is not None:
            response, task = self._response
            await cancel_and_wait(task)
            await response.finish("cancelled", reason)


def _first_session(model: str) -> dict[str, Any]:
    return {
        "type": "realtime",
        "model": model,
        "output_modalities": ["audio"],
        "instructions": "",
        "audio": {
            "input": {"turn_detection": {"type": "server_vad"}},
            "output": {"voice": "alloy"},
        },
    }


def _merge(into: dict[str, Any], told: dict[str, Any]) -> None:
    for name, value in told.items():
        known = into.get(name)
        if (
            isinstance(value, dict)
            and isinstance(known, dict)
            and name in ("audio", "input", "output")
        ):
            _merge(known, value)
        else:
            into[name] = value
