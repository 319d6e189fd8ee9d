"""What a stream of audio tells about speech. Instants are seconds of audio since its start."""

from __future__ import annotations

from enum import StrEnum
from typing import ClassVar

from msgspec import Struct

from agentd.audio.frame import AudioFrame


class VADEventType(StrEnum):
    """The kinds of events, as livekit-agents calls them.

    Its third, `inference_done`, comes with every frame there; here it is `VADStream.activity`, for
    whoever wants to know.
    """

    START_OF_SPEECH = "start_of_speech"
    END_OF_SPEECH = "end_of_speech"


class SpeechStarted(Struct, frozen=True, kw_only=True):
    """Somebody speaks. Comes as soon as it is certain, so a little after the start."""

    started_at: float
    """Where the first sound of it is."""

    type: ClassVar[VADEventType] = VADEventType.START_OF_SPEECH


class SpeechEnded(Struct, frozen=True, kw_only=True):
    """An utterance is over: silence has lasted long enough, or it has become too long."""

    started_at: float
    """The same as in its SpeechStarted."""
    ended_at: float
    """Where the last sound of it is."""
    pcm: bytes
    """The utterance as mono PCM16, from the padding before its start up to `ended_at`."""
    sample_rate: int

    type: ClassVar[VADEventType] = VADEventType.END_OF_SPEECH

    @property
    def speech_duration(self) -> float:
        """Seconds from the first sound to the last, without padding."""
        return self.ended_at - self.started_at

    @property
    def frames(self) -> list[AudioFrame]:
        """The same audio as livekit-agents gives it."""
        return [AudioFrame(data=self.pcm, sample_rate=self.sample_rate)]


VADEvent = SpeechStarted | SpeechEnded


class Activity(Struct, frozen=True, kw_only=True, gc=False):
    """What is known at one moment of a stream. Durations are seconds of audio.

    `speaking` and its durations are about utterances, and follow their settings; the others are
    about the last single judgements.
    """

    heard: float
    """How much audio was judged so far."""
    speaking: bool
    """Whether an utterance is going on: from its SpeechStarted to its SpeechEnded."""
    speech_duration: float
    """How long it has been going on, since its first sound; 0 when none is."""
    silence_duration: float
    """How long none has been going on, since the last one's last sound; 0 while one is."""
    probability: float
    """Of speech in the last frame; 0 or 1 where the detector only says yes or no."""
    voiced: bool
    """Whether the last frame counts as speech: false in the pauses of an utterance."""
    raw_speech_duration: float
    """How long every frame has counted as speech."""
    raw_silence_duration: float
    """How long no frame has."""
