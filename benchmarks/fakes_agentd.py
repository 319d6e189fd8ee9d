"""The fake models as agentd wants them."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

from agentd.audio.frame import AudioFrame
from agentd.llm import LLM, ChatChunk, ChatRequest, ChoiceDelta
from agentd.stt import STT, Flush, STTCapabilities
from agentd.stt.events import (
    EndOfSpeech,
    FinalTranscript,
    InterimTranscript,
    SpeechData,
    SpeechEvent,
    StartOfSpeech,
)
from agentd.tts import TTS, SynthesizedAudio, TTSCapabilities
from agentd.vad import VAD, Activity, SpeechEnded, SpeechStarted, VADEvent, VADStream
from benchmarks.loudness import VOICE_RATE, Change, Loudness, reply_of, spoken_length, voice

HEARD = SpeechData(text="how are you")


class FakeSTT(STT):
    """Hears the same words in all that is loud."""

    def __init__(self) -> None:
        super().__init__(capabilities=STTCapabilities(streaming=True, interim_results=True))

    async def transcribe(
        self, audio: AsyncIterator[AudioFrame | Flush], language: str
    ) -> AsyncIterator[SpeechEvent]:
        """See the base class."""
        loudness = Loudness(self.sample_rate)
        async for item in audio:
            if isinstance(item, Flush):
                continue
            for change in loudness.push(item.data):
                if change is Change.STARTED:
                    yield StartOfSpeech()
                    yield InterimTranscript(data=HEARD)
                else:
                    yield FinalTranscript(data=HEARD)
                    yield EndOfSpeech()


class FakeVAD(VAD):
    """What is loud is speech."""

    def stream(self, *, sample_rate: int = 16000) -> VADStream:
        """See the base class."""
        return _Stream(sample_rate)


class _Stream(VADStream):
    def __init__(self, sample_rate: int) -> None:
        self._loudness = Loudness(sample_rate)

    def push(self, pcm: bytes | bytearray | memoryview) -> list[VADEvent]:
        return [self._event(change) for change in self._loudness.push(bytes(pcm))]

    def flush(self) -> list[VADEvent]:
        change = self._loudness.finish()
        return [] if change is None else [self._event(change)]

    @property
    def activity(self) -> Activity:
        heard = self._loudness
        return Activity(
            heard=heard.heard,
            speaking=heard.speaking,
            speech_duration=heard.heard - heard.started_at if heard.speaking else 0.0,
            silence_duration=0.0 if heard.speaking else heard.quiet_for,
            probability=float(heard.speaking),
            voiced=heard.loud_for > 0,
            raw_speech_duration=heard.loud_for,
            raw_silence_duration=heard.quiet_for,
        )

    def _event(self, change: Change) -> VADEvent:
        heard = self._loudness
        if change is Change.STARTED:
            return SpeechStarted(started_at=heard.started_at)
        return SpeechEnded(
            started_at=heard.started_at,
            ended_at=heard.heard - heard.quiet_for,
            pcm=b"",
            sample_rate=heard.sample_rate,
        )


class FakeLLM(LLM):
    """Says the same at once, whatever it is asked."""

    def __init__(self, seconds: float) -> None:
        super().__init__()
        self._words = reply_of(seconds)

    async def generate(self, request: ChatRequest) -> AsyncIterator[ChatChunk]:
        """See the base class."""
        for word in self._words:
            await asyncio.sleep(0)
            yield ChatChunk(delta=ChoiceDelta(content=word))


class FakeTTS(TTS):
    """Hums each piece of text at once."""

    def __init__(self) -> None:
        super().__init__(capabilities=TTSCapabilities(streaming=True), sample_rate=VOICE_RATE)

    async def speak_stream(
        self, text: AsyncIterator[str]
    ) -> AsyncIterator[AudioFrame | SynthesizedAudio]:
        """See the base class."""
        said = 0.0
        async for piece in text:
            seconds = spoken_length(piece)
            yield AudioFrame(data=voice(said, seconds), sample_rate=VOICE_RATE)
            said += seconds
