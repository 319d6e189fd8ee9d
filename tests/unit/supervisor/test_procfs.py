"""What is read of a process in /proc."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from agentd.supervisor.procfs import (
    PAGE_BYTES,
    TICKS_PER_SECOND,
    boot_id,
    parse_stat,
    parse_statm,
    process_memory,
    process_started,
    process_stat,
    process_waiting,
)

AFTER_NAME = (
    "S 1 2 3 0 -1 4194560 500 600 0 0 250 150 7 8 20 0 3 0 123456 9000000 700 18446744073709551615"
)


def a_dead_pid() -> int:
    """The pid of a process that has been reaped."""
    process = subprocess.Popen([sys.executable, "-c", ""])
    process.wait()
    return process.pid


def write(root: Path, **files: str) -> None:
    """A process with the pid 7 in a tree of its own."""
    (root / "7").mkdir(exist_ok=True)
    for name, text in files.items():
        (root / "7" / name).write_text(text)


@pytest.mark.parametrize("name", ["python", "(sd-pam)", "a) S 1 (b", "two words", ""])
def test_a_name_of_any_shape_does_not_shift_the_fields(name: str) -> None:
    """The fields are counted from the last bracket on."""
    stat = parse_stat(f"7 ({name}) {AFTER_NAME}\n")

    assert stat is not None
    assert (stat.state, stat.started) == ("S", 123456)
    assert stat.cpu_seconds == pytest.approx(400 / TICKS_PER_SECOND)


@pytest.mark.parametrize("text", ["", "7 (python)", "7 (python) S 1 2", "7 (p) " + "x " * 30])
def test_a_line_cut_short_is_no_stat(text: str) -> None:
    """What can't be read is None, not an error."""
    stat = parse_stat(text)

    assert stat is None


def test_private_memory_is_the_resident_less_the_shared() -> None:
    """File-backed pages are nobody's own."""
    memory = parse_statm("9000 1000 300 1 0 800 0\n")

    assert memory is not None
    assert memory.rss_mb == pytest.approx(1000 * PAGE_BYTES / 2**20)
    assert memory.private_mb == pytest.approx(700 * PAGE_BYTES / 2**20)


@pytest.mark.parametrize("text", ["", "0 0 0 0 0 0 0", "9000", "a b c"])
def test_a_zombie_and_nonsense_have_no_memory(text: str) -> None:
    """Nothing resident means that it is over."""
    memory = parse_statm(text)

    assert memory is None


def test_this_process_is_found_in_the_real_proc() -> None:
    """The kernel's own files are understood."""
    me = os.getpid()

    stat, memory = process_stat(me), process_memory(me)

    assert stat is not None
    assert memory is not None
    assert stat.state == "R"
    assert stat.cpu_seconds > 0
    assert 1 < memory.private_mb < memory.rss_mb
    assert process_started(me) == stat.started
    assert len(boot_id()) == 36


def test_a_dead_process_has_no_start() -> None:
    """Its pid may be anybody's tomorrow."""
    pid = a_dead_pid()

    found = (process_started(pid), process_stat(pid), process_memory(pid))

    assert found == (None, None, None)
    assert str(process_waiting(pid)) == "state unknown"


def test_a_zombie_has_no_start(tmp_path: Path) -> None:
    """It is dead, though its pid is still its own."""
    write(tmp_path, stat=f"7 (python) Z{AFTER_NAME[1:]}")

    started = process_started(7, tmp_path)

    assert started is None


def test_a_stopped_process_says_where_it_is(tmp_path: Path) -> None:
    """State and kernel function come in one phrase."""
    write(tmp_path, status="Name:\tpython\nState:\tT (stopped)\n", wchan="do_signal_stop")

    text = str(process_waiting(7, tmp_path))

    assert text == "state T (stopped), in the kernel's do_signal_stop"


def test_a_running_process_waits_nowhere(tmp_path: Path) -> None:
    """The kernel writes a 0 there."""
    write(tmp_path, status="State:\tR (running)\n", wchan="0")

    text = str(process_waiting(7, tmp_path))

    assert text == "state R (running)"
