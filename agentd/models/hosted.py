"""A model that the host process has loaded, as the processes see it that use it."""

from __future__ import annotations

import logging
from collections.abc import AsyncGenerator

from agentd.aio.timing import now, within
from agentd.errors import ChannelError, ModelError, ModelNotHosted

from .connection import Connection
from .link import HostLink, link_to

logger = logging.getLogger("agentd.models")

CALL_TIMEOUT = 60.0
"""Seconds for one attempt of a call, its turn in the host's queue included; between two parts of
an answer that is streamed, too."""

MAX_LOSSES = 2
"""Hosts that may die over one call before it fails. With more it may be the call that kills them,
and all others' with it."""


class HostedModel:
    """A `LocalModel` whose calls go to the model host.

    A call whose host dies before it has answered is made again with the next host. Nothing is
    connected before the first call.
    """

    def __init__(self, key: str, path: str) -> None:
        self._key = key
        self._path = path
        self._link: HostLink | None = None
        self._closed = False

    def prewarm(self) -> None:
        """Nothing: the host has loaded it when it started."""

    def load(self) -> None:
        """Nothing, likewise."""

    async def run(self, request: bytes) -> bytes:
        """See `LocalModel`. Raises ModelNotHosted where this host has no such model."""
        losses = 0
        while True:
            connection = await self._connection()
            try:
                return await within(now() + CALL_TIMEOUT, connection.run(self._key, request))
            except TimeoutError:
                raise self._too_slow() from None
            except ChannelError as error:
                losses += 1
                self._note_loss(error, losses)

    async def stream(self, request: bytes) -> AsyncGenerator[bytes, None]:
        """See `LocalModel`. What has begun to come is not asked for again."""
        losses = 0
        while True:
            connection = await self._connection()
            parts = connection.stream(self._key, request)
            begun = False
            try:
                while (part := await self._part(parts)) is not None:
                    begun = True
                    yield part
                return
            except ChannelError as error:
                if begun:
                    raise ModelError(
                        f"the model host was lost in the midst of an answer: {error}",
                        retryable=True,
                    ) from error
                losses += 1
                self._note_loss(error, losses)
            finally:
                await parts.aclose()

    def close(self) -> None:
        """See `LocalModel`."""
        self._closed = True
        link, self._link = self._link, None
        if link is not None:
            link.release()

    async def _connection(self) -> Connection:
        if self._closed:
            raise ModelError(f"{self._key} is closed")
        if self._link is None or not self._link.is_usable:
            self._link = link_to(self._path)
            self._link.acquire()
        connection = await self._link.connection()
        if self._key not in connection.models:
            raise ModelNotHosted(f"the model host has no '{self._key}'")
        return connection

    async def _part(self, parts: AsyncGenerator[bytes, None]) -> bytes | None:
        try:
            return await within(now() + CALL_TIMEOUT, anext(parts))
        except StopAsyncIteration:
            return None
        except TimeoutError:
            raise self._too_slow() from None

    def _too_slow(self) -> ModelError:
        return ModelError(
            f"the model host did not answer within {CALL_TIMEOUT:g} s", retryable=True
        )

    def _note_loss(self, error: ChannelError, losses: int) -> None:
        """Log what comes next; raises ModelError where that is nothing."""
        if self._closed:
            raise ModelError(f"{self._key} is closed") from error
        if losses > MAX_LOSSES:
            raise ModelError(
                f"{losses} model hosts died while they had this call: {error}"
            ) from error
        logger.warning(
            "the model host is lost; the call is made again with the next one",
            extra={
                "action": "model_host_lost",
                "model": self._key,
                "reason": str(error),
                "losses": losses,
            },
        )
