"""Claims that an earlier daemon began and did not finish, on virtual time."""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator, Coroutine
from contextlib import asynccontextmanager
from typing import Any

import pytest

from agentd.aio.tasks import TaskOwner, cancel_and_wait
from agentd.aio.timing import now
from agentd.dispatch.claim import CREATE_TIMEOUT, begin
from agentd.dispatch.claimbook import ClaimBook
from agentd.dispatch.leftclaims import MAX_AGE, REGISTER_TIMEOUT
from agentd.dispatch.reconcile import FINISH_TIMEOUT, Reconciler
from agentd.settings.model import ReconcileSettings
from agentd.testing.virtual_time import run_virtual
from tests.support.reconciling import ClaimNotes, StubHost
from tests.support.scripted_rooms import ScriptedRooms, broken


class Left:
    """What a daemon has left that was killed with one claim under way."""

    def __init__(self, *, deleted: bool, registered: bool = True, call_takes: float = 0.0) -> None:
        self.rooms = ScriptedRooms(call_takes=call_takes)
        self.notes = ClaimNotes()
        self.host = StubHost(0)
        self.old = ""
        self._deleted = deleted
        if not registered:
            self.host.registered.clear()

    async def leave(self) -> None:
        """The daemon begins the claim, and is killed before or after the deletion."""
        self.old = self.rooms.add("r", metadata="m", created_at=now() - 20.0)
        await ClaimBook(self.notes).begin(begin(self.rooms, self.rooms.dispatches[self.old]))
        if self._deleted:
            del self.rooms.dispatches[self.old]

    def reconciler(self, reconcile: Any = "on") -> Reconciler:
        """Of the next daemon, which has no room for a job."""
        return Reconciler(
            ReconcileSettings(reconcile=reconcile),
            self.rooms,
            "bot",
            self.host,
            ClaimBook(self.notes),
            rng=random.Random(7),
        )

    @asynccontextmanager
    async def next_daemon(self, reconcile: Any = "on") -> AsyncIterator[Reconciler]:
        """Its reconciler, at work for the length of a block."""
        reconciler = self.reconciler(reconcile)
        async with TaskOwner("test") as owner:
            owner.start(reconciler.run(), name="reconciler")
            yield reconciler


def virtual(test: Coroutine[Any, Any, None]) -> None:
    run_virtual(test)


def actions(caplog: pytest.LogCaptureFixture) -> list[tuple[str, str]]:
    """What was told of dispatches, and why."""
    return [(r.__dict__["action"], r.__dict__["reason"]) for r in caplog.records]


@pytest.mark.parametrize("reconcile", ["on", "off"])
def test_a_dispatch_that_was_deleted_is_made_again_once(
    reconcile: str, caplog: pytest.LogCaptureFixture
) -> None:
    """Also where the reconciler is off now: it was us who deleted it. No daemon does it again."""

    async def scenario() -> None:
        left = Left(deleted=True)
        await left.leave()
        async with left.next_daemon(reconcile) as reconciler:
            await asyncio.sleep(1)
            assert reconciler.view().recreated == 1
        async with left.next_daemon(reconcile) as reconciler:
            await asyncio.sleep(1)
            assert reconciler.view().recreated == 0

        (new,) = left.rooms.dispatches.values()
        assert (new.room, new.agent_name, new.metadata) == ("r", "bot", "m")
        assert len(left.rooms.made()) == 1
        assert left.notes.over == [left.old]

    virtual(scenario())

    ((action, reason),) = actions(caplog)
    assert action == "dispatch_recreated"
    assert "died" in reason


def test_one_that_was_made_again_before_the_kill_is_not_made_twice(
    caplog: pytest.LogCaptureFixture,
) -> None:
    """The room is looked at first; a twin from before the claim is no proof."""

    async def scenario() -> None:
        left = Left(deleted=True)
        left.rooms.add("r", metadata="m", created_at=now() - 50.0)
        await left.leave()
        left.rooms.add("r", metadata="m")
        async with left.next_daemon():
            await asyncio.sleep(1)

        assert left.rooms.made() == []
        assert left.notes.records == {}

    virtual(scenario())

    ((action, reason),) = actions(caplog)
    assert action == "claim_dropped"
    assert "AD_3" in reason


