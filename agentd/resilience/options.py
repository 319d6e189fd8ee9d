"""What one call to a service may cost."""

from __future__ import annotations

from msgspec import Struct

FIRST_RETRY = 0.1
"""Seconds before the first retry: most faults are over at once."""


class APIConnectOptions(Struct, frozen=True, kw_only=True):
    """Tries and time; the defaults are livekit-agents' (row 115)."""

    max_retry: int = 3
    """Tries after the first."""
    retry_interval: float = 2.0
    """Seconds between two of them, from the second on."""
    timeout: float = 10.0
    """Seconds for one try to give its first result."""
    total_timeout: float | None = None
    """Seconds for all tries, pauses and all, to give a first result; None: as many as they take.

    Where audio or text comes in meanwhile, only the pauses are held to it."""

    def __post_init__(self) -> None:
        if self.max_retry < 0:
            raise ValueError(f"max_retry must not be negative, but is {self.max_retry}")
        if self.retry_interval < 0 or self.timeout <= 0:
            raise ValueError(
                f"retry_interval ({self.retry_interval}) and timeout ({self.timeout}) "
                "must be positive"
            )
        if self.total_timeout is not None and self.total_timeout <= 0:
            raise ValueError(f"total_timeout ({self.total_timeout}) must be positive, or None")

    def pause_before(self, retry: int) -> float:
        """Seconds to wait before a retry, counted from 0; at most, for calls to the outside."""
        return FIRST_RETRY if retry == 0 else self.retry_interval


DEFAULT_API_CONNECT_OPTIONS = APIConnectOptions()
