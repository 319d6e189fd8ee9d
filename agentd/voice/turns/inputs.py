"""What TurnMachine is told, one Struct each. Instants are loop seconds.

`at` is when the session hands the input over; it never runs backwards. Where an input also names
when something happened, that is earlier: a detector is sure only a while after the sound.

Who sends what:

| sender | inputs |
|---|---|
| the ears (audio in, VAD, STT, end-of-turn model) | Vad..., Stt..., EndOfTurn..., AudioMuted |
| a realtime model's session | ModelSpeech... |
| the owner of the loop's timers | TimerFired |
| the mouth (queue of speech, replies, audio out) | Reply..., TurnUnanswered, ToolsRunning |
| the user's code, through the session | ManualCommit, ManualClear, UserActive |
| the room | ParticipantPresent, UserActive (DTMF, a typed message) |
| the session, when another agent takes over | HandoffStarted, RulesChanged |
"""

from __future__ import annotations

from typing import TypeAlias

from msgspec import Struct

from .actions import TimerName
from .options import TurnRules
from .setup import TurnSetup


class _Input(Struct, frozen=True, kw_only=True):
    at: float
    """When the machine is told."""


# -- the ears ------------------------------------------------------------------------


class VadSpeechStarted(_Input, frozen=True, kw_only=True):
    """The VAD is sure that somebody speaks. Not sent while the audio input is muted."""

    started_at: float
    """When the first sound of it was."""


class VadSpeechEnded(_Input, frozen=True, kw_only=True):
    """The VAD is sure that it is over. Also when the stream was flushed, as by a mute."""

    ended_at: float
    """When the last sound of it was."""


class VadVoice(_Input, frozen=True, kw_only=True):
    """Within speech the voice paused, or came back: sent on the change only, and only by a VAD
    that tells (without it all of the time from start to end counts as voice).

    Sharpens `min_duration` of an interruption, which is to count voice and not the silence that a
    VAD waits for before it says that speech has ended.
    """

    voiced: bool
    changed_at: float


class SttSpeechStarted(_Input, frozen=True, kw_only=True):
    """The STT hears somebody speak. Says who speaks where there is no VAD, or in mode `stt`."""


class SttSpeechEnded(_Input, frozen=True, kw_only=True):
    """The STT says that the user has finished. In mode `stt` this is what ends the turn."""

    ended_at: float | None = None
    """When the last sound was, where the STT tells; else the machine takes `at`."""


class _Transcript(_Input, frozen=True, kw_only=True):
    text: str
    language: str = ""
    speaker_id: str | None = None
    confidence: float = 0.0


class SttInterim(_Transcript, frozen=True, kw_only=True):
    """What it sounds like since the last final transcript; replaces the last such."""


class SttPreflight(_Transcript, frozen=True, kw_only=True):
    """Very likely final: counts as interim, and is enough to begin a preemptive reply."""


class SttFinal(_Transcript, frozen=True, kw_only=True):
    """What was said since the last final transcript. Empty text takes an interim one back."""


class EndOfTurnPredicted(_Input, frozen=True, kw_only=True):
    """The end-of-turn model's answer to an AskEndOfTurn. A late one is ignored."""

    request_id: int
    probability: float
    threshold: float
    """Below it the user probably goes on."""


class EndOfTurnFailed(_Input, frozen=True, kw_only=True):
    """The end-of-turn model can't answer: the turn is decided without it."""

    request_id: int


class AudioMuted(_Input, frozen=True, kw_only=True):
    """The user's microphone, or the session's audio input, was muted or opened again.

    A mute ends speech that is going on; what the STT still has to say about it is taken.
    """

    muted: bool


class ModelSpeechStarted(_Input, frozen=True, kw_only=True):
    """Mode `realtime_llm`: the model hears the user speak, and has stopped its reply itself."""


class ModelSpeechEnded(_Input, frozen=True, kw_only=True):
    """Mode `realtime_llm`: the model hears the end of it."""


# -- timers --------------------------------------------------------------------------


class TimerFired(_Input, frozen=True, kw_only=True):
    """A timer's instant has come. One that was cancelled or set anew meanwhile does nothing."""

    name: TimerName
    due_at: float
    """The `at` of the SetTimer: tells a timer from the one that was set before it."""


