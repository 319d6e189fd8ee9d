"""A command on a lifeline ends with its starter, gets its signals, and gives its exit code."""

from __future__ import annotations

import signal
import subprocess
import sys
from collections.abc import Iterator

import pytest

from agentd.testing.livekit_server import LIFELINE


def on_lifeline(*command: str) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        [sys.executable, "-I", "-S", str(LIFELINE), *command],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        bufsize=0,
    )


@pytest.fixture
def talker() -> Iterator[subprocess.Popen[bytes]]:
    """A command that says when it runs and then waits for ever."""
    with on_lifeline("/bin/sh", "-c", "echo ready; exec sleep 1000") as process:
        assert process.stdout is not None
        process.stdout.readline()
        yield process


def test_the_exit_code_is_the_commands() -> None:
    """What the command returns is what the lifeline returns."""
    with on_lifeline("/bin/sh", "-c", "exit 7") as process:
        assert process.wait(10) == 7


def test_a_missing_command_is_told() -> None:
    """127 as a shell would, with the reason."""
    with on_lifeline("/no/such/program") as process:
        assert process.stderr is not None

        told = process.stderr.read()

        assert process.wait(10) == 127
        assert b"/no/such/program: No such file or directory" in told


def test_a_byte_is_a_signal(talker: subprocess.Popen[bytes]) -> None:
    """A byte's value is the number of the signal that the command gets."""
    assert talker.stdin is not None

    talker.stdin.write(bytes([signal.SIGTERM]))

    assert talker.wait(10) == 128 + signal.SIGTERM


def test_a_closed_pipe_kills(talker: subprocess.Popen[bytes]) -> None:
    """The kernel closes the pipe when the starter dies, however it dies."""
    assert talker.stdin is not None

    talker.stdin.close()

    assert talker.wait(10) == 128 + signal.SIGKILL
