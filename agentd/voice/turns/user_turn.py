"""What the user has said since the last turn, and when: facts, no decisions."""

from __future__ import annotations

from .actions import DropReason, TurnTiming, UserInputTranscribed
from .backchannel import normalise
from .inputs import (
    SttFinal,
    SttInterim,
    SttPreflight,
    SttSpeechEnded,
    SttSpeechStarted,
    TurnInput,
)
from .user_voice import UserVoice


class UserTurn:
    """The open turn: from the first sound after the last turn until it is committed or dropped."""

    def __init__(self, voice: UserVoice) -> None:
        self._voice = voice
        self.closed_at = float("-inf")
        """When the last turn was over."""
        self._promoted = ""
        """The end of the last turn, where an interim text was taken for final. The STT may still
        send it as final, which is not to be said twice."""
        self.reset()

    def reset(self) -> None:
        """Forget it all."""
        self.text = ""
        """The final transcripts."""
        self.interim = ""
        """What it sounds like since."""
        self.language = ""
        self.speaker_id: str | None = None
        self.started_at: float | None = None
        self.ended_at: float | None = None
        """The last sound; None before the first end of speech."""
        self.final_at: float | None = None
        self.heard_at = 0.0
        """When the last text came, final or not."""
        self.finalised = False
        """Whether a final transcript, an empty one too, has come since speech last began."""
        self.stt_ended = False
        """Whether the STT has said that the user has finished."""
        self.spoken = False
        """Whether an utterance is in it: makes a turn where there is no STT."""
        self._cut_in = self._voice.speaking
        """Whether the user was speaking when it began: the current speech is the last turn's, and
        only what text it still brings is this one's."""
        self.aside: DropReason | None = None
        """Why it is not to be taken as a turn while the agent speaks; None where it may be."""
        self._confidences: list[float] = []

    # -- as it comes

    def take(self, event: TurnInput) -> list[UserInputTranscribed]:
        """Note what an input says; gives the news of it."""
        match event:
            case SttFinal():
                return self._take_final(event)
            case SttInterim(text=text) | SttPreflight(text=text):
                new = _without(self._promoted, text)
                self.interim = new if normalise(new) else ""
                return self._heard(event, self.interim, is_final=False)
            case SttSpeechStarted():
                self.stt_ended = False
            case SttSpeechEnded():
                self.stt_ended = True
            case _:
                pass
        return []

    def begin_speech(self) -> None:
        """The user begins to speak, or goes on."""
        self.stt_ended = False
        self.finalised = False
        self._cut_in = False
        self._promoted = ""  # who says `yes` again means it again
        if not self.has_text and (self._voice.setup.has_stt or not self.spoken):
            self.started_at = self.ended_at = None  # what was heard before was a noise
        self._open(self._voice.started_at)

    def end_speech(self, *, is_turn: bool) -> None:
        """The user has stopped; `is_turn` is whether it was said to the agent, not over it."""
        if is_turn and not self._cut_in:
            self.spoken = True
        self.ended_at = self._voice.ended_at

    def promote(self) -> list[UserInputTranscribed]:
        """Take the interim text for final: the STT does not finalise."""
        if not self.interim:
            return []
        text, self._promoted = self.interim, self.interim
        self.text = _join(self.text, text)
        self.interim = ""
        return [self._news(text, is_final=True)]

    def close(self, at: float) -> None:
        """The turn is over."""
        promoted = self._promoted
        self.reset()
        self._promoted = promoted
        self.closed_at = at

    # -- what is known

    @property
    def has_text(self) -> bool:
        """Whether anything was understood, final or not."""
        return bool(self.text or self.interim)

    @property
    def whole_text(self) -> str:
        """All that was understood."""
        return _join(self.text, self.interim)

    @property
    def confidence(self) -> float:
        """Mean of the final transcripts' that tell one; 0 where none does."""
        return sum(self._confidences) / len(self._confidences) if self._confidences else 0.0

    def timing(self, now: float) -> TurnTiming:
        """When it was, if it is over now."""
        ended_at = self._voice_end(now)
        return TurnTiming(
            started_at=self.started_at,
            ended_at=ended_at,
            transcribed_at=self.final_at,
            committed_at=now,
        )

    def _voice_end(self, now: float) -> float | None:
        if self._voice.speaking:
            return now
        return self.final_at if self.ended_at is None else self.ended_at

    # -- inside

    def _take_final(self, event: SttFinal) -> list[UserInputTranscribed]:
        self.finalised = True
        self.interim = ""
        text = _without(self._promoted, event.text)
        self._promoted = ""
        if not normalise(text):
            return []
        self.text = _join(self.text, text)
        self.final_at = event.at
        self._confidences += [event.confidence] if event.confidence else []
        return self._heard(event, text, is_final=True)

    def _heard(
        self, event: SttFinal | SttInterim | SttPreflight, text: str, *, is_final: bool
    ) -> list[UserInputTranscribed]:
        if not normalise(text):
            return []
        self.heard_at = event.at
        self.language = event.language or self.language
        self.speaker_id = event.speaker_id or self.speaker_id
        self._open(self._voice.started_at if self._voice.speaking else event.at)
        return [self._news(text, is_final=is_final)]

    def _news(self, text: str, *, is_final: bool) -> UserInputTranscribed:
        return UserInputTranscribed(
            text=text, is_final=is_final, language=self.language, speaker_id=self.speaker_id
        )

    def _open(self, started_at: float) -> None:
        if self.started_at is None:
            self.started_at = max(started_at, self.closed_at) if self._cut_in else started_at


def _join(one: str, other: str) -> str:
    return f"{one} {other.strip()}".strip()


def _without(start: str, text: str) -> str:
    """The text without its first words where those say what `start` says."""
    missing = normalise(start).split()
    words = text.split()
    while missing and words:
        word = normalise(words[0]).split()
        if missing[: len(word)] != word:
            return text
        missing = missing[len(word) :]
        del words[0]
    return text if missing else " ".join(words)
