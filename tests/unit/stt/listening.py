"""Speaks into streams of recognition on the virtual clock, and notes what comes out of them."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Coroutine, Iterable
from typing import Any, NamedTuple

import numpy as np

from agentd.aio.tasks import TaskOwner
from agentd.aio.timing import now
from agentd.audio.frame import AudioFrame, from_samples, silent_frame
from agentd.errors import APIError
from agentd.stt import (
    STT,
    EndOfSpeech,
    FinalTranscript,
    Flush,
    InterimTranscript,
    RecognitionUsage,
    RecognizeStream,
    SpeechData,
    SpeechEvent,
    StartOfSpeech,
    STTCapabilities,
)

RATE = 16000
FRAME_SECONDS = 0.02

Events = AsyncIterator[SpeechEvent]
Audio = AsyncIterator[AudioFrame | Flush]


class Heard(NamedTuple):
    """An event and the instant it came at."""

    at: float
    event: SpeechEvent


def sound(seconds: float, rate: int = RATE, channels: int = 1) -> AudioFrame:
    """Something audible, all samples alike."""
    shape = round(seconds * rate) if channels == 1 else (round(seconds * rate), channels)
    return from_samples(np.full(shape, 3000, dtype=np.int16), rate)


def numbered(number: int, seconds: float = FRAME_SECONDS) -> AudioFrame:
    """A frame that can be told from others."""
    return from_samples(np.full(round(seconds * RATE), number, dtype=np.int16), RATE)


async def speak(stream: RecognizeStream, *parts: tuple[str, float]) -> None:
    """Push audio as it would come from a microphone: stretches of "sound" or "silence"."""
    for kind, seconds in parts:
        make = sound if kind == "sound" else silent_frame
        for _ in range(round(seconds / FRAME_SECONDS)):
            stream.push_frame(make(FRAME_SECONDS, RATE))
            await asyncio.sleep(FRAME_SECONDS)


async def listen(
    stream: RecognizeStream, speaking: Coroutine[Any, Any, None] | None = None
) -> list[Heard]:
    """Every event until the stream ends, while somebody speaks and then ends the input."""
    async with TaskOwner("speaker") as owner, stream:
        if speaking is not None:
            owner.start(_then_end(stream, speaking), name="speaker")
        return [Heard(round(now(), 6), event) async for event in stream]


async def _then_end(stream: RecognizeStream, speaking: Coroutine[Any, Any, None]) -> None:
    await speaking
    stream.end_input()


def finals(heard: Iterable[Heard]) -> list[str]:
    """The final texts."""
    return [one.event.text for one in heard if isinstance(one.event, FinalTranscript)]


def shown(heard: Iterable[Heard]) -> list[str]:
    """All events in a word or two each; what was used is left out."""
    return [_word(one.event) for one in heard if not isinstance(one.event, RecognitionUsage)]


def _word(event: SpeechEvent) -> str:
    match event:
        case StartOfSpeech():
            return "start"
        case EndOfSpeech():
            return "end"
        case InterimTranscript():
            return f"interim {event.text}"
        case FinalTranscript():
            return f"final {event.text}"
        case _:
            return str(event.type)


class Failing:
    """What an attempt gives that fails before it has told anything."""

    def __init__(self, error: Exception) -> None:
        self._error = error

    def __aiter__(self) -> Failing:
        return self

    async def __anext__(self) -> SpeechEvent:
        raise self._error


def failing(error: Exception) -> Callable[[Audio], Events]:
    """An attempt that fails at once."""
    return lambda audio: Failing(error)


class ByHand(STT):
    """An STT whose attempts are functions that a test gives, one after the other."""

    def __init__(
        self,
        *attempts: Callable[[Audio], Events],
        whole: Callable[[AudioFrame], SpeechData | APIError] | None = None,
        reports_usage: bool = False,
        sample_rate: int = RATE,
    ) -> None:
        super().__init__(
            capabilities=STTCapabilities(
                streaming=bool(attempts),
                offline_recognize=whole is not None,
                reports_usage=reports_usage,
            ),
            sample_rate=sample_rate,
        )
        self._attempts = list(attempts)
        self._whole = whole
        self.begun: list[float] = []
        """The instants at which attempts began."""
        self.errors: list[tuple[str, bool]] = []
        """What its event "error" told."""
        self.measured: list[float] = []
        """Seconds of audio that its event "metrics_collected" told."""
        self.on("error", lambda told: self.errors.append((str(told.error), told.recoverable)))
        self.on("metrics_collected", lambda told: self.measured.append(told.audio_duration))

    def transcribe(self, audio: Audio, language: str) -> Events:
        """The next attempt; the last one again and again."""
        self.begun.append(round(now(), 6))
        attempt = self._attempts.pop(0) if len(self._attempts) > 1 else self._attempts[0]
        return attempt(audio)

    async def recognize_once(self, audio: AudioFrame, language: str) -> SpeechData:
        """What the test's function says."""
        self.begun.append(round(now(), 6))
        assert self._whole is not None
        answer = self._whole(audio)
        if isinstance(answer, APIError):
            raise answer
        return answer
