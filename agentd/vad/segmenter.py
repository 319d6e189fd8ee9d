"""When speech starts and ends, from judgements on single chunks: pure, and without a clock."""

from __future__ import annotations

from enum import Enum, auto

from msgspec import Struct


class SegmenterSettings(Struct, frozen=True, kw_only=True):
    """How single judgements become utterances. All in seconds of audio."""

    min_speech_duration: float = 0.1
    """Speech must last this long to count; less is a click or a cough."""
    min_silence_duration: float = 0.5
    """Silence must last this long for the utterance to be over."""
    prefix_padding_duration: float = 0.3
    """Audio kept from before the start, so that a soft first consonant is not cut off."""
    max_speech_duration: float = 60.0
    """An utterance that gets this long is ended, and the next one may start at once."""

    def __post_init__(self) -> None:
        for name in self.__struct_fields__:
            value = getattr(self, name)
            if value < 0:
                raise ValueError(f"{name} must not be negative, but is {value}")
        if self.max_speech_duration <= self.min_speech_duration:
            raise ValueError(
                f"max_speech_duration must be longer than min_speech_duration "
                f"({self.min_speech_duration}), but is {self.max_speech_duration}"
            )


class Change(Enum):
    """What a chunk has changed."""

    STARTED = auto()
    ENDED = auto()


# Chunk lengths such as 0.03 s are not exact in binary, so sums are compared with a tolerance
# far below any chunk: ten chunks of 10 ms are to be 100 ms.
TOLERANCE = 1e-6


class Segmenter:
    """Decides from chunk to chunk whether somebody speaks."""

    def __init__(self, settings: SegmenterSettings) -> None:
        self._settings = settings
        self.heard = 0.0
        """Seconds of audio fed so far."""
        self.speaking = False
        self.started_at = 0.0
        """Where the current or last speech began."""
        self.ended_at = 0.0
        """Where the last chunk judged as speech ended."""
        self.quiet_since = 0.0
        """Where the last speech ended that counted; the start, if there was none."""
        self._run_started_at: float | None = None
        """Where the sounds began that have not ceased yet."""

    @property
    def voiced(self) -> bool:
        """Whether the last chunk was judged as speech."""
        return self._run_started_at is not None

    @property
    def voiced_for(self) -> float:
        """How long every chunk was judged as speech."""
        return 0.0 if self._run_started_at is None else self.heard - self._run_started_at

    @property
    def silent_for(self) -> float:
        """How long no chunk was judged as speech."""
        return self.heard - self.ended_at

    def process(self, chunk_seconds: float, is_speech: bool) -> Change | None:
        """Take the judgement on the next chunk and say what it changed."""
        chunk_started_at = self.heard
        self.heard += chunk_seconds
        if not is_speech:
            self._run_started_at = None
        else:
            self.ended_at = self.heard
            if self._run_started_at is None:
                self._run_started_at = chunk_started_at
        return self._judge_end() if self.speaking else self._judge_start()

    def finish(self) -> Change | None:
        """End the speech that is going on, if any, as when the audio ends."""
        was_speaking = self.speaking
        if was_speaking:
            self.quiet_since = self.ended_at
        self.speaking = False
        self._run_started_at = None
        return Change.ENDED if was_speaking else None

    def _judge_start(self) -> Change | None:
        started_at = self._run_started_at
        if started_at is None:
            return None
        if self.heard - started_at + TOLERANCE < self._settings.min_speech_duration:
            return None
        self.speaking = True
        self.started_at = started_at
        return Change.STARTED

    def _judge_end(self) -> Change | None:
        silent_for = self.silent_for
        spoken_for = self.heard - self.started_at
        if silent_for > 0 and silent_for + TOLERANCE >= self._settings.min_silence_duration:
            return self.finish()
        if spoken_for + TOLERANCE >= self._settings.max_speech_duration:
            return self.finish()
        return None
