"""Where the daemon's processes are at this moment: its own stacks, and those of its children.

Children are asked by a signal, so that one that is blocked answers too; each has its own deadline.
"""

from __future__ import annotations

import os
import sys
import threading
import traceback
from collections.abc import Iterator, Sequence

from agentd.aio.tasks import TaskOwner
from agentd.aio.taskstacks import all_tasks, describe_task
from agentd.errors import ControlRefused
from agentd.management.operations import ProcessStacks, StacksRequest, StacksView
from agentd.supervisor.child import Child

MAX_TEXT = 1024 * 1024
"""Characters of all stacks together: they are made, masked and sent by the one event loop."""

CUT = "\n... (the rest is cut)"


async def take_stacks(children: Sequence[Child], request: StacksRequest) -> StacksView:
    """Of the processes that were asked for; raises ControlRefused where there is no such child."""
    wanted = [
        child
        for child in children
        if request.child in ("", child.id) and request.job in ("", child.job_id)
    ]
    named = bool(request.child or request.job)
    if named and not wanted:
        missing = f"no job '{request.job}' runs" if request.job else f"no child '{request.child}'"
        raise ControlRefused(f"{missing} here", code="not_found")
    own = [] if named else [own_stacks()]
    return StacksView(processes=shortened([*own, *await child_stacks(wanted)]))


async def child_stacks(children: Sequence[Child]) -> list[ProcessStacks]:
    """Of these children, all asked at once; takes a second at most."""
    async with TaskOwner("stacks") as tasks:
        asked = [
            (child, tasks.start(child.take_stacks(), name=child.id, report=False))
            for child in children
        ]
        answers = [(child, await task) for child, task in asked]
    return [
        ProcessStacks(
            process=child.id,
            pid=child.pid,
            job=child.job_id or "",
            text=stacks.text,
            note=stacks.note,
        )
        for child, stacks in answers
    ]


def own_stacks() -> ProcessStacks:
    """Of this process: each thread, then each task."""
    return ProcessStacks(process="supervisor", pid=os.getpid(), text="\n".join(_own_lines()))


def _own_lines() -> Iterator[str]:
    names = {thread.ident: thread.name for thread in threading.enumerate()}
    # Documented, for all its name: the only way to see another thread's stack.
    for ident, frame in sys._current_frames().items():  # noqa: SLF001
        yield f"Thread {names.get(ident, ident)}:"
        yield "".join(traceback.format_stack(frame)).rstrip("\n")
    for task in all_tasks():
        yield from describe_task(task)


def shortened(stacks: Sequence[ProcessStacks], limit: int = MAX_TEXT) -> tuple[ProcessStacks, ...]:
    """The same with texts that are no longer than `limit` together: each gets its share. Pure."""
    share = limit // max(1, len(stacks))
    return tuple(
        one
        if len(one.text) <= share
        else ProcessStacks(
            process=one.process,
            pid=one.pid,
            job=one.job,
            text=one.text[:share] + CUT,
            note=one.note,
        )
        for one in stacks
    )
