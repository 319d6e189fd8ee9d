"""The way to the model host, which survives hosts: one connection at a time for this process."""

from __future__ import annotations

import asyncio
import logging

from agentd.aio.timing import now, within
from agentd.errors import AgentdError, ModelError, ModelNotHosted, VersionMismatch
from agentd.supervision.backoff import Backoff

from .connection import Connection, connect

logger = logging.getLogger("agentd.models")

HOST_TIMEOUT = 30.0
"""Seconds that a call waits for a host; a new one has its models to load first."""

FIRST_PAUSE = 0.05
LONGEST_PAUSE = 0.5
"""Upper bounds of the pauses between two tries, in seconds; each is drawn below its bound."""


class HostLink:
    """Shared by the hosted models of one process. Has a connection while somebody needs one."""

    def __init__(self, path: str) -> None:
        self._path = path
        self._loop = asyncio.get_running_loop()
        self._connection: Connection | None = None
        self._connecting = asyncio.Lock()
        self._users = 0

    @property
    def is_usable(self) -> bool:
        """Whether it belongs to the loop that runs now."""
        return self._loop is asyncio.get_running_loop()

    async def connection(self) -> Connection:
        """A connection to a host, made now if need be; raises ModelError without one in time.

        Raises ModelNotHosted where the host is of another version, as after an update.
        """
        give_up_at = now() + HOST_TIMEOUT
        try:
            await within(give_up_at, self._connecting.acquire())
        except TimeoutError:
            raise self._gave_up("others wait for it") from None
        try:
            if self._connection is None or not self._connection.is_open:
                self._connection = await self._connect(give_up_at)
            return self._connection
        finally:
            self._connecting.release()

    def acquire(self) -> None:
        """One more needs it."""
        self._users += 1

    def release(self) -> None:
        """One fewer does; the last one ends the connection."""
        self._users -= 1
        if not self._users and self._connection is not None:
            self._connection.close()
            self._connection = None

    async def _connect(self, give_up_at: float) -> Connection:
        backoff = Backoff(base=FIRST_PAUSE, cap=LONGEST_PAUSE)
        lost_at = now()
        while True:
            try:
                connection = await connect(self._path, give_up_at)
            except VersionMismatch as error:
                raise ModelNotHosted(str(error)) from error
            except (AgentdError, OSError, TimeoutError) as error:
                if now() >= give_up_at:
                    raise self._gave_up(_text(error)) from error
                await asyncio.sleep(min(backoff.next_delay(), max(0.0, give_up_at - now())))
                continue
            if backoff.failures:
                logger.info(
                    "the model host is there again",
                    extra={
                        "action": "model_host_found",
                        "host_pid": connection.host_pid,
                        "away": round(now() - lost_at, 3),
                    },
                )
            return connection

    def _gave_up(self, why: str) -> ModelError:
        return ModelError(
            f"the model host could not be reached within {HOST_TIMEOUT:g} s: {why}", retryable=True
        )


_links: dict[str, HostLink] = {}
"""One for each path: connections are shared by all models of a process."""


def link_to(path: str) -> HostLink:
    """The link of this process and its event loop."""
    link = _links.get(path)
    if link is None or not link.is_usable:
        link = _links[path] = HostLink(path)
    return link


def _text(error: Exception) -> str:
    if isinstance(error, OSError) and error.strerror:
        return error.strerror
    return str(error) or "it did not answer"
