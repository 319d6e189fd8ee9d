"""Making a dispatch again, once, whoever else tries: the deletion is the claim.

livekit-server deletes under its room's lock, so that of any number who delete one dispatch
exactly one is told that it did (measured: 6 at once, five times; tests/server runs more).
That one makes it again. Between the two calls lie a few milliseconds in which a dispatch is in
nobody's hands but ours. Where a call has no clear outcome, the room is looked at before
anything is done twice; where the server can't be reached, this goes on for CREATE_TIMEOUT
and then says so. A daemon that is killed in these milliseconds loses the dispatch, unless
it wrote `Host.note_claim` into its journal and finishes the claim at its next start.
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


class Claim(Struct, frozen=True, kw_only=True):
    """What became of an attempt."""

    outcome: Literal["made", "race lost", "not deleted", "failed"]
    """`not deleted`: it is still there, for the next look. `failed`: it is gone for good."""
    new_id: str = ""
    error: str = ""


async def make_again(api: DispatchApi, old: DispatchSeen) -> Claim:
    """Delete a stale dispatch and make it anew, if it is we who deleted it."""
    since = api.server_time() - 1.0  # its clock is known to about that
    try:
        if not await api.delete_dispatch(old.room, old.id):
            return Claim(outcome="race lost")
    except RoomApiError as error:
        return await _create(api, old, since, doubt=str(error))
    return await _create(api, old, since)


async def _create(api: DispatchApi, old: DispatchSeen, since: float, *, doubt: str = "") -> Claim:
    deadline_at = now() + CREATE_TIMEOUT
    backoff = Backoff(base=RETRY_BASE, cap=RETRY_CAP)
    while now() < deadline_at:
        try:
            if doubt:
                await asyncio.sleep(backoff.next_delay())
                done = await _already(api, old, since, doubt)
                if done is not None:
                    return done
            new = await api.create_dispatch(old)
        except RoomGone as error:
            return Claim(outcome="failed", error=f"the room is gone: {error}")
        except RoomApiError as error:
            doubt = str(error)
        else:
            return Claim(outcome="made", new_id=new.id)
    return Claim(outcome="failed", error=doubt)


async def _already(api: DispatchApi, old: DispatchSeen, since: float, doubt: str) -> Claim | None:
    """After a call whose outcome is unknown: whether there is nothing left to do."""
    for each in await api.list_dispatches(old.room):
        if each.id == old.id:
            return Claim(outcome="not deleted", error=doubt)
        twin = each.agent_name == old.agent_name and each.metadata == old.metadata
        if twin and each.created_at >= since:
            return Claim(outcome="made", new_id=each.id)
    return None