# -- the mouth -----------------------------------------------------------------------


class ReplyScheduled(_Input, frozen=True, kw_only=True):
    """A speech is the next to be heard: work on it begins. One at a time.

    Sent for every speech (a turn's reply, `say`, `generate_reply`, a realtime model's own), when
    it leaves the queue, so after the ReplyEnded of the one before it. The answer to it in the same
    call may be a HoldReply, so it is sent before any of its audio can get out. Preemptive
    generations are no speech yet.
    """

    speech_id: str
    turn_id: int | None = None
    """The CommitTurn that it answers, if it answers one."""
    interruptible: bool | None = None
    """Whether the user may cut it off; None for the rule's default (`interruption.enabled`)."""


class ReplyThinking(_Input, frozen=True, kw_only=True):
    """The model or a tool works on the speech and nothing of it is being heard (any more)."""

    speech_id: str


class ReplyAudible(_Input, frozen=True, kw_only=True):
    """Audio of the speech is on its way to the listener: the output's `playback_started`.

    Sent for each segment. Not needed after a ResumeReply.
    """

    speech_id: str


class ReplyPaused(_Input, frozen=True, kw_only=True):
    """The output holds the speech although the machine did not ask for it (user code did).

    ReplyAudible says that it goes on. Not needed after a PauseReply.
    """

    speech_id: str


class ReplyProtection(_Input, frozen=True, kw_only=True):
    """From now on the user may, or may not, cut off this speech (`disallow_interruptions`)."""

    speech_id: str
    interruptible: bool


class ReplyEnded(_Input, frozen=True, kw_only=True):
    """The speech is over, with its last audio: played to its end, interrupted, or failed.

    Sent once for each ReplyScheduled, also after an InterruptReply.
    """

    speech_id: str
    interrupted: bool = False


class TurnUnanswered(_Input, frozen=True, kw_only=True):
    """A committed turn gets no reply: StopResponse, no model, an error in the hook."""

    turn_id: int
    reason: str = ""


class ToolsRunning(_Input, frozen=True, kw_only=True):
    """Whether any function tool is at work, in the background too: the user is not away then."""

    running: bool


# -- the user's code and the room ------------------------------------------------------


class ManualCommit(_Input, frozen=True, kw_only=True):
    """`session.commit_user_turn()`: the turn is over now, in any mode.

    Exactly one CommitTurn or TurnDropped with `manual=True` answers all that came since the last.
    """

    transcript_timeout: float = 2.0
    """How long to wait for a final transcript, where the last is older than 0.5 s."""
    skip_reply: bool = False
    """Take the turn into the history only."""


class ManualClear(_Input, frozen=True, kw_only=True):
    """`session.clear_user_turn()`: forget what was said since the last turn."""


class UserActive(_Input, frozen=True, kw_only=True):
    """A sign of life that is no speech: DTMF, a typed message, `reset_away_timer()`."""


class ParticipantPresent(_Input, frozen=True, kw_only=True):
    """Whether there is a user who hears the agent (linked and subscribed, or no room at all).

    False at the start. One who leaves takes an open turn along: it is dropped.
    """

    present: bool


class HandoffStarted(_Input, frozen=True, kw_only=True):
    """The agent is being changed: no turn is decided until RulesChanged."""


class RulesChanged(_Input, frozen=True, kw_only=True):
    """Other rules or other models from now on: another agent, `update_options`, or a handoff that
    failed (with the old ones). An open turn stays open and is decided by the new rules."""

    rules: TurnRules
    setup: TurnSetup


TurnInput: TypeAlias = (
    VadSpeechStarted
    | VadSpeechEnded
    | VadVoice
    | SttSpeechStarted
    | SttSpeechEnded
    | SttInterim
    | SttPreflight
    | SttFinal
    | EndOfTurnPredicted
    | EndOfTurnFailed
    | AudioMuted
    | ModelSpeechStarted
    | ModelSpeechEnded
    | TimerFired
    | ReplyScheduled
    | ReplyThinking
    | ReplyAudible
    | ReplyPaused
    | ReplyProtection
    | ReplyEnded
    | TurnUnanswered
    | ToolsRunning
    | ManualCommit
    | ManualClear
    | UserActive
    | ParticipantPresent
    | HandoffStarted
    | RulesChanged
)
