"""A model host as in the daemon: in the tree, with a reaper and a sink."""

from __future__ import annotations

import os
import signal
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

from agentd.daemon.tree import TREE, add_child
from agentd.models import ModelRef
from agentd.protocol.models import HostArgs
from agentd.settings.load import child_environment
from agentd.settings.model import Settings
from agentd.supervision.supervisor import Supervisor
from agentd.supervision.view import ChildView
from agentd.supervisor.modelhost import ModelHost, ModelHostSpec, models_child
from agentd.supervisor.process import Reaper
from agentd.supervisor.reports import write_tree_report

from .changes import DEADLINE, Changes
from .supervised import Sink


class Hosting:
    """The host, its tree, and what a test does with them."""

    def __init__(
        self, socket: Path, refs: tuple[ModelRef, ...], changes: Changes, hung_after: float
    ) -> None:
        self.socket = socket
        self.changes = changes
        self.sink = Sink(changes)
        self.reaper = Reaper()
        self.tree = Supervisor(TREE, write=write_tree_report)
        self.has_jobs = False
        args = HostArgs(
            socket=str(socket), models=list(refs), log_level="DEBUG", hung_after=hung_after
        )
        spec = ModelHostSpec(args=args, environment=child_environment(Settings()), timeout=DEADLINE)
        self.host = ModelHost(spec, self.reaper, self.sink, has_jobs=lambda: self.has_jobs)

    @property
    def pids(self) -> list[int]:
        """Of all hosts that were ready so far."""
        return [record.__dict__["host_pid"] for record in self.changes.actions("models_ready")]

    @property
    def view(self) -> ChildView:
        """The host in its tree."""
        return self.tree.view().children[0]

    def kill(self) -> None:
        """As the kernel does where memory is short."""
        os.kill(self.pids[-1], signal.SIGKILL)

    async def until(self, true: Callable[[], bool]) -> None:
        """Wait for a change after which something is so."""
        await self.changes.until(true)


@asynccontextmanager
async def hosting(
    socket: Path, *refs: ModelRef, changes: Changes, hung_after: float = DEADLINE
) -> AsyncIterator[Hosting]:
    """A host that is ready, and gone afterwards."""
    hosting = Hosting(socket, refs, changes, hung_after)
    hosting.reaper.start()
    hosting.tree.subscribe(changes.note)
    child = models_child(hosting.host, models_timeout=DEADLINE, restart_max_delay=0.05)
    try:
        await hosting.tree.start()
        await add_child(hosting.tree, child)
        yield hosting
    finally:
        await hosting.tree.aclose()
        hosting.reaper.stop()
