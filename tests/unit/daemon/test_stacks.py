"""Stacks of the daemon itself, and the bound for all of them."""

from __future__ import annotations

import asyncio
import os
import threading

import pytest

from agentd.daemon.stacks import CUT, own_stacks, shortened, take_stacks
from agentd.errors import ControlRefused
from agentd.management.operations import ProcessStacks, StacksRequest


async def test_the_daemons_own_have_its_threads_and_tasks() -> None:
    """A thread that waits, and a task that does."""
    done = threading.Event()
    thread = threading.Thread(target=done.wait, name="one-that-waits")
    thread.start()
    async with asyncio.TaskGroup() as tasks:
        waits = asyncio.Event()
        tasks.create_task(waits.wait(), name="a-task-that-waits")
        await asyncio.sleep(0)

        stacks = own_stacks()

        waits.set()
    done.set()
    thread.join()
    assert (stacks.process, stacks.pid, stacks.note) == ("supervisor", os.getpid(), "")
    assert "Thread one-that-waits:" in stacks.text
    assert "Thread MainThread:" in stacks.text
    assert "Task a-task-that-waits:" in stacks.text
    assert "test_the_daemons_own_have_its_threads_and_tasks" in stacks.text


def test_all_together_are_bounded() -> None:
    """Each gets its share; that something is missing is said."""
    short, long = (ProcessStacks(process=name, text=name * 10, job="AJ_1") for name in ("a", "bb"))

    left_alone, cut = shortened([short, long], limit=24)

    assert left_alone == short
    assert (cut.text, cut.process, cut.job) == ("bb" * 6 + CUT, "bb", "AJ_1")
    assert shortened([]) == ()


@pytest.mark.parametrize(
    ("request_", "words"),
    [(StacksRequest(child="c1"), "no child 'c1'"), (StacksRequest(job="AJ_1"), "no job 'AJ_1'")],
)
async def test_a_process_that_is_not_there_is_refused(request_: StacksRequest, words: str) -> None:
    """By the name that was asked for."""
    with pytest.raises(ControlRefused, match=words) as refused:
        await take_stacks([], request_)

    assert refused.value.code == "not_found"
