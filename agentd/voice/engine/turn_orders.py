"""Carries out what the turn machine says is to be done."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, assert_never

from agentd.aio.timing import now, wall_time
from agentd.voice.events import (
    AgentFalseInterruptionEvent,
    OverlappingSpeechEvent,
    UserInputTranscribedEvent,
    UserTranscriptionTimeoutEvent,
    UserTurnDroppedEvent,
)
from agentd.voice.senses.ears import Ears
from agentd.voice.speaking.stage import Stage
from agentd.voice.speeches import Speeches
from agentd.voice.turns.actions import (
    AgentFalseInterruption,
    AskEndOfTurn,
    CancelTimer,
    CommitTurn,
    DropPreemptive,
    FeedSilence,
    FlushTranscript,
    HoldReply,
    InterruptReply,
    OverlappingSpeech,
    PauseReply,
    ReleaseReply,
    ResumeReply,
    SetAgentState,
    SetTimer,
    SetUserState,
    StartPreemptive,
    TurnAction,
    TurnDropped,
    UserInputTranscribed,
    UserTranscriptionTimedOut,
    UserTurnExceeded,
)
from agentd.voice.turns.inputs import TurnUnanswered
from agentd.voice.turns.manual_turns import ManualTurns

from .activity import Activity
from .states import States


class TurnOrders:
    """A session's hands. Each order is carried out, or set going, at once."""

    def __init__(  # noqa: PLR0913 - it moves every part of a session
        self,
        *,
        states: States,
        speeches: Speeches,
        stage: Stage,
        ears: Ears,
        manual: ManualTurns,
        activity: Callable[[], Activity | None],
        feed: Callable[[TurnUnanswered], None],
        emit: Callable[[Any], None],
    ) -> None:
        self._states = states
        self._speeches = speeches
        self._stage = stage
        self._ears = ears
        self._manual = manual
        self._activity = activity
        self._feed = feed
        self._emit = emit
        self.turn_is_open = False
        """Whether something was understood that is in no turn yet."""
        self.flush_duration = 2.0
        """Seconds of silence that bring an STT to an end, as the last `commit_user_turn` said."""

    def carry_out(self, action: TurnAction) -> None:  # noqa: PLR0912 - a table: one line an order
        """Do it."""
        match action:
            case SetUserState(state=state):
                self._states.set_user(state)
            case SetAgentState(state=state):
                self._states.set_agent(state)
            case AskEndOfTurn():
                self._ears.ask_end_of_turn(action)
            case CommitTurn():
                self._commit(action)
            case UserTurnExceeded():
                self._exceed(action)
            case StartPreemptive():
                self._with_activity(lambda activity: activity.begin_preemptive(action))
            case DropPreemptive():
                self._with_activity(lambda activity: activity.drop_preemptive(action))
            case HoldReply() | ReleaseReply() | PauseReply() | ResumeReply() | InterruptReply():
                self._move_speech(action)
            case FeedSilence(on=on):
                self._ears.feed_silence(on)
            case FlushTranscript():
                self._ears.flush_transcript(self.flush_duration)
            case SetTimer() | CancelTimer():
                return  # the driver's
            case _:
                self._tell(action)

    def _move_speech(
        self, action: HoldReply | ReleaseReply | PauseReply | ResumeReply | InterruptReply
    ) -> None:
        speech = self._speeches.find(action.speech_id)
        if speech is None:
            return
        match action:
            case HoldReply():
                speech.hold()
                self._stage.pause()
            case ReleaseReply():
                speech.release()
                self._stage.resume()
            case PauseReply():
                self._stage.pause()
            case ResumeReply():
                self._stage.resume()
            case InterruptReply():
                speech.interrupt()
                # What comes after it is not to begin held.
                self._stage.resume()
            case _:
                assert_never(action)

    def _commit(self, turn: CommitTurn) -> None:
        self.turn_is_open = False
        self._ears.turn_is_over()
        self._manual.answer(turn)
        activity = self._activity()
        if activity is not None:
            activity.take_turn(turn)
        elif not turn.skip_reply:
            self._feed(TurnUnanswered(at=now(), turn_id=turn.turn_id, reason="there is no agent"))

    def _exceed(self, turn: UserTurnExceeded) -> None:
        self.turn_is_open = False
        self._ears.turn_is_over()
        activity = self._activity()
        if activity is not None:
            activity.exceed_turn(turn)
        else:
            self._feed(TurnUnanswered(at=now(), turn_id=turn.turn_id, reason="there is no agent"))

    def _with_activity(self, do: Callable[[Activity], None]) -> None:
        activity = self._activity()
        if activity is not None:
            do(activity)

    def _tell(
        self,
        news: UserInputTranscribed
        | UserTranscriptionTimedOut
        | AgentFalseInterruption
        | OverlappingSpeech
        | TurnDropped,
    ) -> None:
        match news:
            case UserInputTranscribed():
                self.turn_is_open = True
                self._ears.understood(news.language)
                self._emit(
                    UserInputTranscribedEvent(
                        transcript=news.text,
                        is_final=news.is_final,
                        language=news.language or None,
                        speaker_id=news.speaker_id,
                    )
                )
            case UserTranscriptionTimedOut():
                self._emit(
                    UserTranscriptionTimeoutEvent(
                        speech_started_at=_wall(news.started_at),
                        speech_ended_at=_wall(news.ended_at),
                    )
                )
            case AgentFalseInterruption():
                self._emit(
                    AgentFalseInterruptionEvent(resumed=news.resumed, speech_id=news.speech_id)
                )
            case OverlappingSpeech():
                self._emit(
                    OverlappingSpeechEvent(
                        is_interruption=news.is_interruption,
                        overlap_started_at=_wall(news.started_at),
                        speech_id=news.speech_id,
                    )
                )
            case TurnDropped():
                self._tell_dropped(news)
            case _:
                assert_never(news)

    def _tell_dropped(self, news: TurnDropped) -> None:
        if news.turn_id is None:
            self.turn_is_open = False
            self._ears.turn_is_over()
        self._manual.answer(news)
        self._emit(
            UserTurnDroppedEvent(reason=news.reason, transcript=news.text, detail=news.detail)
        )


def _wall(instant: float) -> float:
    """Wall time of an instant on the loop's clock."""
    return wall_time() - (now() - instant)
