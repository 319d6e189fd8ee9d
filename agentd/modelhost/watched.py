"""A runner that is noticed when it hangs, since all jobs wait for it then."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from agentd.models import ModelRunner, StoppableRunner, StreamingRunner
from agentd.models.runner import Give


class WatchedRunner:
    """A runner with a timer in the event loop, which runs while the runner has something to do.

    A call that nobody waits for any more counts too: its thread is taken all the same.
    """

    def __init__(
        self,
        runner: ModelRunner,
        loop: asyncio.AbstractEventLoop,
        *,
        hung_after: float,
        on_hung: Callable[[], None],
    ) -> None:
        """`on_hung` is called in the loop when the runner has done nothing for so many seconds."""
        self._runner = runner
        self._loop = loop
        self._hung_after = hung_after
        self._on_hung = on_hung
        self._timer: asyncio.TimerHandle | None = None

    def load(self) -> None:
        """Not watched: the host's start has a deadline of its own."""
        self._runner.load()

    def run(self, request: bytes) -> bytes:
        """See `ModelRunner`."""
        with self._busy():
            return self._runner.run(request)

    def stream(self, request: bytes, give: Give) -> None:
        """See `StreamingRunner`; in one part where the runner has no parts."""

        def give_on(part: bytes) -> bool:
            self._tell(self._disarm)  # now it waits for who takes the part
            wanted = give(part)
            self._tell(self._arm)
            return wanted

        with self._busy():
            if isinstance(self._runner, StreamingRunner):
                self._runner.stream(request, give_on)
            else:
                give_on(self._runner.run(request))

    def stop(self) -> None:
        """See `StoppableRunner`."""
        if isinstance(self._runner, StoppableRunner):
            self._runner.stop()

    @contextmanager
    def _busy(self) -> Iterator[None]:
        self._tell(self._arm)
        try:
            yield
        finally:
            self._tell(self._disarm)

    def _tell(self, what: Callable[[], None]) -> None:
        """From the runner's thread to the loop's."""
        try:
            self._loop.call_soon_threadsafe(what)
        except RuntimeError:
            return  # the loop is closed: the host ends, and waits for nobody

    def _arm(self) -> None:
        self._disarm()
        self._timer = self._loop.call_later(self._hung_after, self._on_hung)

    def _disarm(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
