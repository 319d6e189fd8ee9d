"""Tests of agentd.aio.progress, on the virtual clock."""

from __future__ import annotations

import asyncio

import pytest

from agentd.aio.progress import ProgressLimit
from agentd.aio.timing import now
from agentd.testing.virtual_time import run_virtual


class Work:
    """Something that may be owed, with a limit of 2 s on standing still."""

    def __init__(self) -> None:
        self.owed = False
        self.limit = ProgressLimit(2.0, lambda: self.owed)

    def comes(self) -> None:
        """There is something to do."""
        self.owed = True
        self.limit.came()


async def hang_after(work: Work, *steps: tuple[float, str]) -> None:
    """An attempt that sees these things happen at these instants, and then does nothing."""
    async with work.limit.attempt():
        for at, step in steps:
            await asyncio.sleep(at - now())
            (getattr(work, step, None) or getattr(work.limit, step))()
        await asyncio.sleep(1000.0)


async def ended_at(work: Work, *steps: tuple[float, str]) -> float:
    """When it is ended."""
    with pytest.raises(TimeoutError):
        await hang_after(work, *steps)
    return now()


def test_an_attempt_that_owes_nothing_may_last() -> None:
    """Silence is nobody's fault."""

    async def scenario() -> float:
        async with Work().limit.attempt():
            await asyncio.sleep(1000.0)
        return now()

    assert run_virtual(scenario()) == 1000.0


def test_an_attempt_that_stands_still_is_ended() -> None:
    """So long after there was something to do, however much more has come since."""
    assert run_virtual(ended_at(Work(), (1.0, "comes"), (2.0, "comes"), (2.9, "comes"))) == 3.0


def test_what_was_there_before_the_attempt_counts() -> None:
    """From the attempt's beginning."""
    work = Work()
    work.owed = True

    assert run_virtual(ended_at(work)) == 2.0


def test_progress_begins_the_time_anew() -> None:
    """While there is more to do."""
    assert run_virtual(ended_at(Work(), (1.0, "comes"), (2.0, "progressed"))) == 4.0


def test_time_stands_still_while_another_is_waited_for() -> None:
    """Also what comes meanwhile is not held against the attempt."""
    steps = [(1.0, "comes"), (2.0, "pause"), (3.0, "comes"), (50.0, "resume")]

    assert run_virtual(ended_at(Work(), *steps)) == 52.0


def test_after_the_end_nothing_is_changed() -> None:
    """A source that goes on after the attempt harms nobody."""
    work = Work()

    async def scenario() -> None:
        await ended_at(work, (0.0, "comes"))
        work.comes()
        work.limit.progressed()

    run_virtual(scenario())
