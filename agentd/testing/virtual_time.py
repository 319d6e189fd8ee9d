"""An event loop whose clock jumps: waits cost no real time and instants are exact.

For code that reads time only through the loop (`agentd.aio.timing`, `asyncio.sleep`,
`asyncio.timeout`). When no task can go on, the clock jumps to the next timer. No real
sockets, processes or threads belong on such a loop: while they are under way nothing is
ready, and the clock would jump over every deadline.
"""

from __future__ import annotations

import asyncio
import selectors
from collections.abc import Coroutine
from typing import Any, TypeVar

T = TypeVar("T")

CLOCK_DIGITS = 9
"""The clock is kept to the nanosecond, so that 0.1 + 0.2 is 0.3 to a test."""


class _JumpingSelector(selectors.SelectSelector):
    """Instead of waiting for input, moves the clock by the time it was told to wait."""

    def __init__(self) -> None:
        super().__init__()
        self.now = 0.0

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        ready = super().select(0)
        if ready:
            return ready
        if timeout is None:
            raise RuntimeError("deadlock: every task waits, and no timer is set to wake one")
        self.now = round(self.now + max(0.0, timeout), CLOCK_DIGITS)
        return ready


class VirtualTimeLoop(asyncio.SelectorEventLoop):
    """An asyncio loop that starts at 0 and never waits.

    Raises RuntimeError out of `run_until_complete` when nothing could ever happen again.
    """

    def __init__(self) -> None:
        self._jumping = _JumpingSelector()
        self.callback_errors: list[BaseException] = []
        """What callbacks have raised: asyncio only logs that."""
        super().__init__(self._jumping)
        self.set_exception_handler(_keep_callback_error)

    def time(self) -> float:
        """Seconds of virtual time since the loop was made."""
        return self._jumping.now


def run_virtual(coro: Coroutine[Any, Any, T]) -> T:
    """Run a coroutine on a fresh virtual loop, for a plain (not async) test function.

    Raises what it raises, and what a callback of the loop has raised meanwhile.
    """
    loop = VirtualTimeLoop()
    with asyncio.Runner(loop_factory=lambda: loop) as runner:
        result = runner.run(coro)
    if loop.callback_errors:
        raise loop.callback_errors[0]
    return result


def _keep_callback_error(loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
    error = context.get("exception")
    if isinstance(loop, VirtualTimeLoop) and "handle" in context and error is not None:
        loop.callback_errors.append(error)
    loop.default_exception_handler(context)
