"""One OS process, watched through a pidfd; and the reaper of those nobody watches.

A pidfd becomes readable at the death of its process, also when somebody else forked it
and it was re-parented to us, and a signal sent through it can't hit a stranger that got
the same pid.
"""

from __future__ import annotations

import asyncio
import logging
import os
import signal
from collections.abc import Callable

from msgspec import Struct

from agentd.aio.timing import now, within

from .exit import WaitStatus, describe_status

logger = logging.getLogger("agentd.supervisor")

KILL_TIMEOUT = 5.0
"""Seconds until a killed process is seen dead. SIGKILL works at once, but for a process that the
kernel itself holds up, which may be for ever (a dead network file system, a broken driver)."""

REMEMBERED_ORPHANS = 64
"""A child may die before the template's word of its birth arrives; its status waits here."""


class Usage(Struct, frozen=True):
    """What a process had used when it ended (getrusage(2))."""

    max_rss_mb: float
    """The most memory that was resident at once; a forked child begins with its template's."""
    cpu_seconds: float
    """User and system time, with that of processes that it had waited for."""


class Remains(Struct, frozen=True):
    """What is left of a process."""

    status: WaitStatus = WaitStatus()
    usage: Usage | None = None


class OsProcess:
    """A process of ours, from the moment we learn its pid until it is reaped."""

    def __init__(self, pid: int, pidfd: int | None, remains: Remains | None) -> None:
        self.pid = pid
        self.usage: Usage | None = None
        """Known after its death, and only if it was ours to wait for."""
        self._pidfd = pidfd
        self._exited: asyncio.Future[WaitStatus] = asyncio.get_running_loop().create_future()
        self._callbacks: list[Callable[[], None]] = []
        if remains is not None:
            self.usage = remains.usage
            self._exited.set_result(remains.status)

    @property
    def status(self) -> WaitStatus | None:
        """How it ended; None while it lives."""
        return self._exited.result() if self._exited.done() else None

    async def wait(self) -> WaitStatus:
        """Wait for the death and return how it came."""
        return await asyncio.shield(self._exited)

    async def wait_killed(self, offender: str) -> WaitStatus:
        """Wait for the death that a SIGKILL must bring; its status is unknown when it is given up.

        `offender`: whose process it is. One that ends later than that is reaped all the same.
        """
        try:
            return await within(now() + KILL_TIMEOUT, self.wait())
        except TimeoutError:
            logger.error(
                "a killed process does not end, and is waited for no longer",
                extra={
                    "action": "reap_failed",
                    "offender": offender,
                    "offender_pid": self.pid,
                    "reason": f"SIGKILL has had no effect for {KILL_TIMEOUT:g} s: "
                    "the kernel holds it up (state D in ps)",
                },
            )
            return WaitStatus()

    def on_exit(self, callback: Callable[[], None]) -> None:
        """Have something called right after the death; at once if it is dead already."""
        if self._exited.done():
            callback()
        else:
            self._callbacks.append(callback)

    def signal(self, number: int) -> None:
        """Send a signal, a real-time one too; nothing happens when it is dead."""
        if self._pidfd is None or self._exited.done():
            return
        try:
            signal.pidfd_send_signal(self._pidfd, number)
        except ProcessLookupError:
            return  # it died this moment; the pidfd will say so

    def settle(self, remains: Remains) -> None:
        """Take note of the death. The reaper calls this, once."""
        if self._exited.done():
            return
        if self._pidfd is not None:
            asyncio.get_running_loop().remove_reader(self._pidfd)
            os.close(self._pidfd)
            self._pidfd = None
        self.usage = remains.usage
        self._exited.set_result(remains.status)
        callbacks, self._callbacks = self._callbacks, []
        for callback in callbacks:
            callback()


class Reaper:
    """Reaps every child of this process: watched ones through their pidfd, orphans on SIGCHLD."""

    def __init__(self) -> None:
        self._watched: dict[int, OsProcess] = {}
        self._orphans: dict[int, Remains] = {}

    def start(self) -> None:
        """Begin to collect orphans; needs the running loop of the main thread."""
        # uvloop keeps SIGCHLD for itself and refuses `add_signal_handler`. A handler that does
        # nothing but wake the loop comes to the same: all work is done there.
        loop = asyncio.get_running_loop()
        signal.signal(signal.SIGCHLD, lambda _number, _frame: loop.call_soon(self._handle_sigchld))

    def stop(self) -> None:
        """Collect no more; watched processes are still told of."""
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)

    def watch(self, pid: int) -> OsProcess:
        """Watch a child of ours, also one that has died already."""
        try:
            pidfd = os.pidfd_open(pid)
        except ProcessLookupError:
            return OsProcess(pid, None, self._orphans.pop(pid, Remains()))
        process = OsProcess(pid, pidfd, None)
        self._watched[pid] = process
        asyncio.get_running_loop().add_reader(pidfd, self._reap_watched, process)
        return process

    def _reap_watched(self, process: OsProcess) -> None:
        self._watched.pop(process.pid, None)
        process.settle(_collect(process.pid))

    def _handle_sigchld(self) -> None:
        while (pid := _next_zombie()) is not None:
            process = self._watched.get(pid)
            if process is not None:
                self._reap_watched(process)
            else:
                self._reap_orphan(pid)

    def _reap_orphan(self, pid: int) -> None:
        remains = _collect(pid)
        while len(self._orphans) >= REMEMBERED_ORPHANS:
            del self._orphans[next(iter(self._orphans))]
        self._orphans[pid] = remains
        logger.debug(
            "orphan reaped",
            extra={
                "action": "orphan_reaped",
                "orphan_pid": pid,
                "reason": describe_status(remains.status),
            },
        )


def _next_zombie() -> int | None:
    try:
        info = os.waitid(os.P_ALL, 0, os.WEXITED | os.WNOHANG | os.WNOWAIT)
    except ChildProcessError:
        return None
    return info.si_pid if info is not None else None


def _collect(pid: int) -> Remains:
    try:
        found, status, used = os.wait4(pid, os.WNOHANG)
    except ChildProcessError:  # not ours to wait for: it was adopted, its status went elsewhere
        return Remains()
    if found == 0:
        return Remains()
    usage = Usage(used.ru_maxrss / 1024, used.ru_utime + used.ru_stime)
    if os.WIFSIGNALED(status):
        number, dumped = os.WTERMSIG(status), os.WCOREDUMP(status)
        return Remains(WaitStatus(signal=number, core_dumped=dumped), usage)
    return Remains(WaitStatus(code=os.WEXITSTATUS(status)), usage)
