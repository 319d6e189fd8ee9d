"""Departure: how a job leaves its process for another one that goes on with it.

As a crash leaves it, but prepared: at a moment in which nothing is lost, with a last snapshot. The
job is not over, so nothing of its end happens: no hook, no callback, the room is not left.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from .shutdown import ShutdownRequest
from .state import SnapshotWriter

Settle = Callable[[], Awaitable[str]]
"""Waits for a good moment, within a deadline of its own; says why there is none, or nothing."""


class Departure:
    """One job's; its child asks for it. Inert until the job is there."""

    def __init__(self) -> None:
        self.settle: Settle | None = None
        """The session's; None while it has none that listens."""
        self._snapshots: SnapshotWriter | None = None
        self._shutdown: ShutdownRequest | None = None
        self._remove_files: Callable[[], None] = _nothing

    def open(
        self,
        snapshots: SnapshotWriter,
        shutdown: ShutdownRequest,
        remove_files: Callable[[], None],
    ) -> None:
        """The job is there. `remove_files` does away with what only this process can use."""
        self._snapshots, self._shutdown = snapshots, shutdown
        self._remove_files = remove_files

    async def prepare(self) -> str:
        """Have the last snapshot taken; after that the process has to exit at once.

        Says why the job can't leave, or nothing. Then it goes on as if nobody had asked.
        """
        if self._snapshots is None or self._shutdown is None:
            return "it has not begun"
        if self.settle is not None and (why := await self.settle()):
            return why
        if self._shutdown.requested:
            return f"it is ending: {self._shutdown.reason}"
        return self._snapshots.write_last()

    def clear_up(self) -> None:
        """The process exits now: leave no files behind that only it can use."""
        self._remove_files()

    def stay(self) -> None:
        """It has not left after all."""
        if self._snapshots is not None:
            self._snapshots.go_on()


def _nothing() -> None:
    return
