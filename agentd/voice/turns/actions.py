"""What TurnMachine says is to be done, one Struct each, in this order, at the input's instant.

The first half are orders to the session, the second half is news for the user's code.
The machine has already taken each order as carried out: there is no confirmation to wait for.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Literal, TypeAlias

from msgspec import Struct

UserState: TypeAlias = Literal["speaking", "listening", "away"]
AgentState: TypeAlias = Literal["initializing", "idle", "listening", "thinking", "speaking"]


class TimerName(StrEnum):
    """The machine's timers, at most one each at a time."""

    ENDPOINTING = "endpointing"
    """The user has been silent long enough: the turn is over."""
    PREDICTION = "prediction"
    """The end-of-turn model did not answer: decide without it."""
    TRANSCRIPT = "transcript"
    """A final transcript is overdue: decide with what there is."""
    TRANSCRIPTION = "transcription"
    """Speech was heard and no text came: tell the user's code."""
    INTERRUPTION = "interruption"
    """The user has spoken over the agent long enough to mean it."""
    FALSE_INTERRUPTION = "false_interruption"
    """Nothing followed an interruption: it was none."""
    RELEASE = "release"
    """Nothing followed what a reply was held for."""
    TURN_LIMIT = "turn_limit"
    """The user speaks too long."""
    AWAY = "away"
    """Both sides have been silent for long."""
    AEC_WARMUP = "aec_warmup"
    """The echo canceller has learned: what is heard from now on is the user."""


class InterruptReason(StrEnum):
    """Why a reply is cut off."""

    SPEECH = "speech"
    """The user spoke over it, and it can't be paused."""
    TURN = "turn"
    """The user took a turn."""
    TURN_LIMIT = "turn_limit"
    """The user's turn was ended for its length."""
    SUPERSEDED = "superseded"
    """It answers a turn that was dropped meanwhile."""
    MODEL = "model"
    """The realtime model stopped it."""


class DropReason(StrEnum):
    """Why a turn is not answered."""

    AGENT_PROTECTED = "agent_protected"
    """The agent spoke, and may not be interrupted."""
    BACKCHANNEL = "backchannel"
    """Only a sign of listening (`uh-huh`), while the agent spoke."""
    TOO_FEW_WORDS = "too_few_words"
    """Fewer words than `min_words`, while the agent spoke."""
    SUPERSEDED = "superseded"
    """The user took another turn before the reply to this one had begun."""
    UNANSWERED = "unanswered"
    """The session said so; `detail` is its reason."""
    CLEARED = "cleared"
    """`clear_user_turn()`, or a handoff to a mode in which it can't be decided."""
    PARTICIPANT_LEFT = "participant_left"
    """Nobody is there any more."""
    EMPTY_REPLY = "empty_reply"
    """The model was asked, and has said nothing and called nothing."""
    NO_TRANSCRIPT = "no_transcript"
    """Committed by hand, and the STT had heard nothing."""


# -- orders ----------------------------------------------------------------------------


class SetTimer(Struct, frozen=True, kw_only=True):
    """Send TimerFired(name, due_at=at) at `at`, or at once where that is past.

    Takes the place of an earlier one of the name.
    """

    name: TimerName
    at: float


class CancelTimer(Struct, frozen=True, kw_only=True):
    """Forget the timer. One that has fired already, or was replaced, is not cancelled."""

    name: TimerName


class SetUserState(Struct, frozen=True, kw_only=True):
    """The user's state is another one now (event `user_state_changed`)."""

    state: UserState


class SetAgentState(Struct, frozen=True, kw_only=True):
    """The agent's state is another one now (event `agent_state_changed`).

    The machine says `listening`, `thinking` and `speaking`, and takes `listening` as set when it
    is made; `initializing` and `idle` are before its time and the session's.
    """

    state: AgentState


class AskEndOfTurn(Struct, frozen=True, kw_only=True):
    """Ask the end-of-turn model whether the user has finished.

    Answered by EndOfTurnPredicted or EndOfTurnFailed; a new question makes the last one void.
    """

    request_id: int
    text: str
    """Of the turn so far; empty where only the audio is known."""


class TurnTiming(Struct, frozen=True, kw_only=True):
    """When a turn happened, in loop seconds."""

    started_at: float | None
    """When its first sound was; None where nothing told."""
    ended_at: float | None
    """When its last sound was; without a VAD when the STT said so."""
    transcribed_at: float | None
    """When its last final transcript came."""
    committed_at: float

    @property
    def transcription_delay(self) -> float:
        """Seconds from the last sound to the final transcript (EOUMetrics)."""
        if self.ended_at is None or self.transcribed_at is None:
            return 0.0
        return max(0.0, self.transcribed_at - self.ended_at)

    @property
    def end_of_utterance_delay(self) -> float:
        """Seconds from the last sound to the decision (EOUMetrics)."""
        return 0.0 if self.ended_at is None else max(0.0, self.committed_at - self.ended_at)


