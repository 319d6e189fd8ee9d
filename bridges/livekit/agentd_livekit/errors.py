"""Failures of livekit plugins as failures of agentd."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from livekit.agents import APIConnectionError as LkConnectionError
from livekit.agents import APIError as LkError
from livekit.agents import APIStatusError as LkStatusError
from livekit.agents import APITimeoutError as LkTimeoutError
from livekit.agents.llm import RealtimeError as LkRealtimeError

from agentd.errors import APIConnectionError, APIError, APIStatusError, APITimeoutError

RETRY_AFTER = "retry-after"


@contextmanager
def translated() -> Iterator[None]:
    """Raise ours for theirs within the block; what is neither passes, for the base class."""
    try:
        yield
    except (LkError, LkRealtimeError) as error:
        raise as_ours(error) from error


def as_ours(error: Exception) -> APIError:
    """The same failure; whether another attempt makes sense is kept."""
    if isinstance(error, LkStatusError):
        return APIStatusError(
            error.message,
            status_code=error.status_code,
            request_id=error.request_id,
            body=error.body,
            retryable=error.retryable,
            retry_after=_retry_after(error),
        )
    if isinstance(error, LkTimeoutError):
        return APITimeoutError(str(error), body=error.body, retryable=error.retryable)
    if isinstance(error, LkConnectionError):
        return APIConnectionError(str(error), body=error.body, retryable=error.retryable)
    if isinstance(error, LkError):
        return APIError(error.message, body=error.body, retryable=error.retryable)
    if isinstance(error, APIError):
        return error
    return APIError(str(error) or type(error).__name__)


def _retry_after(error: Exception) -> float | None:
    """Seconds that the service asked for, where a plugin has kept the SDK's error as the cause.

    Many raise `from None`, and then nothing is known.
    """
    response: Any = getattr(error.__cause__, "response", None)
    headers = getattr(response, "headers", None) or {}
    try:
        seconds = float(headers.get(RETRY_AFTER, ""))
    except ValueError:  # none, or a date
        return None
    return seconds if seconds >= 0 else None
