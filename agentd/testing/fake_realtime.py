"""A speech-to-speech model that says what a test tells it to, and misbehaves on command."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterable
from typing import Any, Literal

import msgspec
import numpy as np
from msgspec import Struct

from agentd.aio.channel import Channel
from agentd.aio.tasks import TaskOwner
from agentd.aio.timing import now
from agentd.audio.frame import AudioFrame, from_samples
from agentd.audio.pcm import is_audible
from agentd.errors import APIConnectionError
from agentd.given import NOT_GIVEN, NotGiven, NotGivenOr
from agentd.ids import shortuuid
from agentd.llm.chat import ChatContext
from agentd.llm.events import FunctionToolCall, ToolChoice
from agentd.llm.tools import Tool
from agentd.realtime import (
    GenerationCreated,
    InputSpeechStarted,
    InputSpeechStopped,
    InputTranscriptionCompleted,
    MessageGeneration,
    RealtimeCapabilities,
    RealtimeError,
    RealtimeEvent,
    RealtimeModel,
    RealtimeSession,
)
from agentd.vad.segmenter import Change, Segmenter, SegmenterSettings

from .fake_llm import FakeCall, FakeReply
from .faults import Fault, FaultPlan, Misbehaviour

RATE = 24000
LOUDNESS = 8000
SILENCE = 0.3
"""Seconds after which the user counts as having finished."""


class Truncation(Struct, frozen=True):
    """What the model was told of a message that was cut off."""

    message_id: str
    audio_end: float
    transcript: str


class FakeRealtime(RealtimeModel):
    """Deterministic, and at home on the virtual-time loop.

    What is audible in the user's audio is taken for the next text of `hears`, and answered with the
    next of `replies`, where it takes turns; a character takes `seconds_per_character` of a tone.
    One of the `faults` strikes when a reply is asked for, or so many seconds into it, and then the
    session has failed; one of `connects` strikes when a session is begun.
    """

    def __init__(
        self,
        replies: Iterable[str | FakeCall | FakeReply] = (),
        *,
        hears: Iterable[str] = (),
        capabilities: RealtimeCapabilities | None = None,
        seconds_per_character: float = 0.05,
        faults: Iterable[Fault | Misbehaviour | None] = (),
        connects: Iterable[Fault | Misbehaviour | None] = (),
        circuit: str = "",
    ) -> None:
        super().__init__(capabilities=capabilities or RealtimeCapabilities())
        self.connects = FaultPlan(connects)
        self.replies = [_as_reply(reply) for reply in replies]
        self.hears = list(hears)
        self.faults = FaultPlan(faults)
        self.seconds_per_character = seconds_per_character
        self._circuit = circuit
        self.sessions: list[FakeRealtimeSession] = []
        """All that were begun, the current one last."""

    @property
    def circuit(self) -> str:
        """As it was made with; none unless told."""
        return self._circuit

    @property
    def model(self) -> str:
        """It has none."""
        return "fake"

    @property
    def provider(self) -> str:
        """This room."""
        return "agentd.testing"

    def session(self) -> FakeRealtimeSession:
        """See the base class."""
        made = FakeRealtimeSession(self)
        self.sessions.append(made)
        return made


class FakeRealtimeSession(RealtimeSession):
    """One conversation, and a record of what was asked of it."""

    def __init__(self, model: FakeRealtime) -> None:
        super().__init__(model)
        self.fake = model
        self.instructions = ""
        self.tools: list[str] = []
        self.chat_ctx = ChatContext.empty()
        self.asked: list[dict[str, Any]] = []
        """What each `generate_reply` was given."""
        self.interruptions = 0
        self.truncated: list[Truncation] = []
        self.committed = 0
        self.heard = 0.0
        """Seconds of audio that it was given."""
        self._connected = asyncio.Event()
        self._shown = asyncio.Event()
        self.seen: list[tuple[float, str, bytes]] = []
        """When it was shown a picture, on the loop's clock, of which kind, and its bytes."""
        self.closed = False
        self._events: Channel[RealtimeEvent] = Channel(256)
        self._owner = TaskOwner("fake realtime")
        self._segmenter = Segmenter(
            SegmenterSettings(min_speech_duration=0.05, min_silence_duration=SILENCE)
        )

    async def __aiter__(self) -> AsyncIterator[RealtimeEvent]:
        fault = self.fake.connects.next()
        if fault is not None:
            await fault.strike()
        self._connected.set()
        async for event in self._events:
            if isinstance(event, RealtimeError) and not event.recoverable:
                raise event.error
            yield event

    async def connected(self) -> None:
        """See the base class."""
        await self._connected.wait()

    def fail(self, error: Exception, *, recoverable: bool = False) -> None:
        """The conversation has failed."""
        self._events.send_nowait(RealtimeError(error=error, recoverable=recoverable))

    def push_audio(self, frame: AudioFrame) -> None:
        """See the base class."""
        self.heard += frame.duration
        change = self._segmenter.process(frame.duration, is_audible(frame.samples))
        if not self.model.capabilities.turn_detection:
            return
        if change is Change.STARTED:
            self._events.send_nowait(InputSpeechStarted())
        if change is Change.ENDED:
            self._events.send_nowait(InputSpeechStopped(user_transcription_enabled=True))
            self._understand()
            self._events.send_nowait(self._generate(user_initiated=False))

    def push_video(self, data: bytes, mime_type: str) -> None:
        """See the base class."""
        self.seen.append((now(), mime_type, data))
        self._shown.set()

    async def sees(self) -> None:
        """Wait until it was shown a picture."""
        await self._shown.wait()

    def commit_audio(self) -> None:
        """See the base class."""
        self.committed += 1
        self._understand()

    def clear_audio(self) -> None:
        """See the base class."""

    async def generate_reply(
        self,
        *,
        instructions: NotGivenOr[str] = NOT_GIVEN,
        tool_choice: NotGivenOr[ToolChoice] = NOT_GIVEN,
    ) -> GenerationCreated:
        """See the base class."""
        self.asked.append({"instructions": instructions, "tool_choice": tool_choice})
        fault = self.fake.faults.next()
        if fault is not None and not fault.after:
            await fault.strike()
        await asyncio.sleep(0)
        return self._generate(user_initiated=True, fault=fault)

    async def say(self, text: str) -> GenerationCreated:
        """See the base class."""
        return self._generate(user_initiated=True, reply=FakeReply(text=text))

    def interrupt(self) -> None:
        """See the base class."""
        self.interruptions += 1

    def truncate(
        self,
        *,
        message_id: str,
        modalities: tuple[Literal["text", "audio"], ...],
        audio_end: float,
        transcript: NotGivenOr[str] = NOT_GIVEN,
    ) -> None:
        """See the base class."""
        heard = "" if isinstance(transcript, NotGiven) else transcript
        self.truncated.append(Truncation(message_id, audio_end, heard))

    async def update_instructions(self, instructions: str) -> None:
        """See the base class."""
        self.instructions = instructions

    async def update_chat_ctx(self, chat_ctx: ChatContext) -> None:
        """See the base class."""
        self.chat_ctx = chat_ctx.copy()

    async def update_tools(self, tools: list[Tool]) -> None:
        """See the base class."""
        self.tools = [tool.id for tool in tools]

    def update_options(self, *, tool_choice: NotGivenOr[ToolChoice | None] = NOT_GIVEN) -> None:
        """See the base class."""

    async def aclose(self) -> None:
        """See the base class."""
        self.closed = True
        self._events.close()
        await self._owner.aclose()

    def _understand(self) -> None:
        if self.fake.hears and self.model.capabilities.user_transcription:
            self._events.send_nowait(
                InputTranscriptionCompleted(
                    item_id=shortuuid("item_"), transcript=self.fake.hears.pop(0)
                )
            )

    def _generate(
        self,
        *,
        user_initiated: bool,
        reply: FakeReply | None = None,
        fault: Fault | None = None,
    ) -> GenerationCreated:
        chosen = reply or (self.fake.replies.pop(0) if self.fake.replies else FakeReply())
        return GenerationCreated(
            response_id=shortuuid("resp_"),
            messages=self._messages(chosen.text, fault),
            function_calls=_calls(chosen.calls),
            user_initiated=user_initiated,
        )

    async def _messages(self, text: str, fault: Fault | None) -> AsyncIterator[MessageGeneration]:
        if text:
            speaks = self.model.capabilities.audio_output
            if fault is not None:
                text = text[: round(fault.after / self.fake.seconds_per_character)]
            yield MessageGeneration(
                message_id=shortuuid("msg_"),
                text=_words(text),
                audio=self._audio(text if speaks else "", fault),
                modalities=("text", "audio") if speaks else ("text",),
            )

    async def _audio(self, text: str, fault: Fault | None) -> AsyncIterator[AudioFrame]:
        left = round(len(text) * self.fake.seconds_per_character, 6)
        while left > 1e-6:
            seconds = min(0.1, left)
            left = round(left - seconds, 6)
            times = np.arange(round(seconds * RATE)) / RATE
            tone = np.rint(LOUDNESS * np.sin(2 * np.pi * 500 * times)).astype(np.int16)
            yield from_samples(tone, RATE)
        if fault is not None:
            self.fail(fault.error or APIConnectionError("scripted to fail"))
            await fault.strike()


async def _words(text: str) -> AsyncIterator[str]:
    for word in text.split(" "):
        yield word if text.endswith(word) else f"{word} "


async def _calls(calls: tuple[FakeCall, ...]) -> AsyncIterator[FunctionToolCall]:
    for call in calls:
        arguments = call.arguments if isinstance(call.arguments, str) else _json(call.arguments)
        yield FunctionToolCall(
            name=call.name, arguments=arguments, call_id=call.call_id or shortuuid("call_")
        )


def _json(arguments: dict[str, Any]) -> str:
    return msgspec.json.encode(arguments).decode()


def _as_reply(reply: str | FakeCall | FakeReply) -> FakeReply:
    if isinstance(reply, FakeReply):
        return reply
    return FakeReply(text=reply) if isinstance(reply, str) else FakeReply(calls=(reply,))
