"""What one input has led to, and which timers are set."""

from __future__ import annotations

from .actions import CancelTimer, SetTimer, TimerName, TurnAction

_NAMES = tuple(TimerName)


class Outbox:
    """Gathers actions in order. Timers are wanted or not; what has to be done for that is found
    here, so no rule has to remember to cancel one."""

    def __init__(self) -> None:
        self.due: dict[TimerName, float] = {}
        """The timers that are set."""
        self._actions: list[TurnAction] = []

    def add(self, *actions: TurnAction) -> None:
        """One thing after the other is to be done."""
        self._actions += actions

    def want(self, wanted: dict[TimerName, float | None]) -> None:
        """Let exactly these timers be set; one that is set for the same instant stays."""
        for name in _NAMES:
            at = wanted.get(name)
            if at == self.due.get(name):
                continue
            if at is None:
                del self.due[name]
                self.add(CancelTimer(name=name))
            else:
                self.due[name] = at
                self.add(SetTimer(name=name, at=at))

    def fire(self, name: TimerName, due_at: float) -> bool:
        """A timer has fired; whether it is one that is still set."""
        if self.due.get(name) != due_at:
            return False
        del self.due[name]
        return True

    def take(self) -> list[TurnAction]:
        """Hand the actions over."""
        actions, self._actions = self._actions, []
        return actions
