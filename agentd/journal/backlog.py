"""What waits to be written: bounded, and merged where only the latest counts."""

from __future__ import annotations

from collections.abc import Callable
from threading import Event, Lock

from msgspec import Struct

from agentd.protocol.ids import JobId

from .records import Batch, ClaimRecord, EventRecord, JobRecord, PostMortem, SnapshotRecord
from .store import Store

MAX_EVENTS = 10_000
MAX_POST_MORTEMS = 500
MAX_REQUESTS = 100
MAX_JOBS = 5_000
"""Jobs that changed since the last write; see `put_job`."""

MAX_CLAIMS = 1_000
"""Claims that began or ended since the last write: some a second at most."""

LINGER = 0.05
"""Seconds that events wait for company, so that a busy daemon writes twenty times a second."""

Request = Callable[[Store], None]
"""Something to do with the store once everything before it has been written."""


class Work(Struct, frozen=True, kw_only=True):
    """All that was waiting."""

    batch: Batch
    requests: tuple[Request, ...]
    dropped: int
    """Records that found no room since the last time."""
    closed: bool


class Backlog:
    """Filled by any thread without waiting; emptied by the writer."""

    def __init__(self, *, max_events: int = MAX_EVENTS, max_jobs: int = MAX_JOBS) -> None:
        self._max_events = max_events
        self._max_jobs = max_jobs
        self._lock = Lock()  # held for the time of an append; the writer swaps, never copies
        self._some = Event()
        self._urgent = Event()
        self._jobs: dict[JobId, JobRecord] = {}
        self._snapshots: dict[JobId, SnapshotRecord] = {}
        self._claims: dict[str, ClaimRecord] = {}
        self._events: list[EventRecord] = []
        self._post_mortems: list[PostMortem] = []
        self._requests: list[Request] = []
        self._dropped = 0
        self._closed = False

    # -- filling: each says whether there was room --------------------------------------

    def put_job(self, job: JobRecord) -> bool:
        """Replaces what waits for the same job.

        When full, only a job that was offered and came to nothing finds no room: those can
        come by the thousand, while jobs that ran are as few as the slots make them.
        """
        with self._lock:
            came_to_nothing = not job.unfinished and job.assigned_at is None
            full = len(self._jobs) >= self._max_jobs and job.id not in self._jobs
            if full and came_to_nothing:
                self._dropped += 1
                return False
            self._jobs[job.id] = job
        self._wake(urgent=True)
        return True

    def put_snapshot(self, snapshot: SnapshotRecord) -> None:
        """Replaces what waits for the same job."""
        with self._lock:
            self._snapshots[snapshot.job] = snapshot
        self._wake(urgent=True)

    def put_claim(self, claim: ClaimRecord) -> bool:
        """Replaces what waits for the same claim."""
        with self._lock:
            if len(self._claims) >= MAX_CLAIMS and claim.dispatch not in self._claims:
                self._dropped += 1
                return False
            self._claims[claim.dispatch] = claim
        self._wake(urgent=True)
        return True

    def put_event(self, event: EventRecord) -> bool:
        with self._lock:
            if len(self._events) >= self._max_events:
                self._dropped += 1
                return False
            self._events.append(event)
        self._wake()
        return True

    def put_post_mortem(self, post_mortem: PostMortem) -> bool:
        with self._lock:
            if len(self._post_mortems) >= MAX_POST_MORTEMS:
                self._dropped += 1
                return False
            self._post_mortems.append(post_mortem)
        self._wake(urgent=True)
        return True

    def put_request(self, request: Request) -> bool:
        """False when nobody would answer: it is closed, or the writer hangs."""
        with self._lock:
            if self._closed or len(self._requests) >= MAX_REQUESTS:
                return False
            self._requests.append(request)
        self._wake(urgent=True)
        return True

    def close(self) -> None:
        """Let the writer end once it has written what waits. May be repeated."""
        with self._lock:
            self._closed = True
        self._wake(urgent=True)

    @property
    def waiting(self) -> int:
        """Records that wait."""
        with self._lock:
            return len(self._batch())

    # -- emptying ------------------------------------------------------------------------

    def wait(self, timeout: float | None) -> None:
        """Wait for something to do; with nothing but events, a little longer for more."""
        if self._some.wait(timeout):
            self._urgent.wait(LINGER)

    def take(self) -> Work:
        """All that waits, also if that is nothing."""
        with self._lock:
            self._some.clear()
            self._urgent.clear()
            batch, requests, dropped = self._batch(), tuple(self._requests), self._dropped
            self._jobs, self._snapshots, self._claims = {}, {}, {}
            self._events, self._post_mortems, self._requests = [], [], []
            self._dropped = 0
            return Work(batch=batch, requests=requests, dropped=dropped, closed=self._closed)

    def _batch(self) -> Batch:
        return Batch(
            jobs=tuple(self._jobs.values()),
            snapshots=tuple(self._snapshots.values()),
            claims=tuple(self._claims.values()),
            events=tuple(self._events),
            post_mortems=tuple(self._post_mortems),
        )

    def _wake(self, *, urgent: bool = False) -> None:
        if urgent and not self._urgent.is_set():
            self._urgent.set()
        if not self._some.is_set():
            self._some.set()
