"""The one thread that touches the disk."""

from __future__ import annotations

import logging
from collections.abc import Callable
from concurrent.futures import Future
from threading import Thread
from typing import ParamSpec, TypeVar

from agentd.aio.timing import monotonic
from agentd.figures import count, observe
from agentd.figures.families import JOURNAL_DROPPED, JOURNAL_WRITE
from agentd.settings.model import JournalSettings

from .backlog import Backlog, Work
from .fallback import FallbackStore
from .retention import Retention
from .store import Store

logger = logging.getLogger("agentd.journal")

PRUNE_INTERVAL = 300.0
"""Seconds between two looks at age and size."""

PRUNE_AFTER_RECORDS = 20_000
"""Records after which the size is looked at earlier: a few MiB."""

T = TypeVar("T")
P = ParamSpec("P")


class Writer:
    """Writes the backlog, answers reads, prunes; on a thread of its own from `start` on."""

    def __init__(
        self,
        store: FallbackStore,
        backlog: Backlog,
        settings: JournalSettings,
        clock: Callable[[], float],
    ) -> None:
        self._store = store
        self._backlog = backlog
        self._retention = Retention(settings)
        self._clock = clock
        self._written = 0
        self._prune_at = 0.0
        self.opened: Future[None] = Future()
        """Done when the disk has been read, or found unusable."""
        self.ended: Future[None] = Future()
        """Done when all is written and closed."""

    def start(self) -> None:
        """Start the thread. A daemon thread: a disk that hangs must not keep the process."""
        Thread(target=self._run, name="agentd-journal", daemon=True).start()

    def ask(self, read: Callable[[Store], T]) -> Future[T] | None:
        """Have something read after all that was recorded before; None when closed."""
        answer: Future[T] = Future()

        def request(store: Store) -> None:
            if not answer.set_running_or_notify_cancel():
                return
            try:
                answer.set_result(read(store))
            # A store raises nothing, but a foreign value in a query may: it goes to who asked.
            except Exception as error:  # noqa: BLE001
                answer.set_exception(error)

        return answer if self._backlog.put_request(request) else None

    # -- the thread ------------------------------------------------------------------

    def _run(self) -> None:
        self._surely(self._store.try_disk)
        self.opened.set_result(None)
        closed = False
        while not closed:
            self._backlog.wait(self._pause())
            work = self._backlog.take()
            self._surely(self._do, work)
            closed = work.closed
        self._surely(self._finish)
        self.ended.set_result(None)

    def _surely(self, step: Callable[P, None], *args: P.args, **kwargs: P.kwargs) -> None:
        try:
            step(*args, **kwargs)
        # The thread must outlive a bug: without it nothing is written down any more.
        except Exception:
            logger.exception(
                "the journal lost records to a bug in agentd; it goes on with the next ones",
                extra={"action": "journal_bug"},
            )

    def _pause(self) -> float:
        """Seconds until something is to be done that nobody asks for."""
        now = monotonic()
        retry_at = self._store.retry_at
        due = self._prune_at if retry_at is None else min(self._prune_at, retry_at)
        return max(0.0, due - now)

    def _do(self, work: Work) -> None:
        if work.batch:
            began_at = monotonic()
            self._store.write(work.batch)
            observe(JOURNAL_WRITE, monotonic() - began_at)
            self._written += len(work.batch)
        if work.dropped:
            count(JOURNAL_DROPPED, work.dropped)
            logger.warning(
                "the journal could not keep up and dropped records",
                extra={"action": "journal_dropped", "count": work.dropped},
            )
        for request in work.requests:
            request(self._store)
        now = monotonic()
        if self._store.retry_at is not None and now >= self._store.retry_at:
            self._store.try_disk()
        if now >= self._prune_at or self._written >= PRUNE_AFTER_RECORDS:
            self._prune()

    def _finish(self) -> None:
        if self._store.problem:
            self._store.try_disk()  # the last chance for what is in memory
        self._store.close()

    def _prune(self) -> None:
        """Take one step; the next comes right after, while there is something left to remove."""
        self._written = 0
        self._prune_at = monotonic() + PRUNE_INTERVAL
        more = self._retention.step(self._store, self._clock())
        if more:
            self._prune_at = 0.0
