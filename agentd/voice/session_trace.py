"""The spans of a session that outlast a task: itself, the turns of both sides, and who speaks."""

from __future__ import annotations

from agentd.aio.timing import now, wall_time
from agentd.metrics.usage import AgentSessionUsage
from agentd.tracing import NOTHING, Attributes, Span, enabled, said, session_span, span

from .agent_base import AgentBase
from .speech import Speech, SpeechHandle, speech_of
from .turns.actions import CommitTurn


class SessionTrace:
    """One session's; inert until `begin`, and after `end`."""

    def __init__(self) -> None:
        self.session: Span = NOTHING
        self._turn: Span = NOTHING
        """The user's that is under way."""
        self._answered: Span = NOTHING
        """The user's last one that is over."""
        self._user: Span = NOTHING
        self._agent: Span = NOTHING
        self._waits: tuple[int, float] | None = None
        """The turn that is not answered yet, and when its last sound was."""

    def begin(self, attributes: Attributes) -> None:
        """It starts."""
        self.session = session_span(attributes)

    def end(
        self, reason: str, usage: AgentSessionUsage | None = None, error: object = None
    ) -> None:
        """It is closed. May be repeated."""
        for left in (self._user, self._agent):
            left.end()
        self._end_turn("session_closed")
        self.session.set({"lk.close_reason": reason, **_tokens(usage)})
        if error is not None:
            self.session.fail(error if isinstance(error, BaseException) else str(error))
        self.session.end()
        self.session = self._answered = NOTHING

    # -- the user ----------------------------------------------------------------------------

    def user_speaks(self, speaks: bool) -> None:
        """The user begins to speak, or is silent."""
        self._user.end()
        self._user = NOTHING
        if speaks and self.session.is_recorded:
            if not self._turn.is_recorded:
                self._turn = span("user_turn", parent=self.session)
            self._user = span("user_speaking", parent=self._turn)

    def turn_dropped(self, reason: str) -> None:
        """What the user said is answered by nobody."""
        self._end_turn("dropped", {"agentd.drop_reason": reason})

    def turn_taken(self, turn: CommitTurn) -> None:
        """The user has finished a turn."""
        if not self.session.is_recorded:
            return
        timing = turn.timing
        if not self._turn.is_recorded:  # written, or found by the STT alone
            began_at = timing.started_at if timing.started_at is not None else timing.committed_at
            self._turn = span("user_turn", parent=self.session, at=_wall(began_at))
        decided: dict[str, str | float | bool | None] = {
            "lk.eou.probability": turn.probability,
            "lk.eou.endpointing_delay": timing.end_of_utterance_delay,
            "lk.eou.language": turn.language,
        }
        silent_at = timing.ended_at if timing.ended_at is not None else timing.committed_at
        self._waits = (turn.turn_id, silent_at)
        found = span("eou_detection", decided, parent=self._turn, at=_wall(silent_at))
        found.end()
        self._end_turn(
            "committed",
            {
                "lk.transcription_delay": timing.transcription_delay,
                "lk.end_of_turn_delay": timing.end_of_utterance_delay,
                "lk.transcript_confidence": turn.confidence or None,
                "lk.pii.user_transcript": said(turn.text),
                "agentd.turn_id": turn.turn_id,
            },
        )

    def _end_turn(self, outcome: str, attributes: Attributes | None = None) -> None:
        if self._turn.is_recorded:
            self._turn.set({"lk.eou.outcome": outcome, **(attributes or {})})
            self._turn.end()
            self._answered, self._turn = self._turn, NOTHING

    # -- the agent ---------------------------------------------------------------------------

    def agent_turn(self, agent: AgentBase, *, ahead: bool = False) -> Span:
        """A reply is begun; `ahead` of the end of the turn that it would answer."""
        if not self.session.is_recorded:
            return NOTHING
        answered = self._turn if ahead else self._answered
        return span(
            "agent_turn",
            {
                "lk.agent_label": agent.label,
                "gen_ai.operation.name": "invoke_agent",
                "gen_ai.agent.name": agent.id,
                "agentd.preemptive": ahead or None,
            },
            parent=self.session,
            links=(answered,) if answered.is_recorded else (),
        )

    def carry(self, speech: Speech, turn: Span, *, modality: str) -> None:
        """A reply has a speech now, with which it is over."""
        if not turn.is_recorded:
            return
        speech.span = turn
        turn.set(
            {
                "lk.speech_id": speech.id,
                "agentd.speech.source": speech.source,
                "agentd.input_modality": modality,
                "agentd.turn_id": speech.turn_id,
            }
        )
        speech.add_done_callback(_end_agent_turn)

    def agent_speaks(self, speech: Speech | None) -> None:
        """The agent is heard, with this speech; None: it is silent."""
        self._agent.end()
        self._agent = NOTHING
        if speech is not None and self.session.is_recorded:
            inside = speech.span if speech.span.is_recorded else self.session
            self._agent = span("agent_speaking", {"lk.speech_id": speech.id}, parent=inside)
            if self._waits is not None and self._waits[0] == speech.turn_id:
                inside.set({"lk.e2e_latency": now() - self._waits[1]})
                self._waits = None


def drop_agent_turn(turn: Span) -> None:
    """A reply that was begun ahead is not wanted."""
    turn.set({"agentd.dropped": True})
    turn.end()


def _end_agent_turn(handle: SpeechHandle) -> None:
    speech = speech_of(handle)
    speech.span.set({"lk.interrupted": speech.interrupted})
    if speech.error is not None:
        speech.span.fail(speech.error)
    speech.span.end()


def _wall(instant: float) -> float:
    """Wall time of an instant on the loop's clock."""
    return wall_time() - (now() - instant)


def _tokens(usage: AgentSessionUsage | None) -> dict[str, int]:
    if usage is None or not enabled():
        return {}
    sums: dict[str, int] = {}
    for model in usage.model_usage:
        for name in ("input_tokens", "output_tokens"):
            tokens = getattr(model, name, 0)
            if tokens:
                sums[f"gen_ai.usage.{name}"] = sums.get(f"gen_ai.usage.{name}", 0) + tokens
    return sums
