"""Which lines of a process's output are its stacks."""

from __future__ import annotations

import pytest

from agentd.supervisor.stacks import CUT, MAX_TEXT, StackCutter, StackTaker

THREADS = [
    "Thread 0x00007f1 (most recent call first):",
    '  File "/usr/lib/threading.py", line 327 in wait',
    "  ...",
    "",
    "Current thread 0x00007f2 (most recent call first):",
    '  File "app.py", line 3 in entry',
    "  <no Python frame>",
    "...",
]

TASKS = [
    "-- tasks --",
    "Task job (running):",
    '  File "app.py", line 3, in entry',
    "    time.sleep(60)",
    "-- end of stacks --",
]


@pytest.mark.parametrize(
    "heading",
    [
        "Current thread 0x00007f0a (most recent call first):",
        "Thread 0x00007f0a (most recent call first):",
        "Thread 0x00007f0a [asyncio_0] (most recent call first):",
        "Stack (most recent call first):",
    ],
)
def test_each_kind_of_heading_begins_a_stack(heading: str) -> None:
    """As the versions of faulthandler write it."""
    cutter = StackCutter()

    taken = cutter.take(heading)

    assert taken


def test_the_whole_answer_is_taken_without_its_last_line() -> None:
    """Threads and tasks, blank lines too."""
    cutter = StackCutter()

    taken = [cutter.take(line) for line in THREADS + TASKS]

    assert all(taken)
    assert cutter.ended
    assert cutter.lines == THREADS + TASKS[:-1]


@pytest.mark.parametrize("line", ["hello", "", "Traceback (most recent call last):", "  indented"])
def test_other_output_goes_its_way(line: str) -> None:
    """Before the stacks begin."""
    cutter = StackCutter()

    taken = cutter.take(line)

    assert not taken


@pytest.mark.parametrize("line", ["hello", "ValueError: no", "  indented", "Traceback (most"])
def test_other_output_amid_threads_goes_its_way(line: str) -> None:
    """Another thread may print while the stacks come."""
    cutter = StackCutter()
    cutter.take(THREADS[0])

    taken = cutter.take(line)

    assert not taken


def test_output_after_the_end_is_output() -> None:
    """Even where it looks like a stack."""
    cutter = StackCutter()
    for line in THREADS + TASKS:
        cutter.take(line)

    taken = cutter.take(THREADS[0])

    assert not taken


def test_very_many_stacks_are_cut() -> None:
    """The report must fit a log."""
    cutter = StackCutter()
    cutter.take(TASKS[0])

    taken = [cutter.take("x" * 1000) for _ in range(200)]

    assert all(taken)
    assert cutter.lines[-1] == CUT
    assert sum(map(len, cutter.lines)) < MAX_TEXT


def test_without_a_question_every_line_is_output() -> None:
    """A process may dump its stacks for reasons of its own."""
    taker = StackTaker()

    taken = [taker.handle_line(line) for line in THREADS + TASKS]

    assert not any(taken)
