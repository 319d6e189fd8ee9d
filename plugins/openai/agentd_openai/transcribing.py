"""A stream of audio to text over the service's WebSocket: one attempt, over as many connections as
its length takes."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing
from typing import Any, cast

from msgspec import Struct
from openai.types.realtime import (
    ConversationItemInputAudioTranscriptionCompletedEvent,
    ConversationItemInputAudioTranscriptionDeltaEvent,
    ConversationItemInputAudioTranscriptionFailedEvent,
    InputAudioBufferCommittedEvent,
    InputAudioBufferSpeechStartedEvent,
    InputAudioBufferSpeechStoppedEvent,
    RealtimeErrorEvent,
)
from openai.types.realtime.session_update_event_param import Session

from agentd.aio.tasks import TaskOwner
from agentd.aio.timing import now
from agentd.audio.frame import AudioFrame
from agentd.errors import APIConnectionError, APIError, APITimeoutError
from agentd.given import NOT_GIVEN, NotGivenOr, is_given
from agentd.stt import EndOfSpeech, Flush, SpeechEvent

from .client import CONNECT_TIMEOUT, Service
from .realtime.connection import Connection, connect
from .realtime.wire import RATE, append, commit, session_update
from .transcript import confidence
from .utterance import Utterances

RECYCLE_AFTER = 600.0
"""Seconds, as in livekit-agents (row 244): the service gets slow, and ends a session, later on."""
OVERLAP = 1.0
"""Seconds of audio that a new connection hears, too."""
LAST_WORDS_TIMEOUT = 5.0
"""Seconds without a word for the text of an utterance that is over, and after the end of the audio
for all that is to come."""
SERVER_VAD = {
    "type": "server_vad",
    "threshold": 0.5,
    "prefix_padding_ms": 600,
    "silence_duration_ms": 350,
}
LEAST_AUDIO = 0.1
"""Seconds that a buffer must have to be committed."""
EMPTY = "input_audio_buffer_commit_empty"
"""Code of the error for a commit of nothing: the service's VAD was there first."""


class Listening(Struct, frozen=True, kw_only=True):
    """How a stream is to be heard."""

    label: str
    model: str
    language: str
    prompt: str
    confidence: bool = False
    turn_detection: NotGivenOr[dict[str, Any] | None] = NOT_GIVEN
    noise_reduction: NotGivenOr[str] = NOT_GIVEN
    recycle_after: float = RECYCLE_AFTER

    def settings(self) -> dict[str, Any]:
        """As `session.update` takes them."""
        transcription = {"model": self.model}
        if self.language:
            transcription["language"] = self.language.split("-")[0]
        if self.prompt:
            transcription["prompt"] = self.prompt
        heard: dict[str, Any] = {
            "format": {"type": "audio/pcm", "rate": RATE},
            "transcription": transcription,
            "turn_detection": self.detection,
        }
        if is_given(self.noise_reduction):
            heard["noise_reduction"] = {"type": self.noise_reduction}
        settings: dict[str, Any] = {"type": "transcription", "audio": {"input": heard}}
        if self.confidence:
            settings["include"] = ["item.input_audio_transcription.logprobs"]
        return settings

    @property
    def detection(self) -> dict[str, Any] | None:
        """Who notices the turns: the service, or nobody."""
        return self.turn_detection if is_given(self.turn_detection) else SERVER_VAD


async def transcribe(
    service: Service, listening: Listening, audio: AsyncIterator[AudioFrame | Flush]
) -> AsyncGenerator[SpeechEvent]:
    """See `STT.transcribe`. A connection that has served its time is followed by another."""
    source = _Source(audio)
    async with TaskOwner("transcription") as owner:
        reading = owner.start(source.run(), name="audio", report=False)
        while not source.is_over:
            async with aclosing(_one_connection(service, listening, source)) as events:
                async for event in events:
                    yield event
        await reading


async def _one_connection(
    service: Service, listening: Listening, source: _Source
) -> AsyncGenerator[SpeechEvent]:
    connection = await connect(
        service.client(),
        model=listening.model,
        label=listening.label,
        timeout=CONNECT_TIMEOUT,
        transcribes=True,
    )
    try:
        await connection.send(session_update(cast("Session", listening.settings())))
        again = source.again()
        offset = source.seconds - sum(frame.duration for frame in again)
        utterances = Utterances(offset=offset, language=listening.language)
        async with TaskOwner("transcription connection") as owner:
            sending = _Sending(connection, source, listening, utterances)
            done = owner.start(sending.run(again), name="sending", report=False)
            async with aclosing(_events(connection, utterances, done, owner)) as events:
                async for event in events:
                    if isinstance(event, EndOfSpeech):
                        source.understood(utterances.ended_at)
                    yield event
    finally:
        await connection.aclose()


async def _events(
    connection: Connection, utterances: Utterances, sending: asyncio.Task[bool], owner: TaskOwner
) -> AsyncGenerator[SpeechEvent]:
    """What the service tells, until all is sent and understood.

    Raises APITimeoutError where it owes the text of an utterance: another connection hears it anew.
    """
    while True:
        receiving = owner.start(connection.receive(), name="receiving", report=False)
        receiving.add_done_callback(_failure_is_known)
        if not await _arrives(receiving, sending, utterances):
            return
        for event in _told(receiving.result(), utterances):
            yield event


