"""Failures that nobody awaits, in the log."""

from __future__ import annotations

import functools
import inspect
import logging
from collections.abc import Callable
from typing import Any, TypeVar

FunctionT = TypeVar("FunctionT", bound=Callable[..., Any])


def log_exceptions(
    msg: str = "", logger: logging.Logger | None = None
) -> Callable[[FunctionT], FunctionT]:
    """Log what a function, or a coroutine function, raises, with its traceback; and raise it on."""
    log = logger or logging.getLogger()

    def failed(function: Callable[..., Any], error: Exception) -> None:
        name = getattr(function, "__qualname__", repr(function))
        log.error(
            msg or "a function failed",
            exc_info=error,
            extra={"action": "function_failed", "function": name},
        )

    def decorate(function: FunctionT) -> FunctionT:
        @functools.wraps(function)
        async def run_async(*args: Any, **kwargs: Any) -> Any:
            try:
                return await function(*args, **kwargs)
            except Exception as error:
                failed(function, error)
                raise

        @functools.wraps(function)
        def run(*args: Any, **kwargs: Any) -> Any:
            try:
                return function(*args, **kwargs)
            except Exception as error:
                failed(function, error)
                raise

        return run_async if inspect.iscoroutinefunction(function) else run  # type: ignore[return-value]

    return decorate
