"""Dispatches that livekit-server has forgotten are made again.

What livekit-server 1.11.0 does (its source, and measured by tests/server/test_reconcile.py):
- A dispatch made while no worker of its name is registered, or while all are full or
  decline, is tried once. It stays in `ListDispatch` with no job for as long as the room lives.
- A job appears in its dispatch 0.2 s after the dispatch, but up to 5 s late in the first
  minute after a worker has registered. Its state is what it was when the job was assigned:
  JS_RUNNING, ended_at 0, the identity of its agent. It **never changes**: a job that has
  ended, that failed, or whose worker is gone looks the same. Only one that was turned down
  for good (`reject(terminate=True)`) shows as JS_SUCCESS, with no identity.
- After SIGKILL of a daemon and its children the agents stay in their rooms as ghosts
  (kind AGENT, state ACTIVE) for 19 to 22 s. The API tells a ghost from a live agent by nothing.
- Deleting a dispatch is atomic: one of several gets it, the others get not_found. A job of
  it that runs on a connected worker is told to terminate; one whose worker is gone is not.
- A dispatch that is made keeps room, metadata and restart_policy; the server drops
  attributes and deployment even of the first (we send them all the same).
- Every room has a dispatch for the agent name "" beside the explicit ones: that is how
  automatic dispatch works, and it is reconciled like any other where that is our name.
- `ListRooms` has no pages and does not count agents as participants. Asking for the
  dispatches of a room that is gone takes 3 s and ends in "unavailable: no response".

Hence these rules (`stale`), and one duty: **whoever ends a job properly deletes its
dispatch** (`job_ended`), since nothing else tells the end of a call from the death of
a host. All workers of one agent name must do so: hosts with `reconcile=off`, and workers
of other frameworks, must not share a name with hosts that reconcile.

Bounds. At most `reconcile_max_rate` calls a second in all, and `reconcile_interval` seconds'
worth of rooms in one look; new rooms first, then those in which something is expected, then the
rest, the longest due first. With R rooms in which other hosts' agents are (two calls a
room, each `reconcile_interval` or as the rate allows) and Q other rooms (one call each 10 s),
a full round takes (2 R + Q) / reconcile_max_rate seconds where that is more, and a forgotten
dispatch in an old room may be found so much later: with 1000 rooms and 20 calls a second, 50
to 100 s. New rooms are looked at first. `ListRooms` is asked so seldom that waiting for it
takes a tenth of the time at most.
No loop runs away: a dispatch id is made again at most once, its successor only when it is
12, 12, 24, 48 ... 300 s old, and one look makes no more than we have slots for.
"""

from __future__ import annotations

import asyncio
import logging
import math
import random

from msgspec import Struct

from agentd.aio.tasks import TaskOwner
from agentd.aio.timing import now, wait_event
from agentd.errors import RoomApiError, RoomGone
from agentd.settings.model import ReconcileSettings
from agentd.supervision.backoff import Backoff

from .budget import PacedApi
from .claimbook import ClaimBook
from .claims import Claims
from .leftclaims import LeftClaims
from .look import Host, RoomLooker
from .roombook import RoomBook, RoomRecord
from .seen import DispatchApi
from .stale import Thresholds
from .tidy import Tidier

logger = logging.getLogger("agentd.dispatch")

SETTLE = 0.25
"""Least seconds between two looks, and from a slot becoming free to a look: the server must
have heard of it."""

SETTLE_MADE = 1.0
"""The same after dispatches were made again: their offers must have come, to be counted."""

LIST_SHARE = 10
"""A look comes no sooner than so many times what listing the rooms took."""

ERROR_BASE, ERROR_CAP = 0.5, 30.0
"""Seconds, of the pauses after errors of the API."""

FINISH_TIMEOUT = 3.0
"""Seconds, each, for claims and deletions that are begun when this is cancelled."""


class ReconcilerView(Struct, frozen=True, kw_only=True):
    """The reconciler at one moment."""

    enabled: bool
    looks: int = 0
    calls: int = 0
    """Of the server API, so far."""
    rooms: int = 0
    """Open rooms at the last look."""
    recreated: int = 0
    races_lost: int = 0
    """Dispatches that another host was faster to make again."""
    errors: int = 0
    last_error: str = ""
    """Of the last look; empty when it went well."""
    next_look_in: float | None = None
    """Seconds; None while there is no room for a job, and so no look."""