async def _arrives(
    receiving: asyncio.Task[Any], sending: asyncio.Task[bool], utterances: Utterances
) -> bool:
    """Wait for the next event; says whether there is one, and not the end of the connection."""
    since = now()
    while not receiving.done():
        limited = sending.done() or utterances.is_owed
        done, _ = await asyncio.wait(
            {receiving} if sending.done() else {receiving, sending},
            timeout=max(0.0, since + LAST_WORDS_TIMEOUT - now()) if limited else None,
            return_when=asyncio.FIRST_COMPLETED,
        )
        if sending in done:
            if sending.result():
                return False
            since = now()
        if receiving.done():
            break
        if sending.done() and utterances.is_empty:
            return False
        if not done and utterances.is_owed:
            raise APITimeoutError(f"no text has come for {LAST_WORDS_TIMEOUT:g} s")
        if not done:
            return False
    return True


def _failure_is_known(task: asyncio.Task[Any]) -> None:
    """Where sending fails of the same, that is told; asyncio is not to tell it as lost."""
    if not task.cancelled():
        task.exception()


def _told(event: Any, utterances: Utterances) -> list[SpeechEvent]:
    """What a service's event means; raises APIError for one that says that it failed."""
    match event:
        case InputAudioBufferSpeechStartedEvent():
            return utterances.started(event.item_id, event.audio_start_ms / 1000)
        case InputAudioBufferSpeechStoppedEvent():
            return utterances.stopped(event.item_id, event.audio_end_ms / 1000)
        case InputAudioBufferCommittedEvent():
            return utterances.committed(event.item_id)
        case ConversationItemInputAudioTranscriptionDeltaEvent():
            return utterances.heard(event.item_id, event.delta or "")
        case ConversationItemInputAudioTranscriptionCompletedEvent():
            sure = confidence(event.logprobs)
            return utterances.completed(event.item_id, event.transcript, confidence=sure)
        case ConversationItemInputAudioTranscriptionFailedEvent():
            raise APIError(f"it was not understood: {event.error.message}")
        case RealtimeErrorEvent() if event.error.code == EMPTY:
            utterances.not_committed()
            return []
        case RealtimeErrorEvent():
            raise APIConnectionError(f"the service failed: {event.error.message}")
        case _:
            return []


class _Source:
    """The audio of the attempt: what one connection has not taken is the next one's."""

    def __init__(self, audio: AsyncIterator[AudioFrame | Flush]) -> None:
        self._audio = audio
        self._next: AudioFrame | Flush | None = None
        self._asked = asyncio.Event()
        self._there = asyncio.Event()
        self.is_over = False
        self.seconds = 0.0
        """That were taken."""
        self._recent: deque[AudioFrame] = deque()
        self._understood = 0.0

    async def run(self) -> None:
        """Read the audio, an item whenever one is asked for."""
        try:
            async for item in self._audio:
                self._next = item
                self._there.set()
                await self._asked.wait()
                self._asked.clear()
        finally:
            self.is_over = True
            self._there.set()

    async def peek(self) -> AudioFrame | Flush | None:
        """The next item, which stays; None at the end."""
        await self._there.wait()
        return self._next

    def take(self) -> None:
        """What was seen is done with."""
        if isinstance(self._next, AudioFrame):
            self.seconds += self._next.duration
            self._recent.append(self._next)
            while sum(frame.duration for frame in self._recent) > OVERLAP:
                self._recent.popleft()
        self._next = None
        if not self.is_over:
            self._there.clear()
        self._asked.set()

    def understood(self, until: float) -> None:
        """No connection has to hear the audio up to there, in seconds, again."""
        self._understood = max(self._understood, until)

    def again(self) -> list[AudioFrame]:
        """The last that was taken, for the next connection: a service is late to notice speech, so
        the one before may have heard its beginning and not told."""
        kept: deque[AudioFrame] = deque()
        at = self.seconds
        for frame in reversed(self._recent):
            at -= frame.duration
            if at < self._understood:
                break
            kept.appendleft(frame)
        return list(kept)


class _Sending:
    """Sends the audio to one connection until its time is over, or the audio is."""

    def __init__(
        self,
        connection: Connection,
        source: _Source,
        listening: Listening,
        utterances: Utterances,
    ) -> None:
        self._connection = connection
        self._source = source
        self._listening = listening
        self._utterances = utterances
        self._waiting = 0.0
        """Seconds in the service's buffer, as far as is known here."""

    async def run(self, again: list[AudioFrame]) -> bool:
        """Send what the last connection had, and then what comes; says whether another one is to
        go on: at once, for what this one tells from then on, that one hears again."""
        began_at, began_with = now(), self._source.seconds
        for frame in again:
            await self._send(frame)
        while (item := await self._source.peek()) is not None:
            served = max(now() - began_at, self._source.seconds - began_with)
            if served >= self._listening.recycle_after and self._utterances.is_empty:
                return True  # a pause
            self._source.take()
            if isinstance(item, AudioFrame):
                await self._send(item)
            else:
                await self._commit()
        await self._commit()
        return False

    async def _send(self, frame: AudioFrame) -> None:
        await self._connection.send(append(frame.data))
        self._waiting += frame.duration

    async def _commit(self) -> None:
        if self._waiting < LEAST_AUDIO or not self._is_worth_it():
            return
        self._waiting = 0.0
        self._utterances.asked()
        await self._connection.send(commit())

    def _is_worth_it(self) -> bool:
        """Whether there may be words in the buffer: by a VAD of the service's, somebody speaks."""
        return self._listening.detection is None or self._utterances.speaking
