"""The turn machine's clock and hands."""

from __future__ import annotations

import asyncio
import logging
from typing import cast

import pytest

from agentd.aio.timing import now
from agentd.testing.virtual_time import run_virtual
from agentd.voice.engine.turn_driver import TurnDriver
from agentd.voice.turns.actions import (
    CancelTimer,
    FeedSilence,
    SetAgentState,
    SetTimer,
    SetUserState,
    TimerName,
    TurnAction,
)
from agentd.voice.turns.inputs import ManualClear, TimerFired, TurnInput, UserActive
from agentd.voice.turns.machine import TurnMachine

AWAY = TimerName.AWAY


class Script:
    """A machine that answers each input with the next actions of a script."""

    def __init__(self, *answers: list[TurnAction]) -> None:
        self.answers = list(answers)
        self.seen: list[TurnInput] = []

    def handle(self, event: TurnInput) -> list[TurnAction]:
        self.seen.append(event)
        return self.answers.pop(0) if self.answers else []


def driver_of(script: Script, orders: list[TurnAction]) -> TurnDriver:
    """A driver that notes its orders."""
    return TurnDriver(cast("TurnMachine", script), orders.append)


def test_a_timer_goes_off_at_its_instant() -> None:
    """With the instant it was set for."""
    script = Script([SetTimer(name=AWAY, at=5.0)])

    async def scenario() -> None:
        driver_of(script, []).feed(UserActive(at=now()))
        await asyncio.sleep(10.0)

    run_virtual(scenario())

    assert script.seen[1:] == [TimerFired(at=5.0, name=AWAY, due_at=5.0)]


def test_a_timer_that_is_set_anew_goes_off_once() -> None:
    """At the later instant."""
    script = Script([SetTimer(name=AWAY, at=5.0)], [SetTimer(name=AWAY, at=7.0)])

    async def scenario() -> None:
        driver = driver_of(script, [])
        driver.feed(UserActive(at=now()))
        driver.feed(UserActive(at=now()))
        await asyncio.sleep(10.0)

    run_virtual(scenario())

    assert [event.at for event in script.seen[2:]] == [7.0]


def test_a_cancelled_timer_does_not_go_off() -> None:
    """Cancelling one that is not set does nothing."""
    script = Script([SetTimer(name=AWAY, at=5.0)], [CancelTimer(name=AWAY), CancelTimer(name=AWAY)])

    async def scenario() -> None:
        driver = driver_of(script, [])
        driver.feed(UserActive(at=now()))
        driver.feed(UserActive(at=now()))
        await asyncio.sleep(10.0)

    run_virtual(scenario())

    assert len(script.seen) == 2


def test_an_instant_that_is_past_is_now() -> None:
    """It goes off in the loop's next turn."""
    script = Script([SetTimer(name=AWAY, at=-1.0)])

    async def scenario() -> None:
        driver_of(script, []).feed(UserActive(at=now()))
        await asyncio.sleep(0.01)

    run_virtual(scenario())

    assert len(script.seen) == 2


def test_what_is_fed_by_an_order_comes_after_the_others() -> None:
    """An input's orders are carried out together, in their order."""
    script = Script(
        [FeedSilence(on=True), SetUserState(state="speaking")], [SetAgentState(state="thinking")]
    )
    done: list[str] = []

    async def scenario() -> None:
        def carry_out(action: TurnAction) -> None:
            done.append(type(action).__name__)
            if isinstance(action, FeedSilence):
                driver.feed(ManualClear(at=now()))

        driver = TurnDriver(cast("TurnMachine", script), carry_out)
        driver.feed(UserActive(at=now()))

    run_virtual(scenario())

    assert done == ["FeedSilence", "SetUserState", "SetAgentState"]


def test_an_order_that_fails_costs_no_other_its_turn(caplog: pytest.LogCaptureFixture) -> None:
    """It is in the log, and the machine goes on."""
    script = Script([FeedSilence(on=True), SetUserState(state="speaking")])
    done: list[str] = []

    async def scenario() -> None:
        def carry_out(action: TurnAction) -> None:
            if isinstance(action, FeedSilence):
                raise ValueError("no ears")
            done.append(type(action).__name__)

        TurnDriver(cast("TurnMachine", script), carry_out).feed(UserActive(at=now()))

    with caplog.at_level(logging.ERROR):
        run_virtual(scenario())

    assert done == ["SetUserState"]
    assert [(r.action, r.order) for r in caplog.records] == [("turn_order_failed", "FeedSilence")]  # type: ignore[attr-defined]


def test_a_closed_driver_takes_nothing_and_lets_nothing_go_off() -> None:
    """Closing may be repeated."""
    script = Script([SetTimer(name=AWAY, at=5.0)])

    async def scenario() -> None:
        driver = driver_of(script, [])
        driver.feed(UserActive(at=now()))
        driver.close()
        driver.close()
        driver.feed(UserActive(at=now()))
        await asyncio.sleep(10.0)

    run_virtual(scenario())

    assert len(script.seen) == 1
