"""The watch over all children, under virtual time."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from agentd.figures import here
from agentd.figures.families import CHILD_ANSWER
from agentd.logs.record import EXCEPTION
from agentd.protocol.frames import LogValue
from agentd.protocol.ids import ChildId
from agentd.supervisor.health import Health
from agentd.supervisor.heartbeat import Patience
from agentd.supervisor.memory import MemoryLimits
from agentd.supervisor.procfs import Memory
from agentd.supervisor.stacks import Stacks
from agentd.testing.virtual_time import VirtualTimeLoop, run_virtual

PATIENCE = Patience(warn_after=1.0, replace_after=15.0)
NO_LIMITS = MemoryLimits(warn_mb=0, limit_mb=0)
STACKS_SECONDS = 0.1


class FakeChild:
    """Answers pings at once, unless it is blocked; says when it was asked."""

    def __init__(self, name: str = "c1", state: str = "running") -> None:
        self.id = ChildId(name)
        self.pid: int | None = 4711
        self.state = state
        self.health: Health | None = None
        self.blocked = False
        self.pings: list[float] = []
        self.stacks_taken: list[float] = []
        self.kills: list[tuple[float, str]] = []
        self.last_seq = 0

    @property
    def has_job(self) -> bool:
        return self.state == "running"

    def send_ping(self, seq: int) -> None:
        self.pings.append(now())
        self.last_seq = seq
        if not self.blocked:
            self.answer()

    def answer(self) -> None:
        """Send the pong that is owed."""
        assert self.health is not None
        asyncio.get_running_loop().call_soon(self.health.handle_pong, self, self.last_seq)

    async def take_stacks(self) -> Stacks:
        self.stacks_taken.append(now())
        await asyncio.sleep(STACKS_SECONDS)
        return Stacks(text='  File "app.py", line 3 in entry')

    def kill(self, why: str) -> None:
        self.kills.append((now(), why))

    def fields(self) -> dict[str, LogValue]:
        return {"child": self.id}


def now() -> float:
    """Virtual seconds, to the hundredth."""
    return round(asyncio.get_running_loop().time(), 2)


@asynccontextmanager
async def watched(
    *children: FakeChild,
    limits: MemoryLimits = NO_LIMITS,
    memory: list[float] | None = None,
) -> AsyncIterator[Health]:
    """A watch over some children; `memory` are the samples to come."""
    samples = iter(memory or [])

    def measure(_pid: int) -> Memory | None:
        used = next(samples, None)
        return None if used is None else Memory(rss_mb=used + 50, private_mb=used)

    health = Health(PATIENCE, limits, lambda: children, measure=measure)
    for child in children:
        child.health = health
    health.look()
    yield health
    await health.aclose()


def lines(caplog: pytest.LogCaptureFixture, action: str) -> list[logging.LogRecord]:
    """The log's records of one action."""
    return [record for record in caplog.records if record.__dict__.get("action") == action]


@pytest.fixture(autouse=True)
def all_lines(caplog: pytest.LogCaptureFixture) -> None:
    """Hear the info lines too."""
    caplog.set_level(logging.DEBUG, "agentd")


def test_a_running_child_is_asked_every_second_and_an_idle_one_every_ten() -> None:
    """At the same moments."""
    running, idle = FakeChild("c1"), FakeChild("c2", "idle")

    async def scenario() -> None:
        async with watched(running, idle):
            await asyncio.sleep(20.5)

    run_virtual(scenario())

    assert running.pings == [float(second) for second in range(1, 21)]
    assert idle.pings == [10.0, 20.0]


def test_without_children_nothing_runs() -> None:
    """No timer is left, which the virtual loop calls a deadlock."""
    child = FakeChild()

    async def scenario() -> None:
        async with watched(child) as health:
            child.state = "stopping"
            health.look()
            await asyncio.Event().wait()

    with pytest.raises(RuntimeError, match="no timer is set"):
        run_virtual(scenario())

    assert child.pings == []