class CommitTurn(Struct, frozen=True, kw_only=True):
    """The user's turn is over: take it into the history and, unless told otherwise, answer it.

    The session sends ReplyScheduled or TurnUnanswered with this `turn_id`. What was being said has
    been interrupted before this action.
    """

    turn_id: int
    """From 1, one more each time."""
    text: str
    """Empty only where there is no STT."""
    timing: TurnTiming
    language: str = ""
    confidence: float = 0.0
    """Mean of its final transcripts'."""
    probability: float | None = None
    """The end-of-turn model's, where it was asked and answered."""
    preemptive: int | None = None
    """The generation that was begun for the same text: to be used, if history, tools and tool
    choice are still what they were; else None, and none is left."""
    skip_reply: bool = False
    """Nobody waits for an answer: send neither ReplyScheduled nor TurnUnanswered for it."""
    manual: bool = False


class StartPreemptive(Struct, frozen=True, kw_only=True):
    """Begin a reply to this text, unheard, since the turn is likely to be it.

    It is used by a CommitTurn with its `generation_id`, or ended by DropPreemptive.
    """

    generation_id: int
    text: str
    synthesize: bool
    """Whether to make speech of it as well (`preemptive_tts`)."""


class DropPreemptive(Struct, frozen=True, kw_only=True):
    """The turn has become another one: cancel that generation."""

    generation_id: int


class HoldReply(Struct, frozen=True, kw_only=True):
    """Let nothing of this speech be heard yet: the user speaks. Go on working on it.

    Ends with ReleaseReply, InterruptReply or the speech.
    """

    speech_id: str


class ReleaseReply(Struct, frozen=True, kw_only=True):
    """The held speech may be heard."""

    speech_id: str


class PauseReply(Struct, frozen=True, kw_only=True):
    """Hold the audio where it is, at once: the user speaks over it, or just got in before it.

    Ends with ResumeReply, InterruptReply or the speech.
    """

    speech_id: str


class ResumeReply(Struct, frozen=True, kw_only=True):
    """Go on where the audio was held."""

    speech_id: str


class InterruptReply(Struct, frozen=True, kw_only=True):
    """Cut the speech off, at once. The session sends ReplyEnded when that is done."""

    speech_id: str
    reason: InterruptReason
    audible_duration: float
    """Seconds that it can have been heard, pauses taken out; 0 where it was not audible yet.
    What is remembered of it must not be more."""


class FeedSilence(Struct, frozen=True, kw_only=True):
    """Give the STT (and a realtime model) silence in place of the user's audio, or not any more.

    VAD and recorder get the audio as it is.
    """

    on: bool


class FlushTranscript(Struct, frozen=True, kw_only=True):
    """A turn was committed by hand and its final transcript is waited for: where no audio flows,
    push silence to the STT so that it comes to an end."""


# -- news ------------------------------------------------------------------------------


class UserInputTranscribed(Struct, frozen=True, kw_only=True):
    """Event `user_input_transcribed`. The session does not emit it for the STT's events itself."""

    text: str
    is_final: bool
    """An interim text that had to do for a final one comes once more, as final."""
    language: str = ""
    speaker_id: str | None = None


class UserTranscriptionTimedOut(Struct, frozen=True, kw_only=True):
    """Event `user_transcription_timeout`: the VAD heard speech and no final text came."""

    started_at: float
    ended_at: float


class AgentFalseInterruption(Struct, frozen=True, kw_only=True):
    """Event `agent_false_interruption`: nothing followed what had interrupted the agent."""

    speech_id: str
    resumed: bool
    """Whether the speech goes on. If not, it was cut off."""


class OverlappingSpeech(Struct, frozen=True, kw_only=True):
    """Event `overlapping_speech`: the user spoke while the agent was heard. Once an overlap."""

    speech_id: str
    started_at: float
    is_interruption: bool
    """Whether it was enough to stop the agent (see InterruptionMetrics)."""


class TurnDropped(Struct, frozen=True, kw_only=True):
    """What the user said is not answered. Of a turn that was not committed, the history knows
    nothing: the text is here."""

    reason: DropReason
    text: str = ""
    turn_id: int | None = None
    """Where it had been committed: its message stays in the history, its reply is given up."""
    detail: str = ""
    manual: bool = False


class UserTurnExceeded(Struct, frozen=True, kw_only=True):
    """Hook `on_user_turn_exceeded`: the user has spoken too long without being answered.

    The turn is ended by it as by a CommitTurn: the text goes into the history, what the hook says
    is sent as ReplyScheduled with this `turn_id`, or TurnUnanswered where it says nothing.
    """

    turn_id: int
    text: str
    """Of this turn."""
    accumulated_text: str
    """Since the agent was last heard."""
    accumulated_word_count: int
    duration: float
    """Seconds since the user began to speak, after the agent was last heard."""
    timing: TurnTiming


TurnAction: TypeAlias = (
    SetTimer
    | CancelTimer
    | SetUserState
    | SetAgentState
    | AskEndOfTurn
    | CommitTurn
    | StartPreemptive
    | DropPreemptive
    | HoldReply
    | ReleaseReply
    | PauseReply
    | ResumeReply
    | InterruptReply
    | FeedSilence
    | FlushTranscript
    | UserInputTranscribed
    | UserTranscriptionTimedOut
    | AgentFalseInterruption
    | OverlappingSpeech
    | TurnDropped
    | UserTurnExceeded
)
