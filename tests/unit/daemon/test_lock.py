"""The lock of a state directory."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from agentd.daemon.lock import state_lock
from agentd.errors import AlreadyRunning, DirectoryUnusable

HOLD = """\
import sys
from pathlib import Path
from agentd.daemon.lock import state_lock
with state_lock(Path(sys.argv[1])):
    print("locked", flush=True)
    sys.stdin.read()
"""


def test_a_second_one_is_refused_until_the_first_has_let_go(tmp_path: Path) -> None:
    """The message names the directory and the setting that gives another."""
    refused = pytest.raises(AlreadyRunning, match="AGENTD_STATE_DIR")
    with state_lock(tmp_path), refused as caught, state_lock(tmp_path):
        pass
    with state_lock(tmp_path):
        assert str(tmp_path) in str(caught.value)


def test_the_lock_ends_with_its_process(tmp_path: Path) -> None:
    """Also when that is killed: no stale lock keeps the next daemon out."""
    with subprocess.Popen(
        [sys.executable, "-c", HOLD, str(tmp_path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == b"locked\n"
        with pytest.raises(AlreadyRunning), state_lock(tmp_path):
            pass
        holder.kill()
        holder.wait(10)

        with state_lock(tmp_path):
            pass


def test_a_program_that_was_started_does_not_keep_it(tmp_path: Path) -> None:
    """A child that outlives its daemon must not lock out the next one."""
    with state_lock(tmp_path):
        child = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    try:
        with state_lock(tmp_path):
            pass
    finally:
        child.communicate(b"\n", timeout=30)


def test_a_directory_that_is_not_there_is_told(tmp_path: Path) -> None:
    """With the remedy."""
    with pytest.raises(DirectoryUnusable, match="AGENTD_STATE_DIR"), state_lock(tmp_path / "gone"):
        pass
