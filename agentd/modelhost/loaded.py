"""The models of a host: loaded once, and called within bounds."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Callable, Iterable, Iterator
from contextlib import contextmanager
from functools import partial

from agentd.errors import ModelBusy, ModelError, ModelNotHosted
from agentd.models import ModelRef, RunnerThreads
from agentd.models.ref import make_runner

from .watched import WatchedRunner

MAX_WAITING = 32
"""Calls that may wait for their turn with one model; further ones are refused at once."""


class LoadFailed(ModelError):
    """A model could not be loaded."""

    def __init__(self, model: str, error: ModelError) -> None:
        super().__init__(str(error))
        self.model = model


class LoadedModel:
    """One model, with as many copies as its ref wants."""

    def __init__(self, ref: ModelRef, *, hung_after: float, on_hung: Callable[[str], None]) -> None:
        self._ref = ref
        self._hung_after = hung_after
        self._loop = asyncio.get_running_loop()
        self._on_hung = partial(on_hung, ref.name)
        self._threads = RunnerThreads(self._make, name=ref.name, threads=ref.threads)
        self._calls = 0

    async def load(self) -> None:
        """Load its copies and warm them up; raises LoadFailed."""
        try:
            await self._threads.loaded()
        except ModelError as error:
            raise LoadFailed(self._ref.name, error) from error

    async def run(self, request: bytes) -> bytes:
        """Have a request answered; raises what the runner raises, and ModelBusy."""
        with self._call():
            return await self._threads.run(request)

    async def stream(self, request: bytes) -> AsyncGenerator[bytes, None]:
        """Have a request answered in parts; raises likewise."""
        with self._call():
            parts = self._threads.stream(request)
            try:
                async for part in parts:
                    yield part
            finally:
                await parts.aclose()

    def close(self) -> None:
        """Answer no more; what has begun is finished."""
        self._threads.close()

    def _make(self) -> WatchedRunner:
        return WatchedRunner(
            make_runner(self._ref),
            self._loop,
            hung_after=self._hung_after,
            on_hung=self._on_hung,
        )

    @contextmanager
    def _call(self) -> Iterator[None]:
        if self._calls >= self._ref.threads + MAX_WAITING:
            raise ModelBusy(
                f"the model '{self._ref.name}' has {MAX_WAITING} calls waiting: "
                f"give its ref more threads than {self._ref.threads}, or the machine fewer jobs",
                retryable=True,
            )
        self._calls += 1
        try:
            yield
        finally:
            self._calls -= 1


class LoadedModels:
    """All models of a host, by their keys."""

    def __init__(
        self, refs: Iterable[ModelRef], *, hung_after: float, on_hung: Callable[[str], None]
    ) -> None:
        """`on_hung` is told the name of a model that has not answered for so many seconds.

        Needs the running loop.
        """
        self._models = {
            ref.key: LoadedModel(ref, hung_after=hung_after, on_hung=on_hung) for ref in refs
        }

    @property
    def keys(self) -> list[str]:
        """Of what it has."""
        return list(self._models)

    async def load(self) -> None:
        """Load all, side by side; raises LoadFailed for the first that can't be."""
        await asyncio.gather(*(model.load() for model in self._models.values()))

    def find(self, key: str) -> LoadedModel:
        """One of them; raises ModelNotHosted."""
        model = self._models.get(key)
        if model is None:
            have = ", ".join(self._models) or "none"
            raise ModelNotHosted(f"the model host has no '{key}'; it has: {have}")
        return model

    def close(self) -> None:
        """Answer no more."""
        for model in self._models.values():
            model.close()
