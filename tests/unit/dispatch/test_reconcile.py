"""The reconciler on virtual time, against rooms in memory."""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator, Coroutine
from contextlib import asynccontextmanager
from itertools import pairwise
from typing import Any

import pytest

from agentd.aio.tasks import TaskOwner, cancel_and_wait
from agentd.aio.timing import now
from agentd.dispatch.claimbook import ClaimBook
from agentd.dispatch.reconcile import Reconciler
from agentd.dispatch.seen import JobSeen
from agentd.dispatch.tidy import MAX_ENDED
from agentd.settings.model import ReconcileSettings
from agentd.testing.virtual_time import run_virtual
from tests.support.reconciling import ClaimNotes, StubHost
from tests.support.scripted_rooms import ScriptedRooms, broken

AGENT = JobSeen(id="AJ_1", identity="agent-1")


@asynccontextmanager
async def reconciling(
    rooms: ScriptedRooms,
    host: StubHost,
    settings: ReconcileSettings | None = None,
    *,
    notes: ClaimNotes | None = None,
) -> AsyncIterator[Reconciler]:
    """A reconciler at work for the length of a block."""
    reconciler = reconciler_of(rooms, host, settings, notes=notes)
    async with TaskOwner("test") as owner:
        owner.start(reconciler.run(), name="reconciler")
        yield reconciler


def reconciler_of(
    rooms: ScriptedRooms,
    host: StubHost,
    settings: ReconcileSettings | None = None,
    *,
    notes: ClaimNotes | None = None,
) -> Reconciler:
    """One for dispatches of "bot"."""
    return Reconciler(
        settings or ReconcileSettings(),
        rooms,
        "bot",
        host,
        ClaimBook(notes or ClaimNotes()),
        rng=random.Random(7),
    )


def virtual(test: Coroutine[Any, Any, None]) -> None:
    run_virtual(test)


def test_a_forgotten_dispatch_is_made_again_when_it_is_12_s_old() -> None:
    """Once: with its room and metadata, and the journal has it until it is done."""

    async def scenario() -> None:
        rooms, host, notes = ScriptedRooms(), StubHost(4), ClaimNotes()
        old = rooms.add("r", metadata="m")
        async with reconciling(rooms, host, notes=notes) as reconciler:
            await asyncio.sleep(20)

            (at,) = rooms.made()
            assert 12.0 <= at <= 12.5
            (new,) = rooms.dispatches.values()
            assert (new.room, new.agent_name, new.metadata) == ("r", "bot", "m")
            assert notes.flushed == [[old]]
            assert notes.over == [old]
            assert reconciler.view().recreated == 1

    virtual(scenario())


def test_what_is_not_ours_or_has_an_agent_is_left_alone() -> None:
    """Another name's dispatch, a live agent of another host, a job of our own."""

    async def scenario() -> None:
        rooms, host = ScriptedRooms(), StubHost(4, {"AJ_2": "ours", "AJ_3": "hidden"})
        rooms.add("theirs", agent_name="parrot")
        rooms.add("theirs", agent_name="")
        rooms.add("served", jobs=(AGENT,))
        rooms.people["served"] = ["agent-1"]
        rooms.add("ours", jobs=(JobSeen(id="AJ_2", identity="agent-2"),))
        rooms.add("hidden")
        async with reconciling(rooms, host):
            await asyncio.sleep(600)

            assert rooms.asked("delete") == []
            assert rooms.asked("participants") != []

    virtual(scenario())


def test_an_agent_that_leaves_with_its_host_is_replaced_within_5_s() -> None:
    """Its ghost leaves after 100 s; the dispatch is made again soon, and not before."""

    async def scenario() -> None:
        rooms, host = ScriptedRooms(), StubHost(4)
        rooms.add("r", jobs=(AGENT,))
        rooms.people["r"] = ["agent-1"]
        async with reconciling(rooms, host):
            await asyncio.sleep(100)
            assert rooms.made() == []
            rooms.people["r"] = []
            await asyncio.sleep(5)

            (at,) = rooms.made()
            assert at - 100 < 4.0

    virtual(scenario())


def test_an_agent_that_is_back_at_the_next_look_is_not_replaced() -> None:
    """It was resumed in another process."""

    async def scenario() -> None:
        rooms, host = ScriptedRooms(), StubHost(4)
        rooms.add("r", jobs=(AGENT,))
        rooms.people["r"] = ["agent-1"]
        async with reconciling(rooms, host):
            await asyncio.sleep(40)
            rooms.people["r"] = []
            rooms.asked_next.clear()
            await rooms.asked_next.wait()  # for the list of rooms ...
            await asyncio.sleep(0.5)  # ... and for who is there
            rooms.people["r"] = ["agent-1"]
            await asyncio.sleep(60)

            assert rooms.made() == []

    virtual(scenario())


