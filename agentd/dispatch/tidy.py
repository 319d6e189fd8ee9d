"""Dispatches of jobs that are over are deleted, so that nobody takes them for forgotten ones.

A job that ends waits here until the server's API has taken the deletion; when to try, and
when to pause, is `reconcile`'s business.
"""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from functools import partial

from msgspec import Struct

from agentd.aio.tasks import TaskOwner
from agentd.aio.timing import now, within
from agentd.errors import RoomApiError

from .seen import DispatchApi

logger = logging.getLogger("agentd.dispatch")

MAX_ENDED = 1000
"""Ended jobs whose dispatches wait to be deleted."""

MAX_DELETIONS = 5
"""Attempts to delete the dispatch of one ended job."""

TIDY_TIMEOUT = 1.0
"""Seconds for deletions that are left when the daemon ends; an open room answers in ms."""


class Ended(Struct):
    """The dispatch of a job that is over."""

    room: str
    dispatch_id: str
    attempts: int = 0


class Tidier:
    """Deletes what `add` was told of, oldest first."""

    def __init__(self, api: DispatchApi) -> None:
        self._api = api
        self._ended: deque[Ended] = deque()

    def __bool__(self) -> bool:
        """Whether something waits to be deleted."""
        return bool(self._ended)

    def add(self, room_name: str, dispatch_id: str) -> None:
        """The job of this dispatch is over."""
        if len(self._ended) >= MAX_ENDED:
            _warn_untidy("too many wait for the server API", self._ended.popleft())
        self._ended.append(Ended(room_name, dispatch_id))

    async def tidy(self) -> None:
        """Delete all that waits; raises RoomApiError at the first failure, for another try."""
        while self._ended:
            ended = self._ended[0]
            try:
                await self._api.delete_dispatch(ended.room, ended.dispatch_id)
            except RoomApiError as error:
                self._put_back(ended, error)
                raise
            self._ended.remove(ended)

    def _put_back(self, ended: Ended, error: RoomApiError) -> None:
        """Behind the others, so that one that always fails does not keep them waiting."""
        self._ended.remove(ended)
        ended.attempts += 1
        if ended.attempts < MAX_DELETIONS:
            self._ended.append(ended)
        else:
            _warn_untidy(str(error), ended)

    async def tidy_at_last(self) -> None:
        """All that is left at once. A room that is gone answers too late, and needs nothing."""
        async with TaskOwner("tidy") as tasks:
            for ended in self._ended:
                deletion = self._api.delete_dispatch(ended.room, ended.dispatch_id)
                tasks.start(deletion, name=ended.dispatch_id, report=False).add_done_callback(
                    partial(_note_tidied, ended)
                )
            try:
                await within(now() + TIDY_TIMEOUT, tasks.wait())
            except TimeoutError:
                return


def _note_tidied(ended: Ended, deletion: asyncio.Task[bool]) -> None:
    if deletion.cancelled():
        logger.info(
            "no time was left to delete the dispatch of an ended job; its room may be gone",
            extra={
                "action": "reconcile_untidy",
                "room": ended.room,
                "dispatch": ended.dispatch_id,
            },
        )
    elif (error := deletion.exception()) is not None:
        _warn_untidy(str(error), ended)


def _warn_untidy(reason: str, ended: Ended) -> None:
    logger.warning(
        "the dispatch of an ended job could not be deleted; another host may make it again",
        extra={
            "action": "reconcile_untidy",
            "reason": reason,
            "room": ended.room,
            "dispatch": ended.dispatch_id,
        },
    )
