"""Waking those who wait for a change."""

from __future__ import annotations

import asyncio

from agentd.aio.bell import Bell
from agentd.aio.timing import now
from agentd.testing.virtual_time import run_virtual


def test_who_waits_looks_at_each_ring() -> None:
    """And goes on when it is so."""

    async def scenario() -> float:
        bell, seen = Bell(), []

        def ring(what: str) -> None:
            seen.append(what)
            bell.ring()

        loop = asyncio.get_running_loop()
        loop.call_later(1.0, ring, "one")
        loop.call_later(2.0, ring, "two")
        await bell.until(lambda: "two" in seen)
        return now()

    assert run_virtual(scenario()) == 2.0


def test_what_is_so_already_is_not_waited_for() -> None:
    """No ring is needed."""
    run_virtual(Bell().until(lambda: True))


def test_something_stays_or_it_does_not() -> None:
    """Told at the end of the time, or at once when it changes."""

    async def scenario() -> list[tuple[bool, float]]:
        bell, state = Bell(), {"quiet": True}

        def speak() -> None:
            state["quiet"] = False
            bell.ring()

        told = [(await bell.stays(lambda: state["quiet"], 3.0), now())]
        asyncio.get_running_loop().call_later(1.0, speak)
        told.append((await bell.stays(lambda: state["quiet"], 3.0), now()))
        return told

    assert run_virtual(scenario()) == [(True, 3.0), (False, 4.0)]