def test_nothing_is_asked_while_there_is_no_room_and_soon_when_there_is() -> None:
    """No timer either: a full daemon is woken by a poke, and by nothing else."""

    async def scenario() -> None:
        rooms, host = ScriptedRooms(), StubHost(0)
        rooms.add("r")
        async with reconciling(rooms, host) as reconciler:
            await asyncio.sleep(100)
            assert rooms.calls == []
            assert reconciler.view().next_look_in is None
            host.slots = 1
            reconciler.poke()
            await asyncio.sleep(1)

            (at,) = rooms.made()
            assert at == pytest.approx(100.25)

    virtual(scenario())


def test_no_more_are_made_again_than_there_are_slots() -> None:
    """The oldest first; the others keep their place."""

    async def scenario() -> None:
        rooms, host = ScriptedRooms(), StubHost(2)
        old = [rooms.add(f"r{number}", created_at=-100.0 + number) for number in range(5)]
        async with reconciling(rooms, host) as reconciler:
            await asyncio.sleep(0.5)
            assert len(rooms.made()) == 2
            host.slots = 0
            await asyncio.sleep(50)
            assert len(rooms.made()) == 2
            host.slots = 3
            reconciler.poke()
            await asyncio.sleep(5)

            assert set(old).isdisjoint(rooms.dispatches)

    virtual(scenario())


def test_of_two_who_race_one_makes_it_again() -> None:
    """The other counts a lost race, and does nothing."""

    async def scenario() -> None:
        rooms = ScriptedRooms(call_takes=0.01)
        hosts = [StubHost(4), StubHost(4)]
        for number in range(8):
            rooms.add(f"r{number}")
        async with (
            reconciling(rooms, hosts[0]) as first,
            reconciling(rooms, hosts[1]) as second,
        ):
            await asyncio.sleep(23)

            views = first.view(), second.view()
            assert sum(view.recreated for view in views) == 8
            assert sum(view.races_lost for view in views) > 0
            assert len(rooms.made()) == 8

    virtual(scenario())


def test_what_nobody_takes_is_made_again_at_growing_pauses() -> None:
    """An app that declines every offer costs less and less."""

    async def scenario() -> None:
        rooms, host = ScriptedRooms(), StubHost(4)
        rooms.add("r")
        async with reconciling(rooms, host):
            await asyncio.sleep(3000)

            at = [0.0, *rooms.made()]
            pauses = [later - earlier for earlier, later in pairwise(at)]
            assert pauses[:8] == pytest.approx([12, 12, 24, 48, 96, 192, 300, 300], abs=0.5)

    virtual(scenario())


def test_errors_of_the_api_are_waited_out_with_growing_pauses() -> None:
    """And then all goes on; no poke shortens a pause."""

    async def scenario() -> None:
        rooms, host = ScriptedRooms(), StubHost(4)
        rooms.add("r", created_at=-100.0)
        rooms.failures["rooms"] = broken(12)
        async with reconciling(rooms, host) as reconciler:
            for _ in range(100):
                reconciler.poke()
                await asyncio.sleep(0.05)
            view = reconciler.view()
            assert view.last_error == "unavailable: try later"
            assert view.errors == len(rooms.asked("rooms")) < 12
            await asyncio.sleep(300)

            assert len(rooms.made()) > 0
            assert reconciler.view().last_error == ""
            assert reconciler.view().errors == 12

    virtual(scenario())


@pytest.mark.parametrize("call", ["delete", "create"])
@pytest.mark.parametrize("done", [True, False])
def test_a_call_of_unknown_outcome_is_not_done_twice(call: str, done: bool) -> None:
    """A timeout, whether or not the server had done what it was asked: one dispatch is there."""

    async def scenario() -> None:
        rooms, host = ScriptedRooms(), StubHost(4)
        old = rooms.add("r", created_at=-100.0)
        (rooms.failures_after if done else rooms.failures)[call] = broken(1)
        async with reconciling(rooms, host):
            await asyncio.sleep(9)

            assert len(rooms.dispatches) == 1
            assert old not in rooms.dispatches
            assert len(rooms.made()) <= 2

    virtual(scenario())


