"""Making a dispatch again, once, whoever else tries: the deletion is the claim.

livekit-server deletes under its room's lock, so that of any number who delete one dispatch
exactly one is told that it did (measured: 6 at once, five times; tests/server runs more).
That one makes it again. Between the two calls lie a few milliseconds in which a dispatch is in
nobody's hands but ours. Where a call has no clear outcome, the room is looked at before
anything is done twice; where the server can't be reached, this goes on for CREATE_TIMEOUT
and then says so. A claim is written down before anything is done (`claimbook`), so that the
next daemon goes on with one whose daemon was killed in these milliseconds (`leftclaims`).
"""

from __future__ import annotations

import asyncio
from typing import Literal

from msgspec import Struct

from agentd.aio.timing import now
from agentd.errors import RoomApiError, RoomGone
from agentd.supervision.backoff import Backoff

from .seen import DispatchApi, DispatchSeen

CREATE_TIMEOUT = 30.0
"""Seconds that a dispatch which we deleted is tried to be made again."""

RETRY_BASE, RETRY_CAP = 0.2, 5.0
"""Seconds, of the pauses in between."""


CLOCK_DOUBT = 1.0
"""Seconds: the server's clock is known to about that."""


class Begun(Struct, frozen=True, kw_only=True):
    """A claim as it is written down before anything is done."""

    dispatch: DispatchSeen
    since: float
    """On the server's clock. A dispatch like it that is younger was made of it."""


class Claim(Struct, frozen=True, kw_only=True):
    """What became of an attempt."""

    outcome: Literal["made", "found", "race lost", "not deleted", "room gone", "failed"]
    """`found`: a call of unknown outcome had made it. `not deleted`: it is still there, for the
    next look. `failed`: it is gone for good."""
    new_id: str = ""
    error: str = ""

    @property
    def made(self) -> bool:
        """Whether it was us who made the dispatch again."""
        return self.outcome in ("made", "found")


def begin(api: DispatchApi, dispatch: DispatchSeen) -> Begun:
    """A claim on this dispatch, to be written down."""
    return Begun(dispatch=dispatch, since=api.server_time() - CLOCK_DOUBT)


async def make_again(api: DispatchApi, begun: Begun) -> Claim:
    """Delete a stale dispatch and make it anew, if it is we who deleted it."""
    old = begun.dispatch
    try:
        if not await api.delete_dispatch(old.room, old.id):
            return Claim(outcome="race lost")
    except RoomApiError as error:
        return await _create(api, begun, doubt=str(error))
    return await _create(api, begun)


async def go_on(api: DispatchApi, begun: Begun) -> Claim:
    """Finish a claim whose daemon has died, and nobody knows how far it had come."""
    return await _create(api, begun, doubt="the daemon that began it has died")


async def _create(api: DispatchApi, begun: Begun, *, doubt: str = "") -> Claim:
    deadline_at = now() + CREATE_TIMEOUT
    backoff = Backoff(base=RETRY_BASE, cap=RETRY_CAP)
    while now() < deadline_at:
        try:
            if doubt:
                await asyncio.sleep(backoff.next_delay())
                done = await _already(api, begun, doubt)
                if done is not None:
                    return done
            new = await api.create_dispatch(begun.dispatch)
        except RoomGone as error:
            return Claim(outcome="room gone", error=f"the room is gone: {error}")
        except RoomApiError as error:
            doubt = str(error)
        else:
            return Claim(outcome="made", new_id=new.id)
    return Claim(outcome="failed", error=doubt)


async def _already(api: DispatchApi, begun: Begun, doubt: str) -> Claim | None:
    """After a call whose outcome is unknown: whether there is nothing left to do."""
    old = begun.dispatch
    for each in await api.list_dispatches(old.room):
        if each.id == old.id:
            return Claim(outcome="not deleted", error=doubt)
        twin = each.agent_name == old.agent_name and each.metadata == old.metadata
        if twin and each.created_at >= begun.since:
            return Claim(outcome="found", new_id=each.id)
    return None