def test_a_twin_from_before_the_claim_is_another_dispatch() -> None:
    """Two callers' dispatches may be alike; one is served, the other was deleted."""

    async def scenario() -> None:
        left = Left(deleted=True)
        left.rooms.add("r", metadata="m", created_at=now() - 50.0)
        await left.leave()
        async with left.next_daemon():
            await asyncio.sleep(1)

        assert len(left.rooms.made()) == 1

    virtual(scenario())


def test_one_that_was_not_deleted_is_left_to_the_next_look(
    caplog: pytest.LogCaptureFixture,
) -> None:
    """There it is judged like any other: it may have its job by now."""

    async def scenario() -> None:
        left = Left(deleted=False)
        await left.leave()
        async with left.next_daemon():
            await asyncio.sleep(1)
            assert list(left.rooms.dispatches) == [left.old]
            assert left.notes.records == {}
            assert [action for action, _ in actions(caplog)] == ["claim_dropped"]

        left.host.slots = 4
        async with left.next_daemon():
            await asyncio.sleep(1)
            assert len(left.rooms.made()) == len(left.rooms.dispatches) == 1

    virtual(scenario())


def test_while_a_claim_is_looked_into_no_look_claims_the_same_dispatch() -> None:
    """It was not deleted, is stale, and a slot is free; but two hands would make two of it.

    A look would delete it after 0.9 s and make it after 1.2 s: in between it is looked for.
    """

    async def scenario() -> None:
        left = Left(deleted=False, registered=False, call_takes=0.3)
        left.host.slots = 4
        await left.leave()
        async with left.next_daemon():
            await asyncio.sleep(0.65)
            left.host.registered.set()
            await asyncio.sleep(5)

        assert len(left.rooms.made()) == len(left.rooms.dispatches) == 1
        assert left.notes.records == {}

    virtual(scenario())


def test_a_room_that_is_gone_gets_no_dispatch(caplog: pytest.LogCaptureFixture) -> None:
    """To make one would make the room anew, with nobody in it."""

    async def scenario() -> None:
        left = Left(deleted=True)
        await left.leave()
        left.rooms.rooms.clear()
        async with left.next_daemon():
            await asyncio.sleep(1)

        assert left.rooms.made() == []
        assert left.notes.records == {}

    virtual(scenario())

    ((action, reason),) = actions(caplog)
    assert action == "claim_dropped"
    assert "the room is gone" in reason


def test_a_claim_that_is_too_old_is_dropped(caplog: pytest.LogCaptureFixture) -> None:
    """Nobody is called by an agent an hour later."""

    async def scenario() -> None:
        left = Left(deleted=True)
        await left.leave()
        await asyncio.sleep(MAX_AGE + 1)
        async with left.next_daemon():
            await asyncio.sleep(1)

        assert left.rooms.calls == []
        assert left.notes.records == {}

    virtual(scenario())

    ((action, reason),) = actions(caplog)
    assert action == "claim_dropped"
    assert f"{MAX_AGE:g} s" in reason


def test_a_record_that_can_not_be_read_is_dropped_and_costs_no_other(
    caplog: pytest.LogCaptureFixture,
) -> None:
    """A daemon of another version may have written it."""

    async def scenario() -> None:
        left = Left(deleted=True)
        left.notes.record_claim("AD_odd", b"\xc1")
        await left.leave()
        async with left.next_daemon():
            await asyncio.sleep(1)

        assert len(left.rooms.made()) == 1
        assert left.notes.records == {}

    virtual(scenario())

    assert [action for action, _ in actions(caplog)] == ["claim_dropped", "dispatch_recreated"]


