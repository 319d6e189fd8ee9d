"""Several speech-to-speech models in a row: where one fails, the next goes on (row 197)."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec
from msgspec import Struct

from agentd.aio.emitter import EventEmitter
from agentd.resilience import Standby

from .base import RealtimeCapabilities, RealtimeModel
from .briefing import Briefing
from .fallback_session import FallbackSession, Rules
from .line import Line

HARD = (
    "audio_output",
    "turn_detection",
    "user_transcription",
    "auto_tool_reply_generation",
    "manual_function_calls",
)
"""Capabilities that a conversation is built on: who follows must have the same."""


class RealtimeAvailabilityChangedEvent(Struct, frozen=True, kw_only=True, eq=False):
    """What the event "realtime_availability_changed" carries."""

    realtime_model: RealtimeModel
    available: bool


class RealtimeModelFallbackAdapter(RealtimeModel, EventEmitter):
    """Speaks with the first model that is well, and changes it in the middle of a call.

    A model that fails is replaced by the next, which is told the conversation as far as it is known
    and hears the user's words that were not answered yet. One that has failed is left alone for a
    while, then probed in the background; once it is well the conversation returns to it, in a
    pause. Raises ValueError for no model at all, and where models differ in what a conversation is
    built on. Needs to be closed; the models stay their owner's to close.
    """

    def __init__(
        self,
        models: Sequence[RealtimeModel],
        *,
        cooldown: float = 10.0,
        regenerate_on_swap: bool = True,
        attempt_timeout: float = 4.0,
    ) -> None:
        """Put the preferred model first.

        Args:
            models: At least one.
            cooldown: Seconds, at most, before a model that failed is probed; then they grow.
            regenerate_on_swap: Have the next model go on with the reply in which the last one
                failed; else the user has to ask again.
            attempt_timeout: Seconds for a model to connect and be told the conversation, and again
                to begin a reply.
        """
        _check(models)
        RealtimeModel.__init__(self, capabilities=_common([each.capabilities for each in models]))
        EventEmitter.__init__(self)
        self._models = tuple(models)
        self._rules = Rules(regenerate=regenerate_on_swap, attempt_timeout=attempt_timeout)
        self._sessions: set[FallbackSession] = set()
        self._standby = Standby(
            [each.label for each in models],
            probe=self._probe,
            on_change=self._on_change,
            interval=cooldown,
            circuit_of=lambda number: self._models[number].circuit,
        )

    @property
    def model(self) -> str:
        """Its own name: metrics and events tell which model was used."""
        return "RealtimeModelFallbackAdapter"

    @property
    def provider(self) -> str:
        """agentd."""
        return "agentd"

    @property
    def available(self) -> tuple[bool, ...]:
        """Of each model whether it is well, as far as is known."""
        return self._standby.available

    def session(self) -> FallbackSession:
        """See the base class."""
        made = FallbackSession(
            self, self._models, self._standby, self._rules, on_close=self._sessions.discard
        )
        self._sessions.add(made)
        return made

    async def aclose(self) -> None:
        """End the probes and let go of the models."""
        await self._standby.aclose()

    async def _probe(self, number: int) -> None:
        line = Line(self._models[number], number, lambda _line, _event: None)
        try:
            await line.open(Briefing(), timeout=self._rules.attempt_timeout)
        finally:
            await line.aclose()

    def _on_change(self, number: int, available: bool) -> None:
        if available:
            for session in self._sessions:
                session.note_recovery()
        self.emit(
            "realtime_availability_changed",
            RealtimeAvailabilityChangedEvent(
                realtime_model=self._models[number], available=available
            ),
        )


def _check(models: Sequence[RealtimeModel]) -> None:
    if not models:
        raise ValueError("a RealtimeModelFallbackAdapter needs at least one model")
    for name in HARD:
        having = [bool(getattr(each.capabilities, name)) for each in models]
        if len(set(having)) > 1:
            told = ", ".join(
                f"{each.label}: {has}" for each, has in zip(models, having, strict=True)
            )
            raise ValueError(f"models that follow each other must agree on {name} ({told})")


def _common(every: Sequence[RealtimeCapabilities]) -> RealtimeCapabilities:
    """What can be relied on, whichever model is used."""
    names = (field.name for field in msgspec.structs.fields(RealtimeCapabilities))
    return RealtimeCapabilities(
        **{name: all(getattr(each, name) for each in every) for name in names}
    )
