"""One look at one room: what is stale in it is made again.

When to look, and at which rooms, is `reconcile`'s business; what is stale, `stale`'s.
"""

from __future__ import annotations

import asyncio
from collections.abc import Container, Mapping
from typing import Protocol

from agentd.aio.timing import now

from .claims import Claims
from .roombook import RoomRecord
from .seen import DispatchApi, DispatchSeen
from .stale import Surroundings, Thresholds, Verdict, judge

QUIET_INTERVAL = 10.0
"""Seconds between two looks at a room in which nothing is to be watched: less than
`Thresholds.stale_after`, so that a new dispatch in it is known before it is stale."""


class Host(Protocol):
    """The daemon, as far as the reconciler needs it."""

    def free_slots(self) -> int:
        """How many jobs could be taken now; 0 while draining or not registered."""

    def known_jobs(self) -> Mapping[str, str]:
        """Ids of all jobs of this daemon, offered, running or being resumed, and their rooms."""

    @property
    def registered(self) -> asyncio.Event:
        """Set once LiveKit knows this worker."""


class RoomLooker:
    """Judges the dispatches of one agent name, and makes the stale ones again."""

    def __init__(
        self,
        api: DispatchApi,
        agent_name: str,
        host: Host,
        claims: Claims,
        *,
        watch_interval: float,
        thresholds: Thresholds,
        spared: Container[str] = (),
    ) -> None:
        """`watch_interval`: seconds between two looks at a room with another host's agent;
        `spared`: ids of dispatches that are in other hands at the moment.
        """
        self._api = api
        self._agent_name = agent_name
        self._host = host
        self._claims = claims
        self._watch_interval = watch_interval
        self._thresholds = thresholds
        self._spared = spared

    async def look_at(self, record: RoomRecord, slots: int) -> int:
        """Look at one room, and plan the next look; returns how many dispatches were made again,
        `slots` at most. Raises RoomApiError, RoomGone among them.
        """
        record.present = None
        every = await self._api.list_dispatches(record.name)
        ours = [each for each in every if each.agent_name == self._agent_name]
        stale, waits, made = [], [], 0
        free = [each for each in ours if each.id not in self._spared]
        for dispatch in sorted(free, key=lambda each: each.created_at):
            verdict = await self._judge(record, dispatch, ours)
            if verdict.state == "stale":
                stale.append((dispatch, verdict))
            elif verdict.state == "wait":
                waits.append(verdict.due_at - self._api.server_time())
        for dispatch, verdict in stale[:slots]:
            made += await self._claim(record, dispatch, verdict)
        watched = record.present is not None
        busy = watched or bool(stale) or len(free) < len(ours)
        usual = self._watch_interval if busy else QUIET_INTERVAL
        soonest = 0.0 if len(stale) > slots else max(0.0, min([usual, *waits]))
        record.plan(now() + soonest, urgent=bool(stale or waits))
        return made

    async def _judge(
        self, record: RoomRecord, dispatch: DispatchSeen, ours: list[DispatchSeen]
    ) -> Verdict:
        verdict = judge(dispatch, self._around(record, dispatch, ours), self._thresholds)
        if verdict.state != "look closer":
            return verdict
        participants = await self._api.list_participants(record.name)
        agents = [each.identity for each in participants if each.is_agent]
        record.note_present(agents, ours, self._api.server_time())
        return judge(dispatch, self._around(record, dispatch, ours), self._thresholds)

    def _around(
        self, record: RoomRecord, dispatch: DispatchSeen, ours: list[DispatchSeen]
    ) -> Surroundings:
        known = self._host.known_jobs()
        shown = {job.id for each in ours for job in each.jobs}
        return Surroundings(
            at=self._api.server_time(),
            ours=known.keys(),
            hidden_job=any(
                room_name == record.name and job_id not in shown
                for job_id, room_name in known.items()
            ),
            present=record.present,
            seen=record.seen,
            gone_at=record.gone_at,
            tries=record.tries(dispatch),
        )

    async def _claim(self, record: RoomRecord, dispatch: DispatchSeen, verdict: Verdict) -> bool:
        """Make a dispatch again; says whether it was us who did."""
        claim = await self._claims.make_again(dispatch, verdict.reason)
        if claim.made or claim.outcome == "race lost":
            record.note_try(dispatch)
        return claim.made
