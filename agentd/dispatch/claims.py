"""Claims under way: each is a task, written down before it is begun and told when it is over."""

from __future__ import annotations

import asyncio
import logging

from agentd.aio.tasks import TaskOwner
from agentd.aio.timing import now, within

from .claim import Begun, Claim, begin, go_on, make_again
from .claimbook import ClaimBook, note_dropped
from .seen import DispatchApi, DispatchSeen

logger = logging.getLogger("agentd.dispatch")


class Claims:
    """Makes stale dispatches again, and counts what became of that."""

    def __init__(self, api: DispatchApi, book: ClaimBook) -> None:
        self._api = api
        self._book = book
        # Tasks of their own: being cancelled between the two calls would lose a dispatch.
        self._tasks = TaskOwner("claims")
        self.recreated = 0
        self.races_lost = 0
        """Dispatches that another host was faster to make again."""
        self.errors = 0
        self.last_error = ""

    async def make_again(self, dispatch: DispatchSeen, reason: str) -> Claim:
        """Make a dispatch again, unless another host does. Goes on when this is cancelled."""
        task = self._tasks.start(self._begin(dispatch, reason), name=dispatch.id, report=False)
        await asyncio.wait({task})
        return task.result()

    async def go_on(self, begun: Begun) -> Claim:
        """Finish a claim that an earlier daemon has begun. Goes on when this is cancelled."""
        task = self._tasks.start(self._go_on(begun), name=begun.dispatch.id, report=False)
        await asyncio.wait({task})
        return task.result()

    async def finish(self, timeout: float) -> None:
        """Wait up to so many seconds for those under way; raises TimeoutError.

        What is cut off then stays in the journal, for the next daemon to go on with.
        """
        try:
            await within(now() + timeout, self._tasks.wait())
        finally:
            await self._tasks.cancel()

    async def _begin(self, dispatch: DispatchSeen, reason: str) -> Claim:
        begun = begin(self._api, dispatch)
        await self._book.begin(begun)
        claim = await make_again(self._api, begun)
        self._book.over(begun)
        self._tell(dispatch, claim, reason)
        return claim

    async def _go_on(self, begun: Begun) -> Claim:
        claim = await go_on(self._api, begun)
        self._book.over(begun)
        if reason := _why_dropped(claim):
            note_dropped(begun.dispatch.id, reason, room=begun.dispatch.room)
        else:
            self._tell(begun.dispatch, claim, "the daemon that had claimed it died before it could")
        return claim

    # -- what became of one ----------------------------------------------------------------

    def _tell(self, dispatch: DispatchSeen, claim: Claim, reason: str) -> None:
        match claim.outcome:
            case "made" | "found":
                self._note_made(dispatch, claim, reason)
            case "race lost":
                self.races_lost += 1
            case "not deleted" | "room gone" | "failed":
                self._note_failed(dispatch, claim)

    def _note_made(self, dispatch: DispatchSeen, claim: Claim, reason: str) -> None:
        self.recreated += 1
        self.last_error = ""
        logger.warning(
            "a dispatch that LiveKit had forgotten was made again",
            extra={
                "action": "dispatch_recreated",
                "reason": reason,
                "age": round(self._api.server_time() - dispatch.created_at, 1),
                "new_dispatch": claim.new_id,
                "room": dispatch.room,
                "dispatch": dispatch.id,
            },
        )

    def _note_failed(self, dispatch: DispatchSeen, claim: Claim) -> None:
        self.errors += 1
        self.last_error = claim.error
        what_next = (
            "it is tried again at the next look"
            if claim.outcome == "not deleted"
            else "the room gets no agent unless one is dispatched anew"
        )
        logger.error(
            f"a forgotten dispatch could not be made again; {what_next}",
            extra={
                "action": "reconcile_claim_failed",
                "reason": claim.error,
                "room": dispatch.room,
                "dispatch": dispatch.id,
            },
        )


def _why_dropped(claim: Claim) -> str:
    """Why a claim that was left needs nothing more; empty where it did."""
    match claim.outcome:
        case "found":
            return f"its daemon had made it again already, as {claim.new_id}"
        case "not deleted":
            return "its daemon had not deleted it: it is looked at like any other"
        case "room gone":
            return claim.error
        case _:
            return ""
