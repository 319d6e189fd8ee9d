"""The end of a session: steps in a fixed order, none of which can cost another its run."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable

from agentd.aio.timing import now
from agentd.app.usererror import error_fields
from agentd.voice.turns.inputs import ManualCommit

from .engine import Engine

logger = logging.getLogger("agentd.voice")

DRAIN_TIMEOUT = 120.0
"""Seconds that what is being said has to come to its end, where a session closes in good order."""

STEP_TIMEOUT = 10.0
"""Seconds that any other step of closing has."""


async def close(engine: Engine, *, drain: bool) -> None:
    """End a session's parts (row 112). Never raises: what goes wrong is logged.

    Tasks on loan are cancelled; then what is being said is cut off, unless it is to be drained; the
    agent leaves; the user's last words are taken into the history; and then everything stops.
    """
    engine.outages.close()
    engine.switchboard.recall()
    if not drain:
        for speech in engine.speeches.alive:
            speech.interrupt()
    await step("agent", engine.switchboard.drain(), DRAIN_TIMEOUT)
    engine.ears.deafen()
    await take_last_turn(engine)
    engine.driver.close()
    engine.manual.close()
    await step("agents", engine.switchboard.aclose())
    await step("tools", engine.runner.aclose())
    await step("tree", engine.tree.aclose())
    await step("tasks", engine.owner.aclose())
    engine.metering.close()
    await step("adapters", engine.adapters.aclose())
    if engine.log.run is not None:
        engine.log.run.finish()


async def take_last_turn(engine: Engine) -> None:
    """What the user has said and nobody has answered goes into the history."""
    if not engine.orders.turn_is_open and engine.states.user != "speaking":
        return
    timeout = engine.config.options.session_close_transcript_timeout
    taken = engine.manual.ask()
    engine.feed(ManualCommit(at=now(), transcript_timeout=timeout, skip_reply=True))
    await asyncio.wait({taken}, timeout=timeout + 0.1)


async def step(name: str, work: Awaitable[None], timeout: float = STEP_TIMEOUT) -> None:
    """One step of an end: bounded in seconds. What goes wrong is logged, and not raised."""
    try:
        async with asyncio.timeout(timeout):
            await work
    except Exception as error:  # noqa: BLE001 - the other steps must have their turn
        logger.error(
            "a step of a session's end failed; going on with the next",
            extra={"action": "session_close_failed", "step": name, **error_fields(error)},
        )