def test_a_blocked_child_is_warned_about_with_its_stacks_then_replaced(
    caplog: pytest.LogCaptureFixture,
) -> None:
    """One warning; new stacks before the kill."""
    child = FakeChild()
    child.blocked = True

    async def scenario() -> str:
        async with watched(child) as health:
            await asyncio.sleep(40)
            chart = health.discharge(child.id)
            assert chart is not None
            return chart.stacks

    stacks = run_virtual(scenario())

    (warning,) = lines(caplog, "child_blocked")
    assert "app.py" in warning.__dict__[EXCEPTION]
    assert child.stacks_taken == [2.02, 16.02]
    assert child.kills == [(16.12, "its event loop was blocked for 15 s")]
    assert "app.py" in stacks


def test_a_child_that_answers_again_is_said_to(caplog: pytest.LogCaptureFixture) -> None:
    """One line after the warning, with the time; its stacks are no part of a later end."""
    child = FakeChild()
    child.blocked = True

    async def scenario() -> str:
        async with watched(child) as health:
            await asyncio.sleep(4)
            child.blocked = False
            child.answer()
            await asyncio.sleep(30)
            chart = health.discharge(child.id)
            assert chart is not None
            return chart.stacks

    stacks = run_virtual(scenario())

    (line,) = lines(caplog, "child_unblocked")
    assert line.__dict__["blocked_for"] == 3.0
    assert len(lines(caplog, "child_blocked")) == 1
    assert child.kills == []
    assert stacks == ""


def test_an_answer_amid_the_warning_is_told_after_it(caplog: pytest.LogCaptureFixture) -> None:
    """The stacks take their time; the order of the lines is that of the events."""
    child = FakeChild()
    child.blocked = True

    async def scenario() -> None:
        async with watched(child):
            await asyncio.sleep(2.05)
            child.blocked = False
            child.answer()
            await asyncio.sleep(10)

    run_virtual(scenario())

    actions = [record.__dict__.get("action") for record in caplog.records]
    assert actions == ["child_blocked", "child_unblocked"]


def test_a_pong_that_waits_to_be_read_is_no_block(caplog: pytest.LogCaptureFixture) -> None:
    """It was in our socket when the timer fired."""
    child = FakeChild()
    child.blocked = True

    async def scenario() -> None:
        async with watched(child):
            await asyncio.sleep(2.01)
            child.blocked = False
            child.answer()
            await asyncio.sleep(10)

    run_virtual(scenario())

    assert caplog.records == []
    assert child.stacks_taken == []


def test_an_answer_while_the_last_stacks_are_taken_saves_the_child() -> None:
    """It lives, and its job goes on in it."""
    child = FakeChild()
    child.blocked = True

    async def scenario() -> None:
        async with watched(child):
            await asyncio.sleep(16.05)
            child.blocked = False
            child.answer()
            await asyncio.sleep(10)

    run_virtual(scenario())

    assert child.stacks_taken == [2.02, 16.02]
    assert child.kills == []


def test_a_child_that_ends_its_job_meanwhile_is_not_killed() -> None:
    """It is on its way out, with a deadline of its own."""
    child = FakeChild()
    child.blocked = True

    async def scenario() -> None:
        async with watched(child) as health:
            await asyncio.sleep(16.05)
            child.state = "stopping"
            health.look()
            await asyncio.sleep(10)

    run_virtual(scenario())

    assert child.kills == []


class AbsentLoop(VirtualTimeLoop):
    """A loop that can be away for a while, as a stopped process is."""

    def be_away(self, seconds: float) -> None:
        """Let time pass in which nothing runs."""
        self._jumping.now += seconds


@pytest.mark.parametrize("silent_for", [0.0, 1.5])
def test_a_gap_of_our_own_kills_nobody(caplog: pytest.LogCaptureFixture, silent_for: float) -> None:
    """A stopped supervisor finds its children silent, and gives them their time anew."""
    child = FakeChild()
    child.blocked = silent_for > 0

    async def scenario() -> None:
        async with watched(child):
            await asyncio.sleep(1.25 + silent_for)
            loop = asyncio.get_running_loop()
            assert isinstance(loop, AbsentLoop)
            loop.be_away(60.0)
            child.blocked = False
            await asyncio.sleep(5)

    with asyncio.Runner(loop_factory=AbsentLoop) as runner:
        runner.run(scenario())

    assert len(lines(caplog, "heartbeats_afresh")) == 1
    assert child.kills == []


