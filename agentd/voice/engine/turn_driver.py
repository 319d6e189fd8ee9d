"""Runs the turn machine: hands inputs in, keeps its timers, and has its orders carried out."""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import Callable

from agentd.aio.timing import now
from agentd.app.usererror import error_fields
from agentd.voice.turns.actions import CancelTimer, SetTimer, TimerName, TurnAction
from agentd.voice.turns.inputs import TimerFired, TurnInput
from agentd.voice.turns.machine import TurnMachine

logger = logging.getLogger("agentd.voice")

CarryOut = Callable[[TurnAction], None]


class TurnDriver:
    """One for a session. What is fed while an order is carried out comes after all of them."""

    def __init__(self, machine: TurnMachine, carry_out: CarryOut) -> None:
        """`carry_out` is given every order but those about timers; it returns at once."""
        self._machine = machine
        self._carry_out = carry_out
        self._inputs: deque[TurnInput] = deque()
        self._busy = False
        self._closed = False
        self._timers: dict[TimerName, asyncio.TimerHandle] = {}

    def feed(self, event: TurnInput) -> None:
        """Hand an input in. When this returns, what it has caused is done or under way."""
        if self._closed:
            return
        self._inputs.append(event)
        if self._busy:
            return
        self._busy = True
        try:
            while self._inputs:
                for action in self._machine.handle(self._inputs.popleft()):
                    self._do(action)
        finally:
            self._busy = False

    def close(self) -> None:
        """Take nothing more, and let no timer go off. May be repeated."""
        self._closed = True
        self._inputs.clear()
        for timer in self._timers.values():
            timer.cancel()
        self._timers.clear()

    def _do(self, action: TurnAction) -> None:
        match action:
            case SetTimer():
                self._set(action)
            case CancelTimer():
                self._cancel(action.name)
            case _:
                self._order(action)

    def _order(self, action: TurnAction) -> None:
        try:
            self._carry_out(action)
        except Exception as error:  # noqa: BLE001 - the other orders of the input must be heeded
            logger.error(
                "an order of turn-taking could not be carried out",
                extra={
                    "action": "turn_order_failed",
                    "order": type(action).__name__,
                    **error_fields(error),
                },
            )

    def _set(self, action: SetTimer) -> None:
        self._cancel(action.name)
        loop = asyncio.get_running_loop()
        self._timers[action.name] = loop.call_at(max(action.at, now()), self._fire, action)

    def _cancel(self, name: TimerName) -> None:
        timer = self._timers.pop(name, None)
        if timer is not None:
            timer.cancel()

    def _fire(self, action: SetTimer) -> None:
        self._timers.pop(action.name, None)
        self.feed(TimerFired(at=now(), name=action.name, due_at=action.at))
