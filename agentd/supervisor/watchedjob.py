"""The job of a child, as its supervisor follows it: how far it has come, and who hears of it."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Protocol

from agentd.errors import ChildError, ProtocolError
from agentd.protocol.frames import (
    Counted,
    HandedOver,
    JobBack,
    JobClosing,
    JobEnded,
    JobStarted,
    Snapshot,
)
from agentd.protocol.ids import JobId
from agentd.protocol.job import JobAnswer, JobOutcome

JobFrame = JobStarted | JobClosing | JobEnded | Snapshot | HandedOver | JobBack


class JobWatcher(Protocol):
    """Hears how a job fares.

    In the end comes one of `job_ended`, `job_lost` and `job_handed_over`, once.
    """

    def job_started(self) -> None: ...

    def job_closing(self, outcome: JobOutcome) -> None:
        """How it has ended, before its agent leaves the room; may not come."""
        ...

    def job_snapshot(self, version: int, data: bytes) -> None: ...

    def job_back(self) -> None:
        """A job that goes on here is in its room again."""
        ...

    def job_measured(self, turns: int, latency: Mapping[str, float]) -> None:
        """How many turns it has answered in this process, and how quick the last one was."""
        ...

    def job_kept(self, why: str) -> None:
        """It was asked to hand the job over and does not: the job runs on where it is."""
        ...

    def job_handed_over(self) -> None:
        """It has let go of the job, whose last snapshot was told before."""
        ...

    def job_ended(self, outcome: JobOutcome) -> None: ...

    def job_lost(self, why: str) -> None:
        """The process died with the job unfinished, and nobody had asked it to end."""
        ...


class WatchedJob:
    """At most one job: promised to the child, then perhaps given to it, then over."""

    def __init__(self) -> None:
        self.id: JobId | None = None
        """None while there is none; it stays when the job is over."""
        self.room = ""
        self.started = False
        """Whether its entrypoint has been called."""
        self.ended = False
        """Whether the child has told its end."""
        self._watcher: JobWatcher | None = None
        self._answer: asyncio.Future[JobAnswer] | None = None

    @property
    def unfinished(self) -> bool:
        """Whether it was given to the child, and its end has not been told."""
        return self._watcher is not None

    def give(self, room: str, watcher: JobWatcher) -> None:
        """The child has it from now on."""
        self.room, self._watcher = room, watcher

    # -- the app's answer to its offer -------------------------------------------------

    def expect_answer(self) -> asyncio.Future[JobAnswer]:
        """The next answer to this job's offer; ChildError when the child dies before it."""
        self._answer = asyncio.get_running_loop().create_future()
        return self._answer

    def note_answer(self, job_id: str, answer: JobAnswer) -> None:
        # An answer may cross with the Withdraw of its offer; it must not be taken for the
        # answer to the next one.
        if job_id == self.id and self._answer is not None and not self._answer.done():
            self._answer.set_result(answer)

    # -- what the child says of it -----------------------------------------------------

    def watcher_of(self, frame: JobFrame) -> JobWatcher:
        """Who watches the job that a frame is about; ProtocolError unless it is this one."""
        if frame.job_id != self.id or self._watcher is None:
            raise ProtocolError(
                f"a {type(frame).__name__} frame for the job '{frame.job_id}', not its own"
            )
        return self._watcher

    def note_started(self, frame: JobStarted) -> None:
        watcher = self.watcher_of(frame)
        if self.started:
            raise ProtocolError(f"a second JobStarted frame for the job '{frame.job_id}'")
        self.started = True
        watcher.job_started()

    def note_adopted(self, *, started: bool) -> None:
        """The child has come back with it."""
        self.started = started
        if started and self._watcher is not None:
            self._watcher.job_started()

    def note_measured(self, frame: Counted) -> None:
        """How it has fared so far; what comes after its end is too late."""
        if self._watcher is not None:
            self._watcher.job_measured(frame.turns, frame.latency)

    def end(self, outcome: JobOutcome) -> None:
        """The child has told its end."""
        self.ended = True
        watcher, self._watcher = self._watcher, None
        if watcher is not None:
            watcher.job_ended(outcome)

    def let_go(self) -> None:
        """It goes on elsewhere: nobody is told what becomes of this process."""
        self._watcher = None

    def lose(self, why: str, *, asked: bool) -> None:
        """The process is dead: whoever waits for a word from it hears that.

        `asked`: it had been asked to end, so that the job need not go on.
        """
        watcher, self._watcher = self._watcher, None
        if self._answer is not None and not self._answer.done():
            self._answer.set_exception(ChildError(why))
        if watcher is None:
            return
        if asked:
            watcher.job_ended(JobOutcome(outcome="failed", error=why))
        else:
            watcher.job_lost(why)
