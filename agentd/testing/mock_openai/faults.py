"""Ways in which an HTTP service fails, and the plan of when it does."""

from __future__ import annotations

from collections.abc import Iterable
from enum import StrEnum

from msgspec import Struct


class HttpFaultKind(StrEnum):
    """What goes wrong with one request."""

    STATUS = "status"
    """It is refused with `status`, and `retry_after` where that is set."""
    SLOW_FIRST_BYTE = "slow_first_byte"
    """Nothing comes for `seconds`, then all is well."""
    STALL = "stall"
    """After `after` pieces nothing more comes; the connection stays open."""
    RESET = "reset"
    """After `after` pieces the connection is reset."""
    TRUNCATED = "truncated"
    """After `after` pieces half of the next one comes, and the body ends as if it were whole."""
    WRONG_TYPE = "wrong_type"
    """A page of HTML with status 200, as a proxy gives it."""
    EMPTY = "empty"
    """Status 200 and an empty body."""


class HttpFault(Struct, frozen=True, kw_only=True):
    """A fault of one request."""

    kind: HttpFaultKind
    after: int = 1
    """Pieces (events of a stream, chunks of audio) that come before it; 0 for none."""
    status: int = 500
    retry_after: float | None = None
    """Seconds, in the header Retry-After of a refusal."""
    seconds: float = 30.0
    body: str = '{"error": {"message": "scripted to fail", "type": "server_error"}}'
    """Of a refusal."""


class FaultsPlan:
    """One entry for each request of an endpoint, in their order; those after the last go well."""

    def __init__(self, faults: Iterable[HttpFault | None] = ()) -> None:
        self._next = list(faults)
        self._always: HttpFault | None = None

    def add(self, *faults: HttpFault | None) -> None:
        """Let the next requests fail, or go well."""
        self._next += faults

    def always(self, fault: HttpFault | None) -> None:
        """From now on every request fails like this, after those that are planned; None ends it."""
        self._always = fault

    def take(self) -> HttpFault | None:
        """What the request that has just come does; None where it goes well."""
        return self._next.pop(0) if self._next else self._always
