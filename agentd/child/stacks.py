"""The stacks of a child's threads and tasks on its standard error, when a signal asks.

For a supervisor whose child does not answer: threads come from faulthandler, which needs no
cooperation of the interpreter; tasks from Python, as soon as its main thread gets to run. One that
is well is asked gently: there both come from Python.
"""

from __future__ import annotations

import faulthandler
import signal
import sys
import threading
import traceback
from collections.abc import Callable, Iterator
from types import FrameType

from agentd.aio.taskstacks import MAX_DEPTH, all_tasks, describe_task
from agentd.protocol.app import (
    STACKS_END_LINE,
    STACKS_GENTLY_SIGNAL,
    STACKS_SIGNAL,
    STACKS_TASKS_LINE,
)

from .stdio import DroppingPipe

MAX_BYTES = 48 * 1024
"""Of the part with the tasks: it and the threads fit into a pipe of the usual 64 KiB, and what does
not would be dropped, the end of it first, while the supervisor has other things to do."""

MAX_THREADS_BYTES = 12 * 1024
"""Of the part with the threads, where it comes beside that."""

THREADS_LINE = "-- threads --"

STDERR_FD = 2


def answer_stacks_signal() -> None:
    """Answer both signals from now on. In the main thread."""
    signal.signal(STACKS_GENTLY_SIGNAL, _write_all)
    signal.signal(STACKS_SIGNAL, _write_tasks)
    # Registered last: it writes the threads at once and passes the signal on to Python.
    faulthandler.register(STACKS_SIGNAL, file=STDERR_FD, all_threads=True, chain=True)


def _write_all(_number: int, interrupted: FrameType | None) -> None:
    _write(lambda: all_text(interrupted))


def _write_tasks(_number: int, interrupted: FrameType | None) -> None:
    _write(lambda: tasks_text(interrupted))


def _write(make: Callable[[], str]) -> None:
    try:
        text = make()
    # This runs amid whatever the user's code was doing, and must not raise there.
    except Exception as error:  # noqa: BLE001
        text = f"{STACKS_TASKS_LINE}\nnot to be had: {error!r}\n{STACKS_END_LINE}\n"
    DroppingPipe(STDERR_FD).write(text.encode("utf-8", "backslashreplace"))


def all_text(interrupted: FrameType | None = None) -> str:
    """The tasks, then the threads, as Python knows them; marked and bounded as `tasks_text`."""
    tasks = tasks_text(interrupted).removesuffix(f"{STACKS_END_LINE}\n")
    threads = "\n".join(thread_lines(interrupted))
    if len(threads) > MAX_THREADS_BYTES:
        threads = f"{threads[:MAX_THREADS_BYTES]}\n... (the rest is cut)"
    return f"{tasks}{THREADS_LINE}\n{threads}\n{STACKS_END_LINE}\n"


def thread_lines(interrupted: FrameType | None) -> Iterator[str]:
    """Each thread's name and where it is, the outermost frame first."""
    names = {thread.ident: thread.name for thread in threading.enumerate()}
    here = threading.get_ident()
    # Documented, for all its name: the only way to see another thread's stack.
    for ident, innermost in sys._current_frames().items():  # noqa: SLF001
        yield f"Thread {names.get(ident, hex(ident))}:"
        for frame, line in _outermost_first(interrupted if ident == here else innermost):
            code = frame.f_code
            yield f'  File "{code.co_filename}", line {line}, in {code.co_qualname}'


def _outermost_first(innermost: FrameType | None) -> list[tuple[FrameType, int]]:
    return list(traceback.walk_stack(innermost))[:MAX_DEPTH][::-1] if innermost is not None else []


def tasks_text(interrupted: FrameType | None = None, *, limit: int = MAX_BYTES) -> str:
    """The stacks of all tasks of the running loop, between the two lines that mark them.

    `interrupted` is where the running one is. At most `limit` characters; what is left out
    is said.
    """
    lines = [STACKS_TASKS_LINE]
    room = limit - 200  # for the lines around
    tasks = all_tasks()
    for number, task in enumerate(tasks):
        text = "\n".join(describe_task(task, interrupted))
        if len(text) >= room:
            lines.append(f"... {len(tasks) - number} tasks more")
            break
        lines.append(text)
        room -= len(text) + 1
    return "\n".join([*lines, STACKS_END_LINE, ""])
