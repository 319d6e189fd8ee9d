"""The model host in the daemon's tree: there while the app names models, and with those."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable

from agentd.aio.tasks import TaskOwner
from agentd.errors import AgentdError
from agentd.protocol.app import AppInfo
from agentd.protocol.models import ModelRef
from agentd.supervision.supervisor import Supervisor
from agentd.supervisor.modelhost import ModelHost, models_child

from .tree import add_child

logger = logging.getLogger("agentd.daemon")

MakeHost = Callable[[list[ModelRef]], ModelHost]


class ModelsSeat:
    """Where in the tree the model host sits."""

    def __init__(
        self, tree: Supervisor, make: MakeHost, *, models_timeout: float, restart_max_delay: float
    ) -> None:
        """`models_timeout` seconds are for loading, `restart_max_delay` is the longest delay."""
        self._tree = tree
        self._make = make
        self._models_timeout = models_timeout
        self._restart_max_delay = restart_max_delay
        self._host: ModelHost | None = None
        self._refs: list[ModelRef] = []
        self._changing = asyncio.Lock()

    async def settle(self, app: AppInfo) -> None:
        """Have the host that an app wishes for; raises what its start raised.

        Jobs whose host goes for another one make their calls again there.
        """
        async with self._changing:
            if app.models == self._refs:
                return
            if self._host is not None:
                host, self._host, self._refs = self._host, None, []
                await self._tree.terminate(host.ID)
                self._tree.delete(host.ID)
            if app.models:
                await self._start(app.models)

    def note_reload(self, app: AppInfo, tasks: TaskOwner) -> None:
        """The app was imported anew, and may name others; the log says if that fails."""
        tasks.start(self._follow(app), name="models")

    def kill(self) -> None:
        """End the host at once."""
        if self._host is not None:
            self._host.kill()

    async def _start(self, refs: list[ModelRef]) -> None:
        host = self._make(refs)
        child = models_child(
            host,
            models_timeout=self._models_timeout,
            restart_max_delay=self._restart_max_delay,
        )
        await add_child(self._tree, child)
        self._host, self._refs = host, refs

    async def _follow(self, app: AppInfo) -> None:
        try:
            await self.settle(app)
        except AgentdError as error:
            logger.error(
                "the app's models can't be had; jobs that need them fail until it is changed",
                extra={"action": "models_failed", "reason": str(error)},
            )
