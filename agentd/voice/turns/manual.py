"""Turns that the user's code ends: `commit_user_turn()`."""

from __future__ import annotations

from .actions import FlushTranscript
from .facts import TurnFacts
from .inputs import ManualCommit, SttFinal, TurnInput
from .interruption import TOLERANCE

FRESH = 0.5
"""A final transcript that is no older, in seconds, is taken for the last of its turn."""


class ManualTurns:
    """The requests that are not answered yet. Several at a time are one."""

    def __init__(self, facts: TurnFacts) -> None:
        self._facts = facts
        self._due: float | None = None
        self._skip_reply = False

    def take(self, event: TurnInput) -> None:
        """Note a request, and the transcript that it waits for."""
        match event:
            case ManualCommit():
                self._request(event)
            case SttFinal() if self._due is not None:
                self._due = self._facts.now
            case _:
                pass

    def _request(self, event: ManualCommit) -> None:
        due = event.at + (event.transcript_timeout if self._must_wait() else 0.0)
        if self._due is None:
            self._due, self._skip_reply = due, event.skip_reply
        else:
            self._due = min(self._due, due)
            self._skip_reply = self._skip_reply and event.skip_reply
        if due > self._facts.now:
            self._facts.out.add(FlushTranscript())

    def _must_wait(self) -> bool:
        final_at = self._facts.turn.final_at
        fresh = final_at is not None and self._facts.now - final_at <= FRESH + TOLERANCE
        return self._facts.setup.has_stt and not fresh

    @property
    def pending(self) -> bool:
        """Whether there is a request."""
        return self._due is not None

    @property
    def ready(self) -> bool:
        """Whether it need not wait any more."""
        return (
            self._due is not None
            and self._facts.now + TOLERANCE >= self._due
            and not self._facts.handing_off
        )

    @property
    def skip_reply(self) -> bool:
        """Whether the request wants no reply."""
        return self._due is not None and self._skip_reply

    def timer(self) -> float | None:
        """When the wait is over."""
        return self._due if self._due is not None and self._due > self._facts.now else None

    def answer(self) -> bool:
        """The turn is over, one way or the other; whether there was a request."""
        pending = self.pending
        self._due = None
        return pending
