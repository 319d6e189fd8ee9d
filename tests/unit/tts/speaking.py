"""Takes speech out of streams on the virtual clock, and notes when it came."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from typing import NamedTuple

from agentd.aio.timing import now
from agentd.audio.frame import AudioFrame
from agentd.errors import APIError
from agentd.metrics import TTSMetrics
from agentd.testing.virtual_time import run_virtual
from agentd.tts import TTS, SynthesizedAudio, TTSCapabilities, TTSError
from agentd.tts.stream import AudioStream

RATE = 24000

Spoken = AudioFrame | SynthesizedAudio
Speech = AsyncIterator[Spoken]


class Heard(NamedTuple):
    """A piece of audio and the instant it came at."""

    at: float
    audio: SynthesizedAudio


class Told:
    """What a TTS emits."""

    def __init__(self, tts: TTS) -> None:
        self.metrics: list[TTSMetrics] = []
        self.errors: list[TTSError] = []
        tts.on("metrics_collected", self.metrics.append)
        tts.on("error", self.errors.append)


async def listen(stream: AudioStream) -> list[Heard]:
    """All pieces to the end; raises what the stream raises."""
    async with stream:
        return [Heard(now(), audio) async for audio in stream]


async def listen_to_the_end(stream: AudioStream) -> tuple[list[Heard], APIError | None]:
    """All pieces, and what the stream raised after them."""
    heard: list[Heard] = []
    async with stream:
        try:
            async for audio in stream:
                heard += [Heard(now(), audio)]
        except APIError as error:
            return heard, error
    return heard, None


def heard_of(tts: TTS, text: str) -> list[Heard]:
    """The speech of one text."""

    async def scenario() -> list[Heard]:
        return await listen(tts.synthesize(text))

    return run_virtual(scenario())


def seconds(heard: list[Heard]) -> float:
    """How long it is."""
    return round(sum(one.audio.frame.duration for one in heard), 6)


class ByHand(TTS):
    """A TTS whose attempts are functions of a test, one after the other; the last one stays."""

    def __init__(
        self, *attempts: Callable[[AsyncIterator[str]], Speech], streaming: bool = True
    ) -> None:
        super().__init__(capabilities=TTSCapabilities(streaming=streaming), sample_rate=RATE)
        self._attempts = list(attempts)
        self.tries = 0

    def speak_stream(self, text: AsyncIterator[str]) -> Speech:
        self.tries += 1
        attempt = self._attempts[0] if len(self._attempts) == 1 else self._attempts.pop(0)
        return attempt(text)
