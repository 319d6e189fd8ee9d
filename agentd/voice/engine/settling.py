"""A moment at which a conversation may leave its process: nothing is cut off that is lost then."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable

from .closing import take_last_turn
from .engine import Engine

SETTLE_TIMEOUT = 5.0
"""Seconds that are waited for a good moment: no tool at work, and the user does not speak."""

TAKE_TIMEOUT = 1.0
"""Seconds for what a user said who was cut short to be in the history."""


async def settle(engine: Engine) -> str:
    """Wait for a good moment, but not for ever; says why the conversation can't leave, or nothing.

    A user who speaks on is cut short: what he has said so far is in the history, to be answered by
    whoever goes on. What another process could not go on with is not cut off (see `_obstacle`).
    What the agent says is cut off wherever it is; it is said again from its sentence's start.
    """
    bell = engine.floor.bell
    if await _within(SETTLE_TIMEOUT, bell.until(lambda: _may_leave(engine))):
        return ""
    if why := _obstacle(engine):
        return why
    await take_last_turn(engine)
    await _within(TAKE_TIMEOUT, bell.until(lambda: not _obstacle(engine)))
    return _obstacle(engine)


async def _within(seconds: float, wait: Awaitable[None]) -> bool:
    """Wait for so long at most; says whether it came."""
    try:
        async with asyncio.timeout(seconds):
            await wait
    except TimeoutError:
        return False
    return True


def _may_leave(engine: Engine) -> bool:
    user_has_word = engine.states.user == "speaking" or engine.orders.turn_is_open
    return not user_has_word and not _obstacle(engine)


def _obstacle(engine: Engine) -> str:
    """What a snapshot does not hold, and what must not be done twice; empty where there is none."""
    tools = [run.call.name for run in engine.runner.running if not run.idempotent]
    if tools:
        return f"a tool is at work that must not be cut off: {', '.join(tools)}"
    waiting = engine.switchboard.activities[:-1]
    if waiting:
        return f"a task has the word, and code waits for its result: {engine.activity.agent.id}"
    if engine.switchboard.is_changing:
        return "an agent is handing over to another one"
    if any(activity.is_taking_turn for activity in engine.switchboard.activities):
        return "the app is looking at what the user has said (on_user_turn_completed)"
    return ""
