"""The stacks of a child's threads and tasks on its standard error, when a signal asks.

For a supervisor whose child does not answer: threads come from faulthandler, which needs no
cooperation of the interpreter; tasks from Python, as soon as its main thread gets to run.
"""

from __future__ import annotations

import faulthandler
import signal
from types import FrameType

from agentd.aio.taskstacks import all_tasks, describe_task
from agentd.protocol.app import STACKS_END_LINE, STACKS_SIGNAL, STACKS_TASKS_LINE

from .stdio import DroppingPipe

MAX_BYTES = 48 * 1024
"""Of the part with the tasks: it and the threads fit into a pipe of the usual 64 KiB, and what does
not would be dropped, the end of it first, while the supervisor has other things to do."""

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
    tasks = all_tasks()
    for number, task in enumerate(tasks):
        text = "\n".join(describe_task(task, interrupted))
        if len(text) >= room:
            lines.append(f"... {len(tasks) - number} tasks more")
            break
        lines.append(text)
        room -= len(text) + 1
    return "\n".join([*lines, STACKS_END_LINE, ""])
