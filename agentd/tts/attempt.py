"""One try to speak one segment, and what it costs."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from typing import Protocol, TypeAlias

from agentd.aio.timing import now, wall_time
from agentd.audio.frame import AudioFrame
from agentd.metrics import TTSMetrics

from .events import SynthesizedAudio
from .segment import SegmentAudio

Spoken: TypeAlias = AudioFrame | SynthesizedAudio
"""What a model may give."""


class Voice(Protocol):
    """What a stream has to know of its TTS."""

    @property
    def label(self) -> str: ...
    @property
    def model(self) -> str: ...
    @property
    def provider(self) -> str: ...
    @property
    def circuit(self) -> str: ...
    @property
    def sample_rate(self) -> int: ...
    @property
    def num_channels(self) -> int: ...
    def speak(self, text: str) -> AsyncIterator[Spoken]: ...
    def speak_stream(self, text: AsyncIterator[str]) -> AsyncIterator[Spoken]: ...
    def note_format(self, frame: AudioFrame) -> None: ...
    def emit(self, event: str, *args: object) -> None: ...


class Attempt:
    """Keeps its audio and its times."""

    def __init__(self, voice: Voice, request_id: str, segment_id: str) -> None:
        self._voice = voice
        self._request_id = request_id
        self._segment_id = segment_id
        self.audio = SegmentAudio(
            voice.sample_rate, voice.num_channels, request_id=request_id, segment_id=segment_id
        )
        self.began_at: float | None = None
        """When the model took the first text."""
        self._first_audio_at: float | None = None
        self.on_audio: Callable[[], None] = _nothing
        """Called before its first audio is given out."""

    def begin(self) -> None:
        """The model takes the first text."""
        if self.began_at is None:
            self.began_at = now()

    def note_audio(self) -> None:
        """A piece of audio is given out."""
        if self._first_audio_at is None:
            self._first_audio_at = now()
            self.on_audio()

    def metrics(self, text: str, *, cancelled: bool, streamed: bool) -> TTSMetrics:
        """What it has cost so far."""
        began_at = now() if self.began_at is None else self.began_at
        first = self._first_audio_at
        return TTSMetrics(
            label=self._voice.label,
            timestamp=wall_time(),
            model=self._voice.model,
            provider=self._voice.provider,
            request_id=self._request_id,
            segment_id=self._segment_id,
            ttfb=-1.0 if first is None else first - began_at,
            duration=now() - began_at,
            audio_duration=self.audio.duration,
            characters_count=len(text),
            cancelled=cancelled,
            streamed=streamed,
        )


def _nothing() -> None:
    return