class Reconciler:
    """Looks for forgotten dispatches while there is room for a job.

    `run` it; where that failed it may be run again.
    """

    def __init__(
        self,
        settings: ReconcileSettings,
        api: DispatchApi,
        agent_name: str,
        host: Host,
        book: ClaimBook,
        *,
        thresholds: Thresholds | None = None,
        rng: random.Random | None = None,
    ) -> None:
        self._settings = settings
        self._host = host
        self._api = PacedApi(api, settings.reconcile_max_rate)
        self._rng = rng or random.Random()
        self._backoff = Backoff(base=ERROR_BASE, cap=ERROR_CAP, rng=rng)
        self._rooms = RoomBook()
        self._claims = Claims(self._api, book)
        self._left = LeftClaims(self._api, book, self._claims, host.registered)
        self._looker = RoomLooker(
            self._api,
            agent_name,
            host,
            self._claims,
            watch_interval=settings.reconcile_interval,
            thresholds=thresholds or Thresholds(),
            spared=self._left.ids,
        )
        self._tidier = Tidier(self._api)
        self._poked = asyncio.Event()
        self._next_at = float("-inf")
        self._not_before = float("-inf")
        """Until then nothing is tried: the pause after an error."""
        self._looks = 0
        self._errors = 0
        self._last_error = ""

    # -- what others say -----------------------------------------------------------------

    @property
    def enabled(self) -> bool:
        """Whether this does anything."""
        return self._settings.reconcile == "on"

    def poke(self) -> None:
        """There may be room for a job where there was none: look soon. May come too often."""
        self._poked.set()

    def job_ended(self, room_name: str, dispatch_id: str) -> None:
        """A job is over for good, however it ended: its dispatch must not be made again."""
        if not self.enabled or not dispatch_id:
            return
        self._tidier.add(room_name, dispatch_id)
        self._poked.set()

    def view(self) -> ReconcilerView:
        """The reconciler as it is now."""
        looking = self.enabled and self._host.free_slots() > 0
        next_at = max(self._next_at, self._not_before)
        return ReconcilerView(
            enabled=self.enabled,
            looks=self._looks,
            calls=self._api.calls,
            rooms=len(self._rooms),
            recreated=self._claims.recreated,
            races_lost=self._claims.races_lost,
            errors=self._errors + self._claims.errors,
            last_error=self._last_error or self._claims.last_error,
            next_look_in=round(max(0.0, next_at - now()), 3) if looking else None,
        )

    # -- life ----------------------------------------------------------------------------

    async def run(self) -> None:
        """Look until cancelled; then finish what is begun, within twice FINISH_TIMEOUT.

        Claims that an earlier daemon has left are finished also when this is turned off: their
        dispatches were deleted by us.
        """
        try:
            async with TaskOwner("left") as tasks:
                await self._left.read()
                tasks.start(self._left.finish(), name="claims")
                await self._look_on()
        finally:
            await self._finish()

    async def _look_on(self) -> None:
        if not self.enabled:
            await asyncio.get_running_loop().create_future()
        while True:
            await self._wait_for_work()
            await self._work()

    async def _wait_for_work(self) -> None:
        while (pause := self._pause()) is None or pause > 0:
            if pause is not None:
                await wait_event(self._poked, pause)
            else:
                await self._poked.wait()
                self._next_at = max(self._next_at, now() + SETTLE)
            self._poked.clear()

    def _pause(self) -> float | None:
        """Seconds until there is something to do; None: not before a poke."""
        if self._tidier:
            return _until(self._not_before)
        if self._host.free_slots() > 0:
            return _until(max(self._next_at, self._not_before))
        return None

    async def _work(self) -> None:
        try:
            await self._tidier.tidy()
            if self._host.free_slots() > 0 and _until(self._next_at) <= 0:
                await self._look()
        except RoomApiError as error:
            self._note_failure(error)
        else:
            self._backoff.reset()
            self._last_error = ""

    def _note_failure(self, error: RoomApiError) -> None:
        delay = self._backoff.next_delay()
        self._not_before = now() + delay
        self._errors += 1
        self._last_error = str(error)
        logger.warning(
            "the server API failed; forgotten dispatches are looked for again",
            extra={
                "action": "reconcile_failed",
                "reason": str(error),
                "failures": self._backoff.failures,
                "retry_in": round(delay, 2),
            },
        )

    async def _finish(self) -> None:
        try:
            await self._claims.finish(FINISH_TIMEOUT)
            await self._tidier.tidy_at_last()
        except TimeoutError:
            return  # the server does not answer: a deletion would fare no better

    # -- a look ----------------------------------------------------------------------------

    async def _look(self) -> None:
        began_at = now()
        self._looks += 1
        rooms = await self._api.list_rooms()
        listed_at = now()
        self._rooms.update(rooms, listed_at)
        made = 0
        for record in self._rooms.due(listed_at, self._page()):
            slots = self._host.free_slots() - made
            if slots <= 0:
                break
            made += await self._look_at(record, slots)
        latest_at = began_at + self._settings.reconcile_interval * self._rng.uniform(0.9, 1.0)
        earliest_at = max(
            now() + (SETTLE_MADE if made else SETTLE),
            began_at + LIST_SHARE * (listed_at - began_at),
        )
        self._next_at = max(min(latest_at, self._rooms.next_due_at()), earliest_at)

    async def _look_at(self, record: RoomRecord, slots: int) -> int:
        try:
            return await self._looker.look_at(record, slots)
        except RoomGone:
            self._rooms.drop(record)
            return 0

    def _page(self) -> int:
        """Rooms in one look."""
        calls = self._settings.reconcile_interval * self._settings.reconcile_max_rate
        return max(1, int(calls))


def _until(instant: float) -> float:
    """Seconds from now, to the microsecond: a timer may fire by less than that too early."""
    return round(instant - now(), 6) if math.isfinite(instant) else instant