def test_errors_of_the_api_are_waited_out() -> None:
    """With growing pauses, until it is clear that there is one dispatch."""

    async def scenario() -> None:
        left = Left(deleted=True)
        await left.leave()
        left.rooms.failures["dispatches"] = broken(4)
        left.rooms.failures_after["create"] = broken(1)
        async with left.next_daemon():
            await asyncio.sleep(CREATE_TIMEOUT)

        assert len(left.rooms.dispatches) == 1
        assert left.notes.records == {}

    virtual(scenario())


def test_what_the_server_does_not_take_in_time_is_given_up_and_told(
    caplog: pytest.LogCaptureFixture,
) -> None:
    """Bounded in time and in calls, and the dispatch is named."""

    async def scenario() -> None:
        left = Left(deleted=True)
        await left.leave()
        left.rooms.failures["dispatches"] = broken(10_000)
        async with left.next_daemon():
            await asyncio.sleep(CREATE_TIMEOUT + 10)
            calls = len(left.rooms.calls)
            await asyncio.sleep(600)

            assert len(left.rooms.calls) == calls < 40
            assert left.notes.records == {}

    virtual(scenario())

    assert [action for action, _ in actions(caplog)] == ["reconcile_claim_failed"]


def test_it_is_made_again_when_we_can_take_it() -> None:
    """Made before we are registered it would be forgotten, and wait for 12 s more."""

    async def scenario() -> None:
        left = Left(deleted=True, registered=False)
        await left.leave()
        async with left.next_daemon():
            await asyncio.sleep(5)
            assert left.rooms.calls == []
            left.host.registered.set()
            await asyncio.sleep(0.5)

            assert len(left.rooms.made()) == 1

    virtual(scenario())


def test_a_daemon_that_never_registers_tries_all_the_same() -> None:
    """Another host may take it."""

    async def scenario() -> None:
        left = Left(deleted=True, registered=False)
        await left.leave()
        async with left.next_daemon():
            await asyncio.sleep(REGISTER_TIMEOUT + 0.5)

            assert len(left.rooms.made()) == 1

    virtual(scenario())


def test_a_stop_before_it_could_be_made_leaves_it_to_the_daemon_after() -> None:
    """It holds up neither the start nor the stop."""

    async def scenario() -> None:
        left = Left(deleted=True)
        await left.leave()
        left.rooms.failures["dispatches"] = broken(10_000)
        async with TaskOwner("test") as owner:
            running = owner.start(left.reconciler().run(), name="reconciler")
            await asyncio.sleep(1)
            asked_at = now()
            await cancel_and_wait(running)
            assert now() - asked_at <= FINISH_TIMEOUT
        left.rooms.failures.clear()
        async with left.next_daemon():
            await asyncio.sleep(1)

        assert len(left.rooms.made()) == 1

    virtual(scenario())


def test_a_claim_is_on_disk_before_the_dispatch_is_deleted() -> None:
    """A kill right after the deletion finds it there."""

    async def scenario() -> None:
        rooms, notes = ScriptedRooms(), ClaimNotes(flush_takes=0.3)
        old = rooms.add("r", created_at=-100.0)
        reconciler = Reconciler(ReconcileSettings(), rooms, "bot", StubHost(4), ClaimBook(notes))
        async with TaskOwner("test") as owner:
            owner.start(reconciler.run(), name="reconciler")
            await asyncio.sleep(1)

        assert notes.flushed == [[old]]
        (deleted_at,) = rooms.asked("delete")
        assert deleted_at >= 0.3

    virtual(scenario())


def test_a_reconciler_that_failed_and_is_run_again_still_claims() -> None:
    """The tree restarts it as it is."""

    async def scenario() -> None:
        rooms, notes = ScriptedRooms(), ClaimNotes()
        reconciler = Reconciler(ReconcileSettings(), rooms, "bot", StubHost(4), ClaimBook(notes))
        rooms.failures["rooms"] = [ZeroDivisionError()]
        with pytest.raises(ZeroDivisionError):
            await reconciler.run()
        rooms.add("r", created_at=-100.0)
        async with TaskOwner("test") as owner:
            owner.start(reconciler.run(), name="reconciler")
            await asyncio.sleep(5)

        assert len(rooms.made()) == 1

    virtual(scenario())
