"""A voice activity detector of livekit.plugins."""

from __future__ import annotations

import weakref
from typing import Any

from livekit import rtc
from livekit.agents.vad import VADEventType

from agentd import vad
from agentd.errors import ModelError
from agentd.vad import Activity, SpeechEnded, SpeechStarted
from agentd.vad.events import VADEvent

from .listener import Judgement, Listener

RATES = (8000, 16000, 24000, 32000, 44100, 48000)
SAMPLE = 2
"""Bytes."""
MOST_BEHIND = 60.0
"""Seconds of audio that may wait for the plugin."""
MOST_KEPT = 60.0
"""Seconds of audio of one utterance; of a longer one its end."""
FLUSH_PATIENCE = 0.2
"""Seconds that the plugin has for what it was given before a flush."""


class VAD(vad.VAD):
    """Hears by the plugin, which runs in a thread.

    With `patience` 0 `push` never waits: it tells what was decided until now, so that an event
    comes with the push after the one that it belongs to, a frame later. With more, it waits so many
    seconds at the most for the audio that it was just given: for recordings, and tests.
    `prefix_padding_duration` is what an utterance's audio has before its first sound, in seconds.
    """

    def __init__(
        self, plugin: Any, *, patience: float = 0.0, prefix_padding_duration: float = 0.3
    ) -> None:
        self._plugin = plugin
        self._patience = patience
        self._padding = prefix_padding_duration

    @property
    def wrapped(self) -> Any:
        """The plugin itself, for its own settings."""
        return self._plugin

    def stream(self, *, sample_rate: int = 16000) -> vad.VADStream:
        """See the base class. Its thread starts with the first."""
        if sample_rate not in RATES:
            choices = ", ".join(map(str, RATES))
            raise ValueError(f"sample_rate must be one of {choices}, but is '{sample_rate}'")
        return VADStream(
            self._plugin, sample_rate=sample_rate, patience=self._patience, padding=self._padding
        )


class VADStream(vad.VADStream):
    """Cuts audio into the plugin's windows, and what it tells into utterances."""

    def __init__(self, plugin: Any, *, sample_rate: int, patience: float, padding: float) -> None:
        self._plugin = plugin
        self._rate = sample_rate
        self._patience = patience
        self._padding = padding
        self._window = SAMPLE * max(1, round(plugin.capabilities.update_interval * sample_rate))
        self._rest = bytearray()
        self._tape = Tape(sample_rate)
        self._started_at: float | None = None
        self._ended_at = 0.0
        self._last: Judgement | None = None
        self._listener: Listener
        self._begin()

    def push(self, pcm: bytes | bytearray | memoryview) -> list[VADEvent]:
        """See the base class. Raises ModelError where the plugin fails or does not keep up."""
        piece = bytes(memoryview(pcm).cast("B"))
        self._tape.add(piece)
        self._rest += piece
        while len(self._rest) >= self._window:
            self._give(bytes(self._rest[: self._window]))
            del self._rest[: self._window]
        behind = (self._given - self._listener.judged) * self._window / SAMPLE / self._rate
        if behind > MOST_BEHIND:
            raise ModelError(f"the VAD is {behind:.0f} s behind the audio")
        return self._decided(self._patience)

    def flush(self) -> list[VADEvent]:
        """See the base class. Audio that does not fill a window is not judged any more."""
        events = self._decided(max(self._patience, FLUSH_PATIENCE) if self._given else 0.0)
        if self._started_at is not None:
            events.append(self._ended(self._tape.seconds))
        self._finalizer()
        self._rest.clear()
        self._begin()
        return events

    @property
    def activity(self) -> Activity:
        """See the base class. As of the last judgement that a push has taken."""
        last = self._last
        heard = self._offset + last.timestamp if last else self._offset
        raw_speech = last.raw_speech if last else 0.0
        return Activity(
            heard=heard,
            speaking=self._started_at is not None,
            speech_duration=0.0 if self._started_at is None else heard - self._started_at,
            silence_duration=heard - self._ended_at if self._started_at is None else 0.0,
            probability=last.probability if last else 0.0,
            voiced=raw_speech > 0,
            raw_speech_duration=raw_speech,
            raw_silence_duration=last.raw_silence if last else 0.0,
        )

    def _begin(self) -> None:
        """A stream of the plugin, whose time begins with the audio that comes next."""
        self._listener = Listener(self._plugin)
        self._finalizer = weakref.finalize(self, self._listener.close)
        self._given = 0
        self._offset = self._tape.seconds
        self._last = None

    def _give(self, window: bytes) -> None:
        self._given += 1
        self._listener.push(
            rtc.AudioFrame(
                data=window,
                sample_rate=self._rate,
                num_channels=1,
                samples_per_channel=len(window) // SAMPLE,
            )
        )

    def _decided(self, patience: float) -> list[VADEvent]:
        events: list[VADEvent] = []
        for judgement in self._listener.take(self._given, patience):
            at = self._offset + judgement.timestamp
            if judgement.kind == VADEventType.INFERENCE_DONE:
                self._last = judgement
            elif judgement.kind == VADEventType.START_OF_SPEECH:
                self._started_at = max(self._ended_at, at - judgement.speech_duration)
                events.append(SpeechStarted(started_at=self._started_at))
            elif self._started_at is not None:
                events.append(self._ended(at - judgement.silence_duration))
        return events

    def _ended(self, at: float) -> SpeechEnded:
        started_at = self._started_at or 0.0
        self._started_at = None
        self._ended_at = at
        return SpeechEnded(
            started_at=started_at,
            ended_at=at,
            pcm=self._tape.cut(started_at - self._padding, at),
            sample_rate=self._rate,
        )


class Tape:
    """The last audio, so that an utterance can be cut from it."""

    def __init__(self, sample_rate: int) -> None:
        self._rate = sample_rate
        self._audio = bytearray()
        self._dropped = 0
        """Bytes."""

    @property
    def seconds(self) -> float:
        """Of all audio so far."""
        return (self._dropped + len(self._audio)) // SAMPLE / self._rate

    def add(self, piece: bytes) -> None:
        """The next audio; what is too old is forgotten, some seconds at once."""
        self._audio += piece
        most = SAMPLE * round(MOST_KEPT * self._rate)
        if len(self._audio) > most + most // 4:
            old = (len(self._audio) - most) // SAMPLE * SAMPLE
            del self._audio[:old]
            self._dropped += old

    def cut(self, start: float, end: float) -> bytes:
        """From one instant to another, as far as there is audio."""
        first, last = (
            max(0, SAMPLE * round(at * self._rate) - self._dropped) for at in (start, end)
        )
        return bytes(self._audio[first:last])
