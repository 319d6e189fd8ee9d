"""A speech-to-text model of livekit.plugins."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import aclosing
from typing import Any

from livekit.agents import stt as lk
from livekit.agents.utils import is_given

from agentd import stt
from agentd.audio.frame import AudioFrame
from agentd.stt import (
    EndOfSpeech,
    FinalTranscript,
    InterimTranscript,
    PreflightTranscript,
    RecognitionUsage,
    SpeechData,
    SpeechEvent,
    StartOfSpeech,
    STTCapabilities,
    TimedWord,
)
from agentd.stt.audioqueue import Flush

from .errors import translated
from .feeding import read_while_feeding
from .frames import to_livekit
from .surroundings import DEFAULT_TIMEOUT, Surroundings, one_attempt
from .wrapped import Warmed

TRANSCRIPTS: dict[Any, Any] = {
    lk.SpeechEventType.INTERIM_TRANSCRIPT: InterimTranscript,
    lk.SpeechEventType.PREFLIGHT_TRANSCRIPT: PreflightTranscript,
    lk.SpeechEventType.FINAL_TRANSCRIPT: FinalTranscript,
}

SHORTEST = 0.1
"""Seconds: services refuse less, and there is no word in it."""


class STT(Warmed, stt.STT):
    """Listens by the plugin; retries, deadlines and metrics are agentd's.

    `sample_rate` in Hz is what the plugin is given; most convert it themselves where they want
    another. `timeout` in seconds is what it has to connect. With `reports_usage` the plugin's own
    account is taken for the cost, else the audio is counted.
    """

    def __init__(
        self,
        plugin: Any,
        *,
        sample_rate: int = 16000,
        timeout: float = DEFAULT_TIMEOUT,
        reports_usage: bool = False,
    ) -> None:
        can = plugin.capabilities
        capabilities = STTCapabilities(
            streaming=can.streaming,
            interim_results=can.interim_results,
            offline_recognize=can.offline_recognize,
            diarization=can.diarization,
            aligned_transcript=can.aligned_transcript,
            reports_usage=reports_usage,
        )
        super().__init__(capabilities=capabilities, sample_rate=sample_rate)
        self._plugin = plugin
        self._options = one_attempt(timeout)
        self._around = Surroundings()

    async def recognize_once(self, audio: AudioFrame, language: str) -> SpeechData:
        """See the base class."""
        if audio.duration < SHORTEST:
            return SpeechData(text="")
        with translated():
            event = await self._around.ask(
                self._plugin.recognize,
                [to_livekit(audio)],
                conn_options=self._options,
                **_spoken(language),
            )
        return _data(event.alternatives[0]) if event.alternatives else SpeechData(text="")

    async def transcribe(
        self, audio: AsyncIterator[AudioFrame | Flush], language: str
    ) -> AsyncIterator[SpeechEvent]:
        """See the base class."""
        with translated():
            stream = self._around.run(
                self._plugin.stream, conn_options=self._options, **_spoken(language)
            )
            told = read_while_feeding(stream, _feed(stream, audio), name="livekit-stt")
            async with aclosing(told):
                async for event in told:
                    for ours in self._events(event):
                        yield ours

    def _events(self, event: Any) -> list[SpeechEvent]:
        kinds = lk.SpeechEventType
        if event.type in TRANSCRIPTS:
            # Some tell of an utterance without words; a turn is not made of that.
            if not event.alternatives or not event.alternatives[0].text:
                return []
            kind = TRANSCRIPTS[event.type]
            return [kind(data=_data(event.alternatives[0]), request_id=event.request_id)]
        if event.type == kinds.START_OF_SPEECH:
            return [StartOfSpeech(request_id=event.request_id)]
        if event.type == kinds.END_OF_SPEECH:
            return [EndOfSpeech(request_id=event.request_id)]
        if event.type == kinds.RECOGNITION_USAGE and self.capabilities.reports_usage:
            seconds = event.recognition_usage.audio_duration
            return [RecognitionUsage(audio_duration=seconds, request_id=event.request_id)]
        return []


async def _feed(stream: Any, audio: AsyncIterator[AudioFrame | Flush]) -> None:
    try:
        async for item in audio:
            if isinstance(item, Flush):
                stream.flush()
            else:
                stream.push_frame(to_livekit(item))
        stream.end_input()
    except RuntimeError:
        # It has ended meanwhile; whoever reads it hears why.
        return


def _spoken(language: str) -> dict[str, str]:
    return {"language": language} if language else {}


def _data(data: Any) -> SpeechData:
    return SpeechData(
        text=data.text,
        language=str(data.language or ""),
        start_time=data.start_time,
        end_time=data.end_time,
        confidence=data.confidence,
        speaker_id=data.speaker_id,
        words=[_word(word) for word in data.words or []],
    )


def _word(word: Any) -> TimedWord:
    start = _number(word.start_time)
    return TimedWord(
        text=str(word),
        start_time=start,
        end_time=_number(word.end_time, start),
        confidence=_number(word.confidence),
    )


def _number(value: Any, default: float = 0.0) -> float:
    return float(value) if is_given(value) else default