def test_being_cancelled_between_the_two_calls_loses_no_dispatch() -> None:
    """What is claimed is made again before the reconciler ends."""

    async def scenario() -> None:
        rooms, host = ScriptedRooms(call_takes=0.5), StubHost(4)
        rooms.add("r", created_at=-100.0)
        reconciler = reconciler_of(rooms, host)
        async with TaskOwner("test") as owner:
            running = owner.start(reconciler.run(), name="reconciler")
            await asyncio.sleep(1.2)  # the two lists take 0.5 s each
            assert rooms.asked("delete") == [1.0]
            await cancel_and_wait(running)

            assert len(rooms.made()) == len(rooms.dispatches) == 1

    virtual(scenario())


def test_a_room_that_closed_meanwhile_costs_nobody_else_anything() -> None:
    """The others are looked at all the same."""

    async def scenario() -> None:
        rooms, host = ScriptedRooms(), StubHost(4)
        rooms.add("r2", created_at=-100.0)
        rooms.add("r1", created_at=-100.0)
        list_rooms = rooms.list_rooms
        rooms.list_rooms = list_rooms_then_close(rooms, list_rooms, "r1")  # type: ignore[method-assign]
        async with reconciling(rooms, host):
            await asyncio.sleep(1)

            assert rooms.made_in == ["r2"]

    virtual(scenario())


def list_rooms_then_close(rooms: ScriptedRooms, list_rooms: Any, name: str) -> Any:
    """Lists a room for the last time."""

    async def listing() -> Any:
        listed = await list_rooms()
        rooms.rooms.discard(name)
        return listed

    return listing


def test_calls_keep_to_the_rate_and_every_room_has_its_turn() -> None:
    """1000 rooms at 20 calls a second: never more than 40 in a second, all seen in 60 s."""

    async def scenario() -> None:
        rooms, host = ScriptedRooms(), StubHost(4)
        for number in range(1000):
            rooms.add(f"r{number}", agent_name="parrot")
        async with reconciling(rooms, host):
            await asyncio.sleep(60)
            rooms.add("new", created_at=now() - 100)
            await asyncio.sleep(6)

            at = [instant for instant, _, _ in rooms.calls]
            seen = {room for _, call, room in rooms.calls if call == "dispatches"}
            assert len(at) <= 20 * 67
            assert max(sum(1 for each in at if t <= each < t + 1) for t in range(66)) <= 40
            assert len(seen) == 1001
            assert rooms.made_in == ["new"]

    virtual(scenario())


def test_the_dispatch_of_an_ended_job_is_deleted_also_while_full() -> None:
    """So that nobody takes the end of a call for the death of a host."""

    async def scenario() -> None:
        rooms, host = ScriptedRooms(), StubHost(0)
        ended = rooms.add("r", jobs=(AGENT,))
        rooms.failures["delete"] = broken(2)
        async with reconciling(rooms, host) as reconciler:
            await asyncio.sleep(10)
            reconciler.job_ended("r", ended)
            await asyncio.sleep(5)

            assert rooms.dispatches == {}
            assert len(rooms.asked("delete")) == 3
            assert rooms.made() == []

    virtual(scenario())


def test_ended_jobs_are_tidied_before_the_reconciler_ends() -> None:
    """Those that end in a drain, too."""

    async def scenario() -> None:
        rooms, host = ScriptedRooms(), StubHost(0)
        ended = rooms.add("r", jobs=(AGENT,))
        async with reconciling(rooms, host) as reconciler:
            await asyncio.sleep(1)
            reconciler.job_ended("r", ended)

        assert rooms.dispatches == {}

    virtual(scenario())


def test_ended_jobs_that_wait_are_bounded(caplog: pytest.LogCaptureFixture) -> None:
    """With a server that never answers, the oldest is given up, and this is said."""

    async def scenario() -> None:
        rooms, host = ScriptedRooms(), StubHost(0)
        rooms.failures["delete"] = broken(10_000)
        reconciler = reconciler_of(rooms, host)
        for number in range(MAX_ENDED + 1):
            reconciler.job_ended("r", f"AD_{number}")

    virtual(scenario())

    assert [record.__dict__["dispatch"] for record in caplog.records] == ["AD_0"]


def test_turned_off_it_asks_nothing() -> None:
    """Neither looks nor tidies, and says so."""

    async def scenario() -> None:
        rooms, host = ScriptedRooms(), StubHost(4)
        ended = rooms.add("r", created_at=-100.0)
        async with reconciling(rooms, host, ReconcileSettings(reconcile="off")) as reconciler:
            reconciler.poke()
            reconciler.job_ended("r", ended)
            await asyncio.sleep(100)

            assert rooms.calls == []
            assert not reconciler.view().enabled

    virtual(scenario())
