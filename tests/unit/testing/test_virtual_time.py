"""The loop whose clock jumps."""

from __future__ import annotations

import asyncio

import pytest

from agentd.testing.virtual_time import run_virtual


def test_a_long_sleep_costs_no_time_and_ends_at_its_instant() -> None:
    """An hour passes at once, and the clock shows exactly an hour."""

    async def sleep_an_hour() -> float:
        await asyncio.sleep(3600)
        return asyncio.get_running_loop().time()

    assert run_virtual(sleep_an_hour()) == 3600


def test_timers_fire_in_order_at_exact_instants() -> None:
    """Fractions add up as a person would add them."""
    instants: list[float] = []

    async def note_after(delay: float) -> None:
        await asyncio.sleep(delay)
        instants.append(asyncio.get_running_loop().time())

    async def both() -> None:
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(note_after(0.3))
            tasks.create_task(note_after(0.1))
        await note_after(0.2)

    run_virtual(both())

    assert instants == [0.1, 0.3, 0.5]


def test_a_timeout_fires_on_the_virtual_clock() -> None:
    """`asyncio.timeout` uses the same clock."""

    async def wait_too_long() -> float:
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(10):
                await asyncio.Event().wait()
        return asyncio.get_running_loop().time()

    assert run_virtual(wait_too_long()) == 10


def test_waiting_for_what_can_never_happen_is_an_error() -> None:
    """A test that would hang says so instead."""
    with pytest.raises(RuntimeError, match="deadlock"):
        run_virtual(asyncio.Event().wait())


def test_the_clock_starts_at_zero() -> None:
    """Each loop has a clock of its own."""

    async def read_clock() -> float:
        return asyncio.get_running_loop().time()

    assert run_virtual(read_clock()) == 0


def test_what_a_callback_raises_fails_the_test() -> None:
    """The loop would only log it."""

    async def scene() -> None:
        asyncio.get_running_loop().call_soon(int, "no number")
        await asyncio.sleep(1.0)

    with pytest.raises(ValueError, match="no number"):
        run_virtual(scene())
