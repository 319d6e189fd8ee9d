"""A child's figures on their way to the supervisor."""

from __future__ import annotations

import asyncio
from typing import cast

import pytest

from agentd.child.figures import PAUSE, FiguresLine
from agentd.child.supervisor_line import SupervisorLine
from agentd.figures import Tally
from agentd.figures.families import TURN_LATENCY, TURNS
from agentd.protocol.frames import Counted, Frame
from agentd.testing.virtual_time import run_virtual


class FakeLine:
    """A line to a supervisor that may be away, or read nothing."""

    def __init__(self) -> None:
        self.connected = True
        self.has_room = True
        self.offered = asyncio.Event()
        self.sent: list[tuple[float, Counted]] = []

    def offer(self, frame: Frame) -> bool:
        """Take a frame, if there is room."""
        assert isinstance(frame, Counted)
        self.offered.set()
        if self.has_room:
            self.sent.append((asyncio.get_running_loop().time(), frame))
        return self.has_room

    def turns(self) -> list[float]:
        """How many turns each frame tells."""
        return [sum(count.amount for count in frame.counts) for _, frame in self.sent]


def make() -> tuple[FakeLine, Tally, FiguresLine]:
    """A line, a tally, and what sends it; started."""
    line, tally = FakeLine(), Tally()
    tally.add(TURNS)  # in the template
    figures = FiguresLine(cast("SupervisorLine", line), tally)
    figures.start()
    return line, tally, figures


def test_what_comes_within_a_second_is_one_frame() -> None:
    """And nothing is sent while nothing is counted."""

    async def scenario() -> FakeLine:
        line, tally, _ = make()
        began_at = asyncio.get_running_loop().time()
        await asyncio.sleep(60)
        for _ in range(4):
            tally.add(TURNS)
            tally.observe(TURN_LATENCY, 0.5, stage="e2e")
            await asyncio.sleep(0.4 * PAUSE)
        tally.note_turn({"e2e": 0.5})
        await asyncio.sleep(60)
        line.sent = [(at - began_at, frame) for at, frame in line.sent]
        return line

    line = run_virtual(scenario())

    assert [round(at, 3) for at, _ in line.sent] == [61.0, 62.2]
    assert sum(line.turns()) == 4
    assert line.sent[-1][1].spreads[0].name == "turn_latency_seconds"


def test_the_end_is_told_at_once_with_the_last_turn() -> None:
    """How many there were, and how quick the last was."""

    async def scenario() -> FakeLine:
        line, tally, figures = make()
        tally.note_turn({"e2e": 0.7})
        tally.add(TURNS)
        figures.stop()
        return line

    ((_, frame),) = run_virtual(scenario()).sent
    assert (frame.turns, frame.latency, frame.dropped) == (1, {"e2e": 0.7}, 0)


def test_a_frame_without_room_is_counted_and_loses_nothing() -> None:
    """It is tried again after a pause, with what has come since."""

    async def scenario() -> FakeLine:
        line, tally, _ = make()
        line.has_room = False
        tally.add(TURNS)
        await asyncio.sleep(2.5 * PAUSE)
        tally.add(TURNS)
        line.has_room = True
        await asyncio.sleep(PAUSE)
        return line

    line = run_virtual(scenario())

    assert line.turns() == [2]
    assert line.sent[0][1].dropped == 2


def test_without_a_supervisor_it_waits_for_the_next() -> None:
    """Without a timer meanwhile; nothing is lost."""

    async def scenario() -> FakeLine:
        line, tally, figures = make()
        line.connected = False
        tally.add(TURNS)
        await asyncio.sleep(60)
        tally.add(TURNS)
        line.connected = True
        figures.send()
        return line

    assert run_virtual(scenario()).turns() == [2]


def test_a_thread_may_count_first(monkeypatch: pytest.MonkeyPatch) -> None:
    """The user's code may have some."""
    monkeypatch.setattr("agentd.child.figures.PAUSE", 0.01)

    async def scenario() -> FakeLine:
        line, tally, _ = make()
        await asyncio.to_thread(tally.add, TURNS)
        async with asyncio.timeout(10):
            await line.offered.wait()
        return line

    assert asyncio.run(scenario()).turns() == [1]
