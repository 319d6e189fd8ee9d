"""A drain: nothing new is taken, jobs end within the drain timeout, then they are ended.

One that was asked for by a request can be taken back as long as jobs go on by themselves; then the
daemon serves as before. One that a signal asked for can't: whoever sent it waits for our end.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable

from agentd.aio.tasks import TaskOwner
from agentd.aio.timing import now, within
from agentd.errors import ControlRefused, SupervisionError
from agentd.management.views import DrainView

from .configure import child_spec
from .exits import ExitCode
from .parts import Parts
from .signals import StopRequests

logger = logging.getLogger("agentd.daemon")

Watcher = tuple[Callable[[], Awaitable[None]], Callable[[], Awaitable[None]]]
"""How the watcher of the app's files is stopped and started."""


class Draining:
    """What follows each request to stop. `run` it once for each."""

    def __init__(
        self, parts: Parts, stop: StopRequests, *, dev: bool, watcher: Watcher | None
    ) -> None:
        self._parts = parts
        self._stop = stop
        self._dev = dev
        self._watcher = watcher
        self._deadline_at: float | None = None
        """When the jobs that are left are ended; None while nothing is drained."""
        self._ending = False
        self.on_change: Callable[[], None] = _tell_nobody
        """Called when a drain begins or is taken back."""

    def view(self) -> DrainView:
        """How far it has come."""
        jobs_left = self._parts.base.desk.job_count
        if self._deadline_at is None:
            return DrainView(jobs_left=jobs_left)
        left = self._deadline_at - now()
        return DrainView(
            draining=True,
            reason=self._stop.reason,
            jobs_left=jobs_left,
            seconds_left=max(0.0, left),
            ending=left <= 0,
            final=self._stop.final,
        )

    def take_back(self, reason: str) -> None:
        """Serve on; raises ControlRefused where that can't be any more."""
        if not self._stop.requested.is_set():
            raise ControlRefused(
                "the daemon does not drain: there is nothing to take back", code="conflict"
            )
        if self._stop.final:
            raise ControlRefused(
                f"this drain was asked for by a signal ({self._stop.reason}) and can't be taken "
                "back: whoever sent it waits for the daemon's end. Start another daemon, it can "
                "run beside this one.",
                code="conflict",
            )
        if self._ending or (self._deadline_at is not None and not self._parts.base.desk.job_count):
            raise ControlRefused(
                "it is too late: the daemon ends already, since "
                + ("the drain timeout is over" if self._ending else "its last job has ended"),
                code="conflict",
            )
        drained_for = self._stop.reason
        self._stop.take_back()
        logger.info(
            "the drain is taken back",
            extra={
                "action": "undraining",
                "reason": reason,
                "drained_for": drained_for,
                "jobs": self._parts.base.desk.job_count,
            },
        )

    async def run(self) -> ExitCode | None:
        """See a drain through; None when it was taken back, so that the daemon serves on."""
        self._stop.taken_back.clear()
        if not self._stop.requested.is_set():
            return None  # it was taken back before it began
        base, timeout = self._parts.base, self._parts.resolved.settings.jobs.drain_timeout
        logger.info(
            "draining",
            extra={
                "action": "draining",
                "reason": self._stop.reason,
                "jobs": base.desk.job_count,
                "drain_timeout": timeout,
            },
        )
        self._deadline_at = now() + timeout
        base.desk.drain(self._stop.reason)
        self.on_change()
        if self._watcher is not None:
            await self._watcher[0]()  # a reload would only make more work
        base.pool.close_to_jobs("the daemon is stopping")
        ended = await self._wait_ended(timeout)
        if self._stop.taken_back.is_set():
            await self._serve_on()
            return None
        self._ending = True
        return await self._end(timeout, all_ended=ended)

    async def _wait_ended(self, timeout: float) -> bool:
        """Until no job is left, the time is over, or it is taken back; says whether none is."""
        async with TaskOwner("drain") as tasks:
            ended = tasks.start(
                self._parts.base.desk.wait_ended(timeout), name="ended", report=False
            )
            taken_back = tasks.start(self._stop.taken_back.wait(), name="taken-back")
            await asyncio.wait({ended, taken_back}, return_when=asyncio.FIRST_COMPLETED)
            return ended.done() and ended.result()

    async def _serve_on(self) -> None:
        base = self._parts.base
        self._deadline_at = None
        base.pool.open_to_jobs()
        base.desk.undrain()
        self.on_change()
        if self._watcher is not None:
            await self._watch_again(self._watcher)
        logger.info("serving again", extra={"action": "undrained", "jobs": base.desk.job_count})

    async def _watch_again(self, watcher: Watcher) -> None:
        try:
            await watcher[1]()
        except SupervisionError as error:
            logger.warning(
                "the app's files are not watched any more; `agentd reload` imports it anew",
                extra={"action": "watch_failed", "reason": str(error)},
            )

    async def _end(self, timeout: float, *, all_ended: bool) -> ExitCode:
        base = self._parts.base
        if not all_ended:
            self._warn_of_jobs(timeout)
        # Also when all have ended: a child whose offer came to nothing is warm again.
        base.pool.shutdown_jobs("the daemon is stopping")
        await self._wait_empty()
        await self._parts.link.aclose()
        logger.info("stopped", extra={"action": "stopped", "reason": self._stop.reason})
        return ExitCode.OK if all_ended or self._dev else ExitCode.DRAIN_TIMEOUT

    def _warn_of_jobs(self, timeout: float) -> None:
        logger.warning(
            "ending the jobs that are left",
            extra={
                "action": "drain_timeout",
                "jobs": self._parts.base.desk.job_count,
                "reason": f"the drain timeout of {timeout:g} s is over",
            },
        )

    async def _wait_empty(self) -> None:
        """Children keep to budgets of their own; this bound is for the sum of them."""
        pool, spec = self._parts.base.pool, child_spec(self._parts.resolved.settings)
        try:
            await within(now() + spec.job_shutdown_timeout + spec.exit_timeout, pool.wait_empty())
        except TimeoutError:
            logger.error(
                "children outlasted their budgets and are killed", extra={"action": "kill_children"}
            )
            pool.kill("its budget is spent")


def _tell_nobody() -> None:
    return
