"""Whether the user speaks, since when, and how much of it is voice: facts, no decisions."""

from __future__ import annotations

from .inputs import (
    AudioMuted,
    ModelSpeechEnded,
    ModelSpeechStarted,
    ParticipantPresent,
    SttFinal,
    SttInterim,
    SttPreflight,
    SttSpeechEnded,
    SttSpeechStarted,
    TurnInput,
    VadSpeechEnded,
    VadSpeechStarted,
    VadVoice,
)
from .setup import TurnSetup


class UserVoice:
    """What VAD, STT and a realtime model tell about one user's voice.

    The VAD is believed where there is one; else the STT's marks count, or the realtime model's.
    """

    def __init__(self, setup: TurnSetup) -> None:
        self.setup = setup
        self.muted = False
        self.speaking = False
        self.started_at = 0.0
        """The first sound of the current or last speech."""
        self.ended_at = 0.0
        """The last sound of the last speech; not of the current one."""
        self.stopped_at = 0.0
        """When that end became known."""
        self.stt_at = 0.0
        """When the STT last gave a sign."""
        self._voiced = 0.0
        self._voiced_since: float | None = None

    def take(self, event: TurnInput) -> None:
        """Note what an input says about the voice."""
        if isinstance(event, SttSpeechStarted | SttInterim | SttPreflight | SttFinal):
            self.stt_at = event.at
        match event:
            case AudioMuted(at=at, muted=muted):
                self.muted = muted
                if muted:
                    self.stop(at, ended_at=at)
            case ParticipantPresent(at=at, present=False):
                self.stop(at, ended_at=at)
            case VadVoice() if self.speaking and self.setup.has_vad:
                self._note_voice(event.changed_at, event.voiced)
            case _:
                self._take_bounds(event)

    def _take_bounds(self, event: TurnInput) -> None:
        match event:
            case VadSpeechStarted(started_at=started_at) if self.setup.has_vad:
                self._start(started_at)
            case VadSpeechEnded(at=at, ended_at=ended_at) if self.setup.has_vad:
                self.stop(at, ended_at=ended_at)
            case SttSpeechStarted(at=at) if self.stt_tells:
                self._start(at)
            case SttSpeechEnded(at=at, ended_at=ended_at) if self.stt_tells:
                self.stop(at, ended_at=at if ended_at is None else ended_at)
            case ModelSpeechStarted(at=at) if self._model_tells:
                self._start(at)
            case ModelSpeechEnded(at=at) if self._model_tells:
                self.stop(at, ended_at=at)
            case _:
                pass

    @property
    def stt_tells(self) -> bool:
        """Whether it is the STT that says who speaks."""
        return not self.setup.has_vad and self.setup.mode != "realtime_llm"

    @property
    def _model_tells(self) -> bool:
        return not self.setup.has_vad and self.setup.mode == "realtime_llm"

    def change(self, setup: TurnSetup, at: float) -> None:
        """Other models listen from now on. Who told of the current speech may be gone."""
        teller = (self.setup.has_vad, self.stt_tells)
        self.setup = setup
        if teller != (self.setup.has_vad, self.stt_tells):
            self.stop(at, ended_at=at)

    def stop(self, at: float, *, ended_at: float) -> None:
        """The speech is over. Nothing happens where there is none."""
        if not self.speaking:
            return
        self.speaking = False
        self.ended_at = max(ended_at, self.started_at)
        self.stopped_at = at
        if self._voiced_since is not None:
            self._voiced += max(0.0, self.ended_at - self._voiced_since)
            self._voiced_since = None

    def voiced(self, now: float) -> float:
        """Seconds of voice in the current or last speech."""
        running = 0.0 if self._voiced_since is None else now - self._voiced_since
        return self._voiced + max(0.0, running)

    def voiced_at(self, seconds: float) -> float | None:
        """When there will be so much voice if it goes on; None where it pauses or is over."""
        if self._voiced_since is None:
            return None
        return self._voiced_since + seconds - self._voiced

    def _start(self, started_at: float) -> None:
        if self.speaking or self.muted:
            return
        self.speaking = True
        self.started_at = started_at
        self._voiced = 0.0
        self._voiced_since = started_at

    def _note_voice(self, changed_at: float, voiced: bool) -> None:
        if self._voiced_since is not None:
            self._voiced += max(0.0, changed_at - self._voiced_since)
        self._voiced_since = changed_at if voiced else None
