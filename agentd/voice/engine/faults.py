"""Failures of models: counted, told to the user's code, and too many of them end the session.

Those of a model whose service is out are not counted: see `outages`.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Any

from agentd.aio.timing import wall_time
from agentd.errors import APIError
from agentd.llm.stream import LLMError
from agentd.realtime.base import RealtimeModelError
from agentd.stt.events import STTError
from agentd.tts.events import TTSError
from agentd.voice.bench import ModelKind
from agentd.voice.events import ErrorEvent
from agentd.voice.options import OutageKind

from .outages import Outages

logger = logging.getLogger("agentd.voice")

_ERRORS: dict[ModelKind, type[Any]] = {
    "stt": STTError,
    "llm": LLMError,
    "tts": TTSError,
    "realtime": RealtimeModelError,
}


class Faults:
    """Counts failures in a row, for each kind of model apart (row 114)."""

    def __init__(
        self,
        *,
        limit: int,
        outages: Outages,
        emit: Callable[[ErrorEvent], None],
        give_up: Callable[[Any], None],
    ) -> None:
        """`give_up` is called with the error when one kind has failed more often than `limit`."""
        self._limit = limit
        self._outages = outages
        self._emit = emit
        self._give_up = give_up
        self._counts: dict[ModelKind, int] = {}
        self._gave_up = False

    def failed(self, kind: ModelKind, error: BaseException, source: Any) -> bool:
        """See FaultDesk: all tries of one call were used up."""
        if self._gave_up:
            return False  # the session is closing for it
        service = self._outages.service_out(kind, error, source)
        if service is None:
            self._counts[kind] = self._counts.get(kind, 0) + 1
        told = _error(kind, error, source)
        self._log(kind, error, source)
        self._emit(ErrorEvent(error=told, source=source))
        if service is not None:
            assert kind != "vad"
            self._outages.failed(kind, told, source, service)
        elif kind == "realtime" or self._counts[kind] > self._limit:
            self._gave_up = True
            self._give_up(told)
        return service is not None

    def worked(self, kind: ModelKind) -> None:
        """A model has done its work."""
        self._counts.pop(kind, None)
        self._outages.worked(kind)

    async def until_usable(self, kind: OutageKind) -> None:
        """See FaultDesk."""
        await self._outages.over(kind)

    def missed(self, kind: OutageKind) -> bool:
        """See FaultDesk."""
        return self._outages.missed(kind)

    def _log(self, kind: ModelKind, error: BaseException, source: Any) -> None:
        logger.error(
            "a model failed",
            exc_info=None if isinstance(error, APIError) else error,
            extra={
                "action": "model_failed",
                "kind": kind,
                "model": getattr(source, "label", ""),
                "error": f"{type(error).__name__}: {error}",
                "in_a_row": self._counts.get(kind, 0),
                "limit": self._limit,
            },
        )


def _error(kind: ModelKind, error: BaseException, source: Any) -> Any:
    made = _ERRORS.get(kind)
    if made is None:
        return error
    return made(
        timestamp=wall_time(),
        label=getattr(source, "label", ""),
        error=error,
        recoverable=False,
    )
