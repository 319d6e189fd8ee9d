"""The stacks of a child's threads and tasks on its standard error, when a signal asks.

For a supervisor whose child does not answer: threads come from faulthandler, which needs no
cooperation of the interpreter; tasks from Python, as soon as its main thread gets to run.
"""

from __future__ import annotations

import asyncio
import faulthandler
import signal
from collections.abc import Iterator
from types import FrameType
from typing import Any

from agentd.protocol.app import STACKS_END_LINE, STACKS_SIGNAL, STACKS_TASKS_LINE

from .stdio import DroppingPipe

MAX_BYTES = 48 * 1024
"""Of the part with the tasks: it and the threads fit into a pipe of the usual 64 KiB, and what does
not would be dropped, the end of it first, while the supervisor has other things to do."""
MAX_DEPTH = 64
"""Frames of one task that are shown, the outermost first."""

STDERR_FD = 2


def answer_stacks_signal() -> None:
    """Answer STACKS_SIGNAL from now on. In the main thread."""
    signal.signal(STACKS_SIGNAL, _write_tasks)
    # Registered last: it writes the threads at once and passes the signal on to Python.
    faulthandler.register(STACKS_SIGNAL, file=STDERR_FD, all_threads=True, chain=True)


def _write_tasks(_number: int, interrupted: FrameType | None) -> None:
    try:
        text = tasks_text(interrupted)
    # This runs amid whatever the user's code was doing, and must not raise there.
    except Exception as error:  # noqa: BLE001
        text = f"{STACKS_TASKS_LINE}\nnot to be had: {error!r}\n{STACKS_END_LINE}\n"
    DroppingPipe(STDERR_FD).write(text.encode("utf-8", "backslashreplace"))


def tasks_text(interrupted: FrameType | None = None, *, limit: int = MAX_BYTES) -> str:
    """The stacks of all tasks of the running loop, between the two lines that mark them.

    `interrupted` is where the running one is. At most `limit` characters; what is left out
    is said.
    """
    lines = [STACKS_TASKS_LINE]
    room = limit - 200  # for the lines around
    tasks = sorted(_tasks(), key=lambda task: task.get_name())
    for number, task in enumerate(tasks):
        text = "\n".join(_describe(task, interrupted))
        if len(text) >= room:
            lines.append(f"... {len(tasks) - number} tasks more")
            break
        lines.append(text)
        room -= len(text) + 1
    return "\n".join([*lines, STACKS_END_LINE, ""])


def _tasks() -> set[asyncio.Task[Any]]:
    try:
        return asyncio.all_tasks()
    except RuntimeError:  # no loop runs
        return set()


def _describe(task: asyncio.Task[Any], interrupted: FrameType | None) -> Iterator[str]:
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
