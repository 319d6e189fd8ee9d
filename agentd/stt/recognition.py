"""One utterance into text, over as many attempts as it takes."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

from agentd.errors import APIError, APITimeoutError, ModelError
from agentd.resilience import APIConnectOptions

from .events import SpeechData


async def recognize_with_retries(
    attempt: Callable[[], Awaitable[SpeechData]],
    options: APIConnectOptions,
    *,
    label: str,
    on_failure: Callable[[APIError, bool], None],
) -> SpeechData:
    """Try until it works; raises the last APIError when it does not.

    `on_failure` hears of each failed try, and whether another follows.
    """
    retry = 0
    while True:
        try:
            return await _one_try(attempt, options.timeout, label)
        except APIError as error:
            again = error.retryable and retry < options.max_retry
            on_failure(error, again)
            if not again:
                raise
        await asyncio.sleep(options.pause_before(retry))
        retry += 1


async def _one_try(
    attempt: Callable[[], Awaitable[SpeechData]], timeout: float, label: str
) -> SpeechData:
    try:
        async with asyncio.timeout(timeout):
            return await attempt()
    except APIError:
        raise
    except TimeoutError as error:
        raise APITimeoutError(f"{label} gave no answer within {timeout} s") from error
    except ModelError as error:
        raise APIError(str(error), retryable=error.retryable) from error
    except Exception as error:  # the border to a plugin, which may raise anything
        raise APIError(f"{label} failed: {error!r}") from error
