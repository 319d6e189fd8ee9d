"""A moment at which a conversation may leave its process: nothing is cut off that is lost then."""

from __future__ import annotations

import asyncio

from .closing import take_last_turn
from .engine import Engine
from .toolrun import ToolCallRun

SETTLE_TIMEOUT = 5.0
"""Seconds that are waited for a good moment: no tool at work, and the user does not speak."""


async def settle(engine: Engine) -> str:
    """Wait for a good moment, but not for ever; says why the conversation can't leave, or nothing.

    A user who speaks on is cut short: what he has said so far is in the history, to be answered by
    whoever goes on. A tool that is still at work is not cut off: how it ends could not be known.
    What the agent says is cut off wherever it is; it is said again from its sentence's start.
    """
    try:
        async with asyncio.timeout(SETTLE_TIMEOUT):
            await engine.floor.bell.until(lambda: _may_leave(engine))
    except TimeoutError:
        if tools := _must_not_be_cut(engine):
            names = ", ".join(run.call.name for run in tools)
            return f"a tool is at work that must not be cut off: {names}"
        await take_last_turn(engine)
    return ""


def _may_leave(engine: Engine) -> bool:
    user_has_word = engine.states.user == "speaking" or engine.orders.turn_is_open
    return not (user_has_word or _must_not_be_cut(engine))


def _must_not_be_cut(engine: Engine) -> list[ToolCallRun]:
    return [run for run in engine.runner.running if not run.idempotent]
