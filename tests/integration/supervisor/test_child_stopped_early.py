"""A child that is told to stop at the very moment of its birth."""

from __future__ import annotations

import asyncio
import os
import signal
import socket
from collections.abc import Mapping

import psutil

from agentd.daemon.configure import child_spec
from agentd.ipc.listener import ChildStream, Peer
from agentd.ipc.stream import FrameStream
from agentd.protocol.frames import (
    PROTOCOL_VERSION,
    CircuitReport,
    Counted,
    FromChild,
    Hello,
    Log,
    LogValue,
)
from agentd.protocol.ids import ChildId, SlotId
from agentd.settings.model import Settings
from agentd.supervisor.child import Child
from agentd.supervisor.process import Reaper


class Nobody:
    """Sees and hears nothing."""

    def child_changed(self, child: Child) -> None: ...

    def child_answered(self, child: Child, seq: int) -> None: ...

    def child_told(self, child: Child, frame: CircuitReport | Counted) -> None: ...

    def record(self, frame: Log, fields: Mapping[str, LogValue]) -> None: ...

    def line(self, text: str, fields: Mapping[str, LogValue]) -> None: ...


class HelloFirst:
    """A launcher whose child says hello, and is stopped, before its pid is told."""

    def __init__(self) -> None:
        self.child: Child | None = None
        self.pid = 0
        self.ours, self.theirs = socket.socketpair()

    async def launch(self, child_id: ChildId, output_fd: int) -> int:
        assert self.child is not None
        pid = self.pid = os.posix_spawnp("sleep", ["sleep", "60"], os.environ)  # noqa: ASYNC221
        stream: ChildStream = FrameStream(self.ours, FromChild)
        hello = Hello(version=PROTOCOL_VERSION, child_id=child_id, pid=pid)
        self.child.handle_hello(hello, Peer(pid=pid, uid=0, gid=0), stream)
        self.child.shutdown("the daemon is stopping")
        return pid


async def test_a_child_stopped_between_its_hello_and_its_pid_ends_at_once() -> None:
    """Otherwise it would become warm after all, and nobody would ever end it."""
    launcher = HelloFirst()
    child = launcher.child = Child(
        ChildId("c1"), SlotId(0), child_spec(Settings()), Nobody(), Nobody()
    )

    try:
        async with asyncio.timeout(20):
            await child.run(launcher, Reaper())
    except TimeoutError:
        os.kill(launcher.pid, signal.SIGKILL)
        raise
    finally:
        launcher.theirs.close()

    assert child.state == "gone"
    assert not psutil.pid_exists(launcher.pid)
