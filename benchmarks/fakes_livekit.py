"""The fake models as livekit-agents wants them. Imported in its environment only."""

from __future__ import annotations

import asyncio
import time
from typing import Any

from livekit.agents import llm, stt, tts, vad

from benchmarks.loudness import VOICE_RATE, Change, Loudness, reply_of, spoken_length, voice

HEARD = stt.SpeechData(language="en", text="how are you")
STT_RATE = 16000


class FakeSTT(stt.STT):
    """Hears the same words in all that is loud."""

    def __init__(self) -> None:
        super().__init__(
            capabilities=stt.STTCapabilities(
                streaming=True, interim_results=True, offline_recognize=False
            )
        )

    async def _recognize_impl(self, *args: Any, **options: Any) -> Any:
        raise NotImplementedError

    def stream(self, *, language: Any = None, conn_options: Any = None) -> Any:
        """See the base class."""
        options = conn_options or stt.stt.DEFAULT_API_CONNECT_OPTIONS
        return _Transcription(stt=self, conn_options=options, sample_rate=STT_RATE)


class _Transcription(stt.RecognizeStream):
    async def _run(self) -> None:
        loudness = Loudness(STT_RATE)
        async for frame in self._input_ch:
            if isinstance(frame, self._FlushSentinel):
                continue
            for change in loudness.push(bytes(frame.data)):
                if change is Change.STARTED:
                    self._tell(stt.SpeechEventType.START_OF_SPEECH)
                    self._tell(stt.SpeechEventType.INTERIM_TRANSCRIPT, HEARD)
                else:
                    self._tell(stt.SpeechEventType.FINAL_TRANSCRIPT, HEARD)
                    self._tell(stt.SpeechEventType.END_OF_SPEECH)

    def _tell(self, what: Any, *data: Any) -> None:
        self._event_ch.send_nowait(stt.SpeechEvent(type=what, alternatives=list(data)))


class FakeVAD(vad.VAD):
    """What is loud is speech."""

    def __init__(self) -> None:
        super().__init__(capabilities=vad.VADCapabilities(update_interval=0.05))

    def stream(self) -> Any:
        """See the base class."""
        return _Stream(self)


class _Stream(vad.VADStream):
    async def _main_task(self) -> None:
        loudness: Loudness | None = None
        async for frame in self._input_ch:
            if isinstance(frame, self._FlushSentinel):
                if loudness is not None:
                    loudness.finish()
                continue
            loudness = loudness or Loudness(frame.sample_rate)
            changes = loudness.push(bytes(frame.data))
            self._tell(vad.VADEventType.INFERENCE_DONE, loudness)
            for change in changes:
                started = change is Change.STARTED
                kinds = vad.VADEventType
                self._tell(kinds.START_OF_SPEECH if started else kinds.END_OF_SPEECH, loudness)

    def _tell(self, what: Any, heard: Loudness) -> None:
        event = vad.VADEvent(
            type=what,
            samples_index=round(heard.heard * heard.sample_rate),
            timestamp=time.time(),
            speech_duration=heard.heard - heard.started_at if heard.speaking else 0.0,
            silence_duration=heard.quiet_for,
            probability=float(heard.speaking),
            speaking=heard.speaking,
            raw_accumulated_speech=heard.loud_for,
            raw_accumulated_silence=heard.quiet_for,
        )
        self._event_ch.send_nowait(event)


class FakeLLM(llm.LLM):
    """Says the same at once, whatever it is asked."""

    def __init__(self, seconds: float) -> None:
        super().__init__()
        self.words = reply_of(seconds)

    def chat(self, *, chat_ctx: Any, tools: Any = None, conn_options: Any, **_: Any) -> Any:
        """See the base class."""
        return _Reply(self, chat_ctx=chat_ctx, tools=tools or [], conn_options=conn_options)


class _Reply(llm.LLMStream):
    async def _run(self) -> None:
        for word in self._llm.words:
            await asyncio.sleep(0)
            delta = llm.ChoiceDelta(role="assistant", content=word)
            self._event_ch.send_nowait(llm.ChatChunk(id="reply", delta=delta))


class FakeTTS(tts.TTS):
    """Hums each piece of text at once."""

    def __init__(self) -> None:
        super().__init__(
            capabilities=tts.TTSCapabilities(streaming=True),
            sample_rate=VOICE_RATE,
            num_channels=1,
        )

    def synthesize(self, text: str, *, conn_options: Any = None) -> Any:
        """See the base class."""
        return self._synthesize_with_stream(text, conn_options=conn_options)

    def stream(self, *, conn_options: Any = None) -> Any:
        """See the base class."""
        return _Speech(tts=self, conn_options=conn_options)


class _Speech(tts.SynthesizeStream):
    async def _run(self, output_emitter: Any) -> None:
        output_emitter.initialize(
            request_id="speech",
            sample_rate=VOICE_RATE,
            num_channels=1,
            mime_type="audio/pcm",
            stream=True,
        )
        output_emitter.start_segment(segment_id="speech")
        self._mark_started()
        said = 0.0
        async for piece in self._input_ch:
            if isinstance(piece, self._FlushSentinel):
                continue
            seconds = spoken_length(piece)
            output_emitter.push(voice(said, seconds))
            said += seconds
        output_emitter.end_segment()
