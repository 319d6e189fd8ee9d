"""Where asyncio's tasks are, as lines that look like a traceback's. Looks only, never raises."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from types import FrameType
from typing import Any

MAX_DEPTH = 64
"""Frames of one task that are shown, the outermost first."""


def all_tasks() -> list[asyncio.Task[Any]]:
    """Those of the running loop, by name; none where no loop runs."""
    try:
        return sorted(asyncio.all_tasks(), key=lambda task: task.get_name())
    except RuntimeError:
        return []


def describe_task(task: asyncio.Task[Any], interrupted: FrameType | None = None) -> Iterator[str]:
    """Its name and where it waits, line by line; `interrupted` is where the running one is."""
    running = task is asyncio.current_task()
    yield f"Task {task.get_name()}{' (running)' if running else ''}:"
    frames = list(_awaiting(task.get_coro()))
    if running and frames:
        frames += _called_from(frames[0], interrupted)
    for frame in frames[:MAX_DEPTH]:
        code = frame.f_code
        yield f'  File "{code.co_filename}", line {frame.f_lineno}, in {code.co_qualname}'


def _awaiting(awaited: Any) -> Iterator[FrameType]:
    """Frames from a task's outermost coroutine to where it waits."""
    while (frame := _first(awaited, "cr_frame", "gi_frame", "ag_frame")) is not None:
        yield frame
        awaited = _first(awaited, "cr_await", "gi_yieldfrom", "ag_await")


def _called_from(outermost: FrameType, innermost: FrameType | None) -> list[FrameType]:
    """Frames below the outermost, which a coroutine that runs does not tell of."""
    frames: list[FrameType] = []
    while innermost is not None and innermost is not outermost:
        frames.append(innermost)
        innermost = innermost.f_back
    return frames[::-1]


def _first(thing: object, *names: str) -> Any:
    """The first of these attributes that is there and not None."""
    found = (getattr(thing, name, None) for name in names)
    return next((value for value in found if value is not None), None)
