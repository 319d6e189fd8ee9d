"""What the VAD hears, as turn-taking is told it."""

from __future__ import annotations

from collections.abc import Iterator

from agentd.audio.conform import Conformer
from agentd.audio.frame import AudioFrame
from agentd.vad import VAD, SpeechEnded, SpeechStarted, VADEvent

from .turn_inputs import TurnInput, VadSpeechEnded, VadSpeechStarted, VadVoice

VAD_RATE = 16000
"""Hz; every VAD knows it."""


class VadEar:
    """One VAD on one source of audio. Instants of audio become instants of the loop's clock."""

    def __init__(self, vad: VAD) -> None:
        self._stream = vad.stream(sample_rate=VAD_RATE)
        self._conform = Conformer(VAD_RATE, prompt=True)
        self._heard = 0.0
        """Seconds of audio that the VAD was given."""
        self._speaking = False
        self._voiced = False

    @property
    def speaking(self) -> bool:
        """Whether somebody speaks."""
        return self._speaking

    def hear(self, frame: AudioFrame, now: float) -> list[TurnInput]:
        """Take the next audio, whose end is now; what it changes."""
        inputs: list[TurnInput] = []
        for part in self._conform.push(frame):
            self._heard += part.duration
            inputs += self._told(self._stream.push(part.data), now)
        inputs += self._voice(now)
        return inputs

    def flush(self, now: float) -> list[TurnInput]:
        """The audio pauses or ends here: so does speech that is going on."""
        return list(self._told(self._stream.flush(), now))

    def _told(self, events: list[VADEvent], now: float) -> Iterator[TurnInput]:
        for event in events:
            match event:
                case SpeechStarted(started_at=started_at):
                    self._speaking = self._voiced = True
                    yield VadSpeechStarted(at=now, started_at=self._instant(started_at, now))
                case SpeechEnded(ended_at=ended_at):
                    self._speaking = self._voiced = False
                    yield VadSpeechEnded(at=now, ended_at=self._instant(ended_at, now))

    def _voice(self, now: float) -> Iterator[TurnInput]:
        """Pauses of the voice within speech."""
        if not self._speaking:
            return
        activity = self._stream.activity
        if activity.voiced is self._voiced:
            return
        self._voiced = activity.voiced
        since = activity.raw_speech_duration if self._voiced else activity.raw_silence_duration
        yield VadVoice(
            at=now, voiced=self._voiced, changed_at=self._instant(activity.heard - since, now)
        )

    def _instant(self, position: float, now: float) -> float:
        # The audio heard last ends now. Counting from its start instead would run away from the
        # loop's clock with each frame that was lost on the way.
        return min(now, now - (self._heard - position))
