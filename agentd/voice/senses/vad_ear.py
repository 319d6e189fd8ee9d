"""What the VAD hears, as turn-taking is told it."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Iterator

from agentd.audio.conform import Conformer
from agentd.audio.frame import AudioFrame
from agentd.supervision.backoff import Backoff
from agentd.supervision.spec import BackoffSettings
from agentd.vad import VAD, Activity, SpeechEnded, SpeechStarted, VADEvent, VADStream
from agentd.voice.bench import FaultDesk
from agentd.voice.turns.inputs import TurnInput, VadSpeechEnded, VadSpeechStarted, VadVoice

logger = logging.getLogger("agentd.voice")

VAD_RATE = 16000
"""Hz; every VAD knows it."""


VAD_BACKOFF = BackoffSettings(base=0.5, cap=10.0)
"""Before a VAD that has failed is started anew."""

HEALTHY = 1.0
"""Seconds of audio that a VAD has judged without a fault, until it counts as well again."""


class VadEar:
    """One VAD on one source of audio. Instants of audio become instants of the loop's clock.

    A stream that fails is ended, with the speech that it has heard; another one is begun under
    backoff, and hears what comes then. Meanwhile the STT hears the user all the same.
    """

    def __init__(self, vad: VAD, *, faults: FaultDesk) -> None:
        self._vad = vad
        self._faults = faults
        self._stream: VADStream | None = vad.stream(sample_rate=VAD_RATE)
        self._conform = Conformer(VAD_RATE, prompt=True)
        self._backoff = Backoff(base=VAD_BACKOFF.base, cap=VAD_BACKOFF.cap)
        self._begins_at = 0.0
        """When the next stream is begun, where there is none."""
        self._heard = 0.0
        """Seconds of audio that the stream was given."""
        self._speaking = False
        self._voiced = False

    @property
    def speaking(self) -> bool:
        """Whether somebody speaks."""
        return self._speaking

    def hear(self, frame: AudioFrame, now: float) -> list[TurnInput]:
        """Take the next audio, whose end is now; what it changes. Raises AudioError."""
        parts = self._conform.push(frame)
        return self._guarded(lambda stream: self._judge(stream, parts, now), now)

    def flush(self, now: float) -> list[TurnInput]:
        """The audio pauses or ends here: so does speech that is going on."""
        return self._guarded(lambda stream: self._told(stream.flush(), now), now)

    def _guarded(
        self, judge: Callable[[VADStream], Iterable[TurnInput]], now: float
    ) -> list[TurnInput]:
        if self._stream is None and now < self._begins_at:
            return []
        try:
            if self._stream is None:
                self._stream = self._vad.stream(sample_rate=VAD_RATE)
            return list(judge(self._stream))
        except Exception as error:  # noqa: BLE001 - the border to a plugin, which may raise anything
            return self._fail(error, now)

    def _judge(self, stream: VADStream, parts: list[AudioFrame], now: float) -> Iterator[TurnInput]:
        for part in parts:
            self._heard += part.duration
            yield from self._told(stream.push(part.data), now)
        yield from self._voice(stream.activity, now)
        if self._heard >= HEALTHY and self._backoff.failures:
            self._backoff.reset()
            self._faults.worked("vad")

    def _fail(self, error: Exception, now: float) -> list[TurnInput]:
        """Begin anew a while later; what was being said has ended, as far as can be told."""
        delay = self._backoff.next_delay()
        self._faults.failed("vad", error, self._vad)
        logger.warning(
            "the VAD has failed: it is started anew",
            extra={"action": "vad_restarted", "next_start_in": round(delay, 3)},
        )
        self._stream, self._heard, self._begins_at = None, 0.0, now + delay
        was_speaking, self._speaking, self._voiced = self._speaking, False, False
        return [VadSpeechEnded(at=now, ended_at=now)] if was_speaking else []

    def _told(self, events: list[VADEvent], now: float) -> Iterator[TurnInput]:
        for event in events:
            match event:
                case SpeechStarted(started_at=started_at):
                    self._speaking = self._voiced = True
                    yield VadSpeechStarted(at=now, started_at=self._instant(started_at, now))
                case SpeechEnded(ended_at=ended_at):
                    self._speaking = self._voiced = False
                    yield VadSpeechEnded(at=now, ended_at=self._instant(ended_at, now))

    def _voice(self, activity: Activity, now: float) -> Iterator[TurnInput]:
        """Pauses of the voice within speech."""
        if not self._speaking or activity.voiced is self._voiced:
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
