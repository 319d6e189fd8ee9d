"""Reconcilers without daemons, for races against a real server."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import Mapping

from msgspec import Struct

from agentd.aio.timing import now, within
from agentd.dispatch.claimbook import ClaimBook
from agentd.dispatch.reconcile import Reconciler
from agentd.dispatch.roomapi import RoomApi
from agentd.dispatch.seen import DispatchSeen
from agentd.dispatch.stale import Thresholds
from agentd.journal.records import ClaimRecord
from agentd.settings.model import LiveKitSettings, ReconcileSettings
from agentd.testing.livekit_server import LiveKitServer

RACE_TIMEOUT = 60.0


class StubHost:
    """A daemon that has so many slots, and no jobs."""

    def __init__(self, slots: int, jobs: Mapping[str, str] | None = None) -> None:
        self.slots = slots
        self.jobs = dict(jobs or {})
        self.registered = asyncio.Event()
        self.registered.set()

    def free_slots(self) -> int:
        return self.slots

    def known_jobs(self) -> Mapping[str, str]:
        return self.jobs


class ClaimNotes:
    """A journal, as far as claims need it; `flushed` is what was on disk at each flush."""

    def __init__(self, *, flush_takes: float = 0.0) -> None:
        self.records: dict[str, ClaimRecord] = {}
        """Claims that are not over, by dispatch."""
        self.over: list[str] = []
        self.flushed: list[list[str]] = []
        self.changed = asyncio.Event()
        """Set whenever a claim is over."""
        self._flush_takes = flush_takes

    def record_claim(self, dispatch: str, data: bytes) -> None:
        if data:
            self.records[dispatch] = ClaimRecord(dispatch=dispatch, time=0.0, data=data)
        else:
            del self.records[dispatch]
            self.over.append(dispatch)
            self.changed.set()

    def record_event(self, kind: str, text: str = "") -> None:
        return

    async def flush(self) -> bool:
        await asyncio.sleep(self._flush_takes)
        self.flushed.append(list(self.records))
        return True

    async def claims(self) -> list[ClaimRecord]:
        return list(self.records.values())


class RaceResult(Struct, kw_only=True):
    """What came of races."""

    races: int
    recreated: int
    """By all racers together."""
    races_lost: int
    left: int
    """Dispatches of the agent name at the end."""
    old_left: int
    """Of these, how many are not new."""
    calls: int
    seconds: float

    def __str__(self) -> str:
        return (
            f"{self.races} races in {self.seconds:.2f} s: {self.recreated} made again, "
            f"{self.races_lost} lost to the other, {self.calls} calls, "
            f"{self.left} dispatches left, {self.old_left} of them old"
        )


async def race(server: LiveKitServer, *, races: int, rooms: int = 4) -> RaceResult:
    """Let two reconcilers with a client each make `races` stale dispatches again at once."""
    settings = LiveKitSettings(url=server.url, api_key=server.api_key, api_secret=server.api_secret)
    clients = [RoomApi(settings) for _ in range(2)]
    name = f"agent-{uuid.uuid4().hex[:8]}"
    names = [f"room-{uuid.uuid4().hex[:8]}" for _ in range(rooms)]
    try:
        old = {
            (await clients[0].create_dispatch(_wanted(name, names[number % rooms], number))).id
            for number in range(races)
        }
        notes = [ClaimNotes() for _ in clients]
        racers = [
            Reconciler(
                ReconcileSettings(reconcile_max_rate=10_000),
                OnlyThese(client, old),
                name,
                StubHost(races),
                ClaimBook(journal),
                thresholds=Thresholds(stale_after=0.0),
            )
            for client, journal in zip(clients, notes, strict=True)
        ]
        began_at = now()
        await _run_until_all_made(racers, notes, races)
        seconds = now() - began_at
        left = [
            each.id
            for room in names
            for each in await clients[0].list_dispatches(room)
            if each.agent_name == name
        ]
    finally:
        for client in clients:
            await client.aclose()
    views = [racer.view() for racer in racers]
    return RaceResult(
        races=races,
        recreated=sum(view.recreated for view in views),
        races_lost=sum(view.races_lost for view in views),
        left=len(left),
        old_left=len(old & set(left)),
        calls=sum(view.calls for view in views),
        seconds=seconds,
    )


def _wanted(agent_name: str, room: str, number: int) -> DispatchSeen:
    return DispatchSeen(id="", room=room, agent_name=agent_name, metadata=f"task {number}")


class OnlyThese:
    """The API, with all but some dispatches hidden: so that one made again is not stale at once."""

    def __init__(self, client: RoomApi, ids: set[str]) -> None:
        self._ids = ids
        self.list_rooms = client.list_rooms
        self.list_participants = client.list_participants
        self.delete_dispatch = client.delete_dispatch
        self.create_dispatch = client.create_dispatch
        self.server_time = client.server_time
        self._list_all = client.list_dispatches

    async def list_dispatches(self, room_name: str) -> list[DispatchSeen]:
        return [each for each in await self._list_all(room_name) if each.id in self._ids]


async def _run_until_all_made(
    racers: list[Reconciler], notes: list[ClaimNotes], races: int
) -> None:
    changed = asyncio.Event()
    for journal in notes:
        journal.changed = changed
    async with asyncio.TaskGroup() as tasks:
        running = [tasks.create_task(racer.run()) for racer in racers]
        deadline_at = now() + RACE_TIMEOUT
        while sum(racer.view().recreated for racer in racers) < races:
            changed.clear()
            await within(deadline_at, changed.wait())
        for task in running:
            task.cancel()
