"""One utterance into text, over as many attempts as it takes."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

from agentd.errors import APIError, APITimeoutError, ModelError
from agentd.resilience import APIConnectOptions, Retries, circuits

from .events import SpeechData


async def recognize_with_retries(
    attempt: Callable[[], Awaitable[SpeechData]],
    options: APIConnectOptions,
    *,
    label: str,
    circuit: str,
    on_failure: Callable[[APIError, bool], None],
) -> SpeechData:
    """Try until it works; raises the last APIError when it does not.

    `on_failure` hears of each failed try, and whether another follows.
    """
    retries = Retries(options, circuit)
    while True:
        try:
            with circuits().of(circuit).attempt():
                return await _one_try(attempt, retries.time, label)
        except APIError as error:
            pause = retries.after(error)
            on_failure(error, pause is not None)
            if pause is None:
                raise
        await asyncio.sleep(pause)


async def _one_try(
    attempt: Callable[[], Awaitable[SpeechData]], timeout: float, label: str
) -> SpeechData:
    try:
        async with asyncio.timeout(timeout):
            return await attempt()
    except APIError:
        raise
    except TimeoutError as error:
        raise APITimeoutError(f"{label} gave no answer within {round(timeout, 3)} s") from error
    except ModelError as error:
        raise APIError(str(error), retryable=error.retryable) from error
    except Exception as error:  # the border to a plugin, which may raise anything
        raise APIError(f"{label} failed: {error!r}") from error
