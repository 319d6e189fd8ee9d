"""Assignments that are waited for: LiveKit's next word after an offer was accepted."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager

from agentd.aio.timing import now, within
from agentd.errors import AssignmentTimeout
from agentd.protocol.ids import JobId
from agentd.protocol.job import JobAssignment


class Expected:
    """One assignment that is to come."""

    def __init__(self) -> None:
        self._arrived: asyncio.Future[JobAssignment] = asyncio.get_running_loop().create_future()

    async def wait(self, timeout: float) -> JobAssignment:
        """Raises AssignmentTimeout, after `timeout` seconds or when it can't come any more."""
        try:
            return await within(now() + timeout, self._arrived)
        except AssignmentTimeout:
            raise
        except TimeoutError:
            if self._arrived.done() and not self._arrived.cancelled():
                return self._arrived.result()  # it came in the very last moment
            raise AssignmentTimeout(f"LiveKit assigned nothing within {timeout:g} s") from None

    def arrive(self, assignment: JobAssignment) -> bool:
        """It is there; False where nobody waits for it any more."""
        if self._arrived.done():
            return False
        self._arrived.set_result(assignment)
        return True

    def give_up(self, why: str) -> None:
        """It will not come."""
        if not self._arrived.done():
            self._arrived.set_exception(AssignmentTimeout(why))


class Assignments:
    """Those of all offers that are being accepted."""

    def __init__(self) -> None:
        self._expected: dict[JobId, Expected] = {}

    @contextmanager
    def expect(self, job_id: JobId) -> Iterator[Expected]:
        """Take this job's assignment for the length of a block: from before it is accepted."""
        expected = self._expected[job_id] = Expected()
        try:
            yield expected
        finally:
            del self._expected[job_id]

    def arrive(self, assignment: JobAssignment) -> bool:
        """One has come; says whether somebody has waited for it."""
        expected = self._expected.get(assignment.job_id)
        return expected is not None and expected.arrive(assignment)

    def give_up(self, why: str) -> None:
        """None of them will come any more."""
        for expected in self._expected.values():
            expected.give_up(why)