def test_a_child_that_is_still_blocked_after_our_gap_is_replaced() -> None:
    """Fifteen seconds after we are back."""
    child = FakeChild()
    child.blocked = True

    async def scenario() -> None:
        async with watched(child):
            await asyncio.sleep(1.5)
            loop = asyncio.get_running_loop()
            assert isinstance(loop, AbsentLoop)
            loop.be_away(60.0)
            await asyncio.sleep(30)

    with asyncio.Runner(loop_factory=AbsentLoop) as runner:
        runner.run(scenario())

    assert child.kills == [(76.62, "its event loop was blocked for 15 s")]


def test_a_closed_watch_asks_nobody() -> None:
    """Also when it is told of changes after."""
    child = FakeChild()

    async def scenario() -> None:
        async with watched(child) as health:
            await health.aclose()
            health.discharge(child.id)
            await asyncio.sleep(5)

    run_virtual(scenario())

    assert child.pings == []


def test_memory_is_sampled_every_five_seconds_and_warned_about_once(
    caplog: pytest.LogCaptureFixture,
) -> None:
    """And again when it has grown by half."""
    child = FakeChild()
    samples = [400.0, 510.0, 600.0, 764.0, 766.0, 800.0]

    async def scenario() -> None:
        limits = MemoryLimits(warn_mb=500, limit_mb=0)
        async with watched(child, limits=limits, memory=samples):
            await asyncio.sleep(31)

    run_virtual(scenario())

    warnings = lines(caplog, "child_memory")
    assert [record.__dict__["memory_mb"] for record in warnings] == [510.0, 766.0]
    assert child.kills == []


def test_a_child_over_its_memory_limit_is_replaced() -> None:
    """The reason has the figures."""
    child = FakeChild()

    async def scenario() -> bool:
        limits = MemoryLimits(warn_mb=500, limit_mb=800)
        async with watched(child, limits=limits, memory=[300.0, 811.7]) as health:
            await asyncio.sleep(11)
            chart = health.discharge(child.id)
            assert chart is not None
            return chart.over_limit

    over_limit = run_virtual(scenario())

    assert child.kills == [(10.0, "memory limit: 812 MB, the limit is 800")]
    assert over_limit


def test_an_idle_child_is_not_weighed() -> None:
    """Its memory is its template's."""
    child = FakeChild(state="idle")

    async def scenario() -> None:
        limits = MemoryLimits(warn_mb=1, limit_mb=2)
        async with watched(child, limits=limits, memory=[900.0] * 10):
            await asyncio.sleep(30)

    run_virtual(scenario())

    assert child.kills == []


def test_the_answers_of_children_with_a_job_are_measured() -> None:
    """Each of them; a warm one's are not, for nobody waits for it."""
    here.take()

    async def beat() -> None:
        async with watched(FakeChild("c1"), FakeChild("c2", state="idle")):
            await asyncio.sleep(20.5)

    run_virtual(beat())

    [(_, counts, total)] = here.bins(CHILD_ANSWER)
    assert (counts[-1], total) == (20, 0.0)


def test_the_latest_sample_of_a_childs_memory_is_known() -> None:
    """While it is there."""

    async def sample() -> list[float | None]:
        async with watched(FakeChild("c1"), memory=[40.0, 41.0]) as health:
            before = health.memory_mb(ChildId("c1"))
            await asyncio.sleep(11.0)
            after = health.memory_mb(ChildId("c1"))
            health.discharge(ChildId("c1"))
            return [before, after, health.memory_mb(ChildId("c1"))]

    assert run_virtual(sample()) == [None, 41.0, None]
