"""Jobs that wait for a warm child, in the order in which they are served."""

from __future__ import annotations

import asyncio
from collections import deque

from agentd.aio.timing import within
from agentd.protocol.ids import JobId

from .child import Child


class Place:
    """One job's place in the queue."""

    def __init__(self, job_id: JobId) -> None:
        self.job_id = job_id
        self.child: asyncio.Future[Child] = asyncio.get_running_loop().create_future()


class WaitingJobs:
    """A queue; who waits longest is next."""

    def __init__(self) -> None:
        self._places: deque[Place] = deque()

    def __len__(self) -> int:
        return len(self._places)

    @property
    def jobs(self) -> list[JobId]:
        """Who waits."""
        return [place.job_id for place in self._places]

    def join(self, job_id: JobId, *, urgent: bool = False) -> Place:
        """Wait from now on; `urgent`: before all that wait already."""
        place = Place(job_id)
        if urgent:
            self._places.appendleft(place)
        else:
            self._places.append(place)
        return place

    async def child_for(self, place: Place, deadline_at: float) -> Child:
        """The child that comes for a place, reserved; TimeoutError after the deadline.

        However this ends, the place is free then, and no child stays promised to nobody.
        """
        child = place.child
        try:
            return await within(deadline_at, child)
        except BaseException:
            if child.done() and not child.cancelled():  # it came in the very moment of the end
                child.result().release("nobody waits for it any more")
            raise
        finally:
            if place in self._places:
                self._places.remove(place)

    def serve(self, child: Child) -> None:
        """Reserve a warm child for who is next, if anybody waits."""
        while self._places:
            place = self._places.popleft()
            if not place.child.done():
                place.child.set_result(child)
                child.reserve(place.job_id)
                return
