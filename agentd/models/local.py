"""Where a local model runs: in the model host, if this process has one that knows it, or here."""

from __future__ import annotations

import logging
from collections.abc import AsyncGenerator, Mapping
from functools import partial

from agentd.errors import ModelNotHosted
from agentd.settings.load import HOSTED_MODELS_VARIABLE, MODEL_HOST_VARIABLE, environment

from .hosted import HostedModel
from .ref import ModelRef, make_runner
from .runner import LocalModel
from .threads import RunnerThreads

logger = logging.getLogger("agentd.models")


def local_model(ref: ModelRef) -> LocalModel:
    """A model by its ref. Where it runs is found out when it is first used, not before.

    In a child of a daemon whose app names the model it is in the model host; else in threads of
    this process. Inert until it is used, so it may be made before a fork.
    """
    return _PlacedModel(ref)


def host_for(ref: ModelRef, environ: Mapping[str, str]) -> str:
    """The socket of the host that has a model; empty where it is to run here. Pure."""
    path = environ.get(MODEL_HOST_VARIABLE, "")
    hosted = environ.get(HOSTED_MODELS_VARIABLE)
    # Without a list, as under a host that was started by hand, the host is asked.
    return path if hosted is None or ref.key in hosted.split() else ""


class _PlacedModel:
    """A `LocalModel` that finds its place when it is first used."""

    def __init__(self, ref: ModelRef) -> None:
        self._ref = ref
        self._placed: LocalModel | None = None

    def prewarm(self) -> None:
        """See `LocalModel`."""
        self._place().prewarm()

    def load(self) -> None:
        """See `LocalModel`."""
        self._place().load()

    async def run(self, request: bytes) -> bytes:
        """See `LocalModel`."""
        try:
            return await self._place().run(request)
        except ModelNotHosted as error:
            return await self._come_home(error).run(request)

    async def stream(self, request: bytes) -> AsyncGenerator[bytes, None]:
        """See `LocalModel`."""
        parts = self._place().stream(request)
        try:
            async for part in parts:
                yield part
            return
        except ModelNotHosted as error:
            home = self._come_home(error)
        finally:
            await parts.aclose()
        parts = home.stream(request)
        try:
            async for part in parts:
                yield part
        finally:
            await parts.aclose()

    def close(self) -> None:
        """See `LocalModel`."""
        self._place().close()

    def _place(self) -> LocalModel:
        if self._placed is None:
            path = host_for(self._ref, environment())
            self._placed = HostedModel(self._ref.key, path) if path else self._here()
        return self._placed

    def _come_home(self, why: ModelNotHosted) -> LocalModel:
        """Load it here after all: the host was started for an app that did not name it."""
        if isinstance(self._placed, HostedModel):
            self._placed.close()
            self._placed = self._here()
            logger.warning(
                "a model runs in this process, since the model host does not have it",
                extra={"action": "model_not_hosted", "model": self._ref.name, "reason": str(why)},
            )
        return self._place()

    def _here(self) -> RunnerThreads:
        ref = self._ref
        return RunnerThreads(partial(make_runner, ref), name=ref.name, threads=ref.threads)
