"""The supervisor's own heartbeat: a loop that is blocked is told of, and not fed."""

from __future__ import annotations

import asyncio
import itertools
import os
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from agentd.aio.tasks import cancel_and_wait
from agentd.aio.timing import now
from agentd.daemon.loopwatch import LoopWatch, Watchdog
from agentd.daemon.systemd import service_manager
from agentd.logs.record import EXCEPTION
from tests.support.changes import Changes


def block_the_loop(seconds: float) -> None:
    """What nobody may do on the loop."""
    threading.Event().wait(seconds)


@pytest.fixture
def changes() -> Iterator[Changes]:
    """What is logged."""
    with Changes() as changes:
        yield changes


@pytest.fixture
def notices(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[socket.socket]:
    """Where systemd would listen."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as listening:
        listening.bind(str(tmp_path / "notify"))
        listening.setblocking(False)
        monkeypatch.setenv("NOTIFY_SOCKET", str(tmp_path / "notify"))
        monkeypatch.setenv("WATCHDOG_USEC", "1000000")
        yield listening


def heard(listening: socket.socket) -> list[bytes]:
    """All that has come so far."""
    found = []
    while True:
        try:
            found.append(listening.recv(100))
        except BlockingIOError:
            return found


async def test_a_blocked_loop_is_told_with_its_stack_and_again_when_it_goes_on(
    changes: Changes,
) -> None:
    """The line of the stack is the one that blocks."""
    watching = asyncio.create_task(LoopWatch(0.1).run())
    await asyncio.sleep(0)

    block_the_loop(2.0)

    (blocked,) = changes.actions("loop_blocked")
    (goes_on,) = await changes.until(lambda: changes.actions("loop_unblocked"))
    await cancel_and_wait(watching)
    assert "block_the_loop(2.0)" in blocked.__dict__[EXCEPTION]
    assert 0.1 <= blocked.__dict__["seconds"] < 2.0
    assert goes_on.__dict__["seconds"] >= 2.0
    assert not any(thread.name == "loop-watch" for thread in threading.enumerate())


async def test_a_loop_that_goes_round_is_not_told_of(changes: Changes) -> None:
    """However often it is looked at."""
    watching = asyncio.create_task(LoopWatch(1.0).run())
    for _ in range(130):
        await asyncio.sleep(0.01)
    await cancel_and_wait(watching)

    assert changes.records == []


async def test_the_loop_feeds_the_watchdog_and_a_blocked_one_does_not(
    notices: socket.socket,
) -> None:
    """Through a real socket, at least twice in its period; at the first chance after a block."""
    manager = service_manager()
    assert manager.watchdog_period == 1.0
    watchdog = Watchdog(manager.watchdog_period, manager.feed_watchdog)
    watching = asyncio.create_task(LoopWatch(0, watchdog).run())
    loop = asyncio.get_running_loop()

    fed_at = []
    for _ in range(3):
        assert await loop.sock_recv(notices, 100) == b"WATCHDOG=1"
        fed_at.append(now())
    gaps = [after - before for before, after in itertools.pairwise(fed_at)]
    block_the_loop(1.2)
    while_blocked = heard(notices)
    fed_again = await loop.sock_recv(notices, 100)
    await cancel_and_wait(watching)

    assert max(gaps) < 1.0
    assert while_blocked == []
    assert fed_again == b"WATCHDOG=1"


STOPPED = """\
import asyncio, logging, sys
from agentd.daemon.loopwatch import LoopWatch

logging.basicConfig(stream=sys.stdout, format="%(action)s")

async def main():
    watching = asyncio.create_task(LoopWatch(1.0).run())
    await asyncio.sleep(0.3)
    print("ready", flush=True)
    await asyncio.get_running_loop().run_in_executor(None, sys.stdin.readline)
    await asyncio.sleep(0.8)
    watching.cancel()

asyncio.run(main())
"""


def test_a_process_that_was_stopped_is_not_a_blocked_loop() -> None:
    """After SIGCONT the loop goes on at once, and nobody is woken for nothing."""
    with subprocess.Popen(
        [sys.executable, "-c", STOPPED],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
        process.send_signal(signal.SIGSTOP)
        os.waitid(os.P_PID, process.pid, os.WSTOPPED)
        block_the_loop(2.5)
        process.send_signal(signal.SIGCONT)

        told, _ = process.communicate("\n", timeout=30)

    assert "loop_blocked" not in told
