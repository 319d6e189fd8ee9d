"""What the agent says: the speech that is next or being heard, and the turn it owes a reply to.
Facts, no decisions.
"""

from __future__ import annotations

from .actions import AgentState
from .inputs import (
    ReplyAudible,
    ReplyEnded,
    ReplyPaused,
    ReplyProtection,
    ReplyScheduled,
    ReplyThinking,
    ToolsRunning,
    TurnInput,
    TurnUnanswered,
)


class Reply:
    """One speech, from when work on it begins to its end."""

    def __init__(self, event: ReplyScheduled, *, interruptible: bool) -> None:
        self.speech_id = event.speech_id
        self.turn_id = event.turn_id
        self.scheduled_at = event.at
        self.interruptible = interruptible
        self.thinking = False
        self.audible = False
        """Whether audio of it is under way; also while that is paused."""
        self.held = False
        """Whether it is kept from being heard until the user has finished."""
        self.paused_at: float | None = None
        """Since when its audio is held in the middle."""
        self._heard = 0.0
        self.heard_since: float | None = None
        """Since when, without a pause, the user hears it; None while that is not so."""

    @property
    def paused(self) -> bool:
        return self.paused_at is not None

    @property
    def speaking(self) -> bool:
        """Whether the user hears it now."""
        return self.heard_since is not None

    def heard(self, now: float) -> float:
        """Seconds of it that the user can have heard."""
        running = 0.0 if self.heard_since is None else now - self.heard_since
        return self._heard + running

    def become_audible(self, at: float) -> None:
        self.audible = True
        self.thinking = False
        if not self.paused and self.heard_since is None:
            self.heard_since = at

    def become_silent(self, at: float, *, thinking: bool) -> None:
        self.audible = False
        self.thinking = thinking
        self._stop(at)

    def pause(self, at: float) -> None:
        self.paused_at = at
        self._stop(at)

    def resume(self, at: float) -> None:
        self.paused_at = None
        if self.audible:
            self.heard_since = at

    def _stop(self, at: float) -> None:
        self._heard = self.heard(at)
        self.heard_since = None


class AgentSpeech:
    """The one speech there is, or none, and what is owed."""

    def __init__(self) -> None:
        self.reply: Reply | None = None
        self.stale: Reply | None = None
        """A speech that has just begun, in answer to a turn that is void: to be interrupted."""
        self.just_ended: Reply | None = None
        """The speech that this input has ended."""
        self.owed: int | None = None
        """The committed turn that neither a reply nor a reason has come for."""
        self.tools_running = False
        self.dropped: TurnUnanswered | None = None
        """The word that the owed turn stays unanswered, in this input."""

    def take(self, event: TurnInput, *, interruptible: bool) -> None:
        """Note what an input says; `interruptible` is the rule for speech that says nothing."""
        self.stale = self.just_ended = self.dropped = None
        match event:
            case ReplyScheduled():
                self._schedule(event, interruptible)
            case TurnUnanswered(turn_id=turn_id):
                if turn_id == self.owed:
                    self.owed = None
                    self.dropped = event
            case ToolsRunning(running=running):
                self.tools_running = running
            case _ if self.reply is not None:
                self._take_progress(self.reply, event)
            case _:
                pass

    def _schedule(self, event: ReplyScheduled, interruptible: bool) -> None:
        chosen = interruptible if event.interruptible is None else event.interruptible
        reply = Reply(event, interruptible=chosen)
        if event.turn_id is not None and event.turn_id != self.owed:
            self.stale = reply
            return
        if event.turn_id is not None:
            self.owed = None
        self.reply = reply

    def _take_progress(self, reply: Reply, event: TurnInput) -> None:
        match event:
            case ReplyThinking(at=at, speech_id=reply.speech_id):
                reply.become_silent(at, thinking=True)
            case ReplyAudible(at=at, speech_id=reply.speech_id):
                reply.become_audible(at)
            case ReplyPaused(at=at, speech_id=reply.speech_id):
                reply.become_silent(at, thinking=False)
            case ReplyProtection(speech_id=reply.speech_id, interruptible=interruptible):
                reply.interruptible = interruptible
            case ReplyEnded(at=at, speech_id=reply.speech_id):
                reply.become_silent(at, thinking=False)
                self.just_ended = reply
                self.reply = None
            case _:
                pass

    @property
    def speaking(self) -> bool:
        """Whether the user hears the agent now."""
        return self.reply is not None and self.reply.speaking

    @property
    def state(self) -> AgentState:
        """What the agent does, in users' words."""
        if self.speaking:
            return "speaking"
        thinking = self.reply is not None and self.reply.thinking and not self.reply.paused
        return "thinking" if thinking else "listening"
