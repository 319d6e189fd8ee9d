"""Claims that an earlier daemon began and did not finish are finished: once, or dropped.

It was killed between deleting a dispatch and making it again, or near that: nobody knows
on which side. So the room is looked at first (`claim.go_on`).
"""

from __future__ import annotations

import asyncio

from agentd.aio.timing import wait_event

from .claim import Begun
from .claimbook import ClaimBook, note_dropped
from .claims import Claims
from .seen import DispatchApi

REGISTER_TIMEOUT = 60.0
"""Seconds that our registration is waited for. What is dispatched before is tried once and then
forgotten, for 12 s; and a server that takes no worker will hardly take a dispatch."""

MAX_AGE = 600.0
"""Seconds after which nobody waits for a claim's agent any more: a room of that name is rather
another call."""


class LeftClaims:
    """What the journal has of claims at the start: `read` it, then `finish` it."""

    def __init__(
        self, api: DispatchApi, book: ClaimBook, claims: Claims, registered: asyncio.Event
    ) -> None:
        """`registered` is set once LiveKit knows this worker."""
        self._api = api
        self._book = book
        self._claims = claims
        self._registered = registered
        self._left: list[Begun] = []
        self.ids: set[str] = set()
        """The dispatches that are being finished here, and so by nobody else."""

    async def read(self) -> None:
        """Ask the journal, which has a deadline of its own."""
        self._left = await self._book.left()
        self.ids.clear()
        self.ids.update(begun.dispatch.id for begun in self._left)

    async def finish(self) -> None:
        """Finish them side by side, each within `claim.CREATE_TIMEOUT`, once we are registered."""
        if not self._left:
            return
        await wait_event(self._registered, REGISTER_TIMEOUT)
        async with asyncio.TaskGroup() as tasks:
            for begun in self._left:
                tasks.create_task(self._finish_one(begun))

    async def _finish_one(self, begun: Begun) -> None:
        dispatch = begun.dispatch
        try:
            if self._api.server_time() - begun.since <= MAX_AGE:
                await self._claims.go_on(begun)
            else:
                self._book.over(begun)
                why = f"it was begun over {MAX_AGE:g} s ago"
                note_dropped(dispatch.id, why, room=dispatch.room)
        finally:
            self.ids.discard(dispatch.id)
