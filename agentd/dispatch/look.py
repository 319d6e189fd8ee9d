"""One look at one room: what is stale in it is made again.

When to look, and at which rooms, is `reconcile`'s business; what is stale, `stale`'s.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Mapping
from typing import Protocol

from agentd.aio.tasks import TaskOwner
from agentd.aio.timing import now

from .claim import Claim, make_again
from .roombook import RoomRecord
from .seen import DispatchApi, DispatchSeen
from .stale import Surroundings, Thresholds, Verdict, judge

logger = logging.getLogger("agentd.dispatch")

QUIET_INTERVAL = 10.0
"""Seconds between two looks at a room in which nothing is to be watched: less than
`Thresholds.stale_after`, so that a new dispatch in it is known before it is stale."""


class Host(Protocol):
    """The daemon, as far as the reconciler needs it."""

    def free_slots(self) -> int:
        """How many jobs could be taken now; 0 while draining or not registered."""

    def known_jobs(self) -> Mapping[str, str]:
        """Ids of all jobs of this daemon, offered, running or being resumed, and their rooms."""

    def note_claim(self, dispatch: DispatchSeen) -> None:
        """We are about to delete this dispatch, and to make it again if it was us who did."""

    def note_recreated(self, room: str, old: str, new: str) -> None:
        """The dispatch with the old id is there again, with a new one."""


class RoomLooker:
    """Judges the dispatches of one agent name, and makes the stale ones again."""

    def __init__(
        self,
        api: DispatchApi,
        agent_name: str,
        host: Host,
        claims: TaskOwner,
        *,
        watch_interval: float,
        thresholds: Thresholds,
    ) -> None:
        """`watch_interval`: seconds between two looks at a room with another host's agent."""
        self._api = api
        self._agent_name = agent_name
        self._host = host
        self._claims = claims
        self._watch_interval = watch_interval
        self._thresholds = thresholds
        self.recreated = 0
        self.races_lost = 0
        self.errors = 0
        self.last_error = ""

    async def look_at(self, record: RoomRecord, slots: int) -> int:
        """Look at one room, and plan the next look; returns how many dispatches were made again,
        `slots` at most. Raises RoomApiError, RoomGone among them.
        """
        record.present = None
        every = await self._api.list_dispatches(record.name)
        ours = [each for each in every if each.agent_name == self._agent_name]
        stale, waits, made = [], [], 0
        for dispatch in sorted(ours, key=lambda each: each.created_at):
            verdict = await self._judge(record, dispatch, ours)
            if verdict.state == "stale":
                stale.append((dispatch, verdict))
            elif verdict.state == "wait":
                waits.append(verdict.due_at - self._api.server_time())
        for dispatch, verdict in stale[:slots]:
            made += await self._claim(record, dispatch, verdict)
        watched = record.present is not None
        usual = self._watch_interval if watched or stale else QUIET_INTERVAL
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

    # -- a claim ---------------------------------------------------------------------------

    async def _claim(self, record: RoomRecord, dispatch: DispatchSeen, verdict: Verdict) -> bool:
        """Make a dispatch again; says whether it was us who did."""
        # A task of its own: being cancelled between the two calls would lose the dispatch.
        task = self._claims.start(
            self._pursue(record, dispatch, verdict), name=dispatch.id, report=False
        )
        await asyncio.wait({task})
        return task.result()

    async def _pursue(self, record: RoomRecord, dispatch: DispatchSeen, verdict: Verdict) -> bool:
        self._host.note_claim(dispatch)
        claim = await make_again(self._api, dispatch)
        told = {"room": dispatch.room, "dispatch": dispatch.id}
        match claim.outcome:
            case "made":
                record.note_try(dispatch)
                self._note_made(dispatch, verdict, claim, told)
            case "race lost":
                record.note_try(dispatch)
                self.races_lost += 1
            case "not deleted" | "failed":
                self._note_failed(claim, told)
        return claim.outcome == "made"

    def _note_made(
        self, dispatch: DispatchSeen, verdict: Verdict, claim: Claim, told: dict[str, str]
    ) -> None:
        self.recreated += 1
        self.last_error = ""
        logger.warning(
            "a dispatch that LiveKit had forgotten was made again",
            extra={
                "action": "dispatch_recreated",
                "reason": verdict.reason,
                "age": round(self._api.server_time() - dispatch.created_at, 1),
                "new_dispatch": claim.new_id,
                **told,
            },
        )
        self._host.note_recreated(dispatch.room, dispatch.id, claim.new_id)

    def _note_failed(self, claim: Claim, told: dict[str, str]) -> None:
        self.errors += 1
        self.last_error = claim.error
        what_next = (
            "it is tried again at the next look"
            if claim.outcome == "not deleted"
            else "the room gets no agent unless one is dispatched anew"
        )
        logger.error(
            f"a forgotten dispatch could not be made again; {what_next}",
            extra={"action": "reconcile_claim_failed", "reason": claim.error, **told},
        )
