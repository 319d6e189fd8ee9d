"""Runners in threads of this process, so that the event loop never waits for a model."""

from __future__ import annotations

import asyncio
import logging
import threading
from collections.abc import AsyncGenerator, Callable
from concurrent.futures import Future, ThreadPoolExecutor

from agentd.errors import ModelError

from .runner import ModelRunner
from .work import StreamWork, Work

logger = logging.getLogger("agentd.models")


class RunnerThreads:
    """Some threads with a runner each; a `LocalModel`. Inert until it is used, before a fork.

    Requests are answered in the order in which they come, as many at once as there are threads.
    """

    def __init__(self, make: Callable[[], ModelRunner], *, name: str, threads: int = 1) -> None:
        if threads < 1:
            raise ValueError(f"threads must be 1 or more, but is {threads}")
        self._make = make
        self._name = name
        self._threads = threads
        self._pool: ThreadPoolExecutor | None = None
        self._loading: list[Future[None]] = []
        self._own = threading.local()
        self._closed = False

    def prewarm(self) -> None:
        """Load the model in the background. May be repeated; a failure is logged, and `run`'s."""
        if not self._loading or any(_has_failed(loading) for loading in self._loading):
            pool = self._started()
            self._loading = [pool.submit(self._load) for _ in range(self._threads)]

    def load(self) -> None:
        """Load the model and wait for it, where no event loop runs; raises ModelError."""
        self.prewarm()
        for loading in self._loading:
            loading.result()

    async def loaded(self) -> None:
        """Load the model and wait for it, where one runs; raises ModelError."""
        self.prewarm()
        await asyncio.gather(*map(asyncio.wrap_future, self._loading))

    async def run(self, request: bytes) -> bytes:
        """Have a request answered; raises what the runner raises.

        Who is cancelled waits no longer. The model finishes what it has begun, unless it can stop.
        """
        pool = self._started()
        work = Work(request)
        try:
            return await asyncio.get_running_loop().run_in_executor(pool, self._run, work)
        except asyncio.CancelledError:
            work.stop()
            raise

    async def stream(self, request: bytes) -> AsyncGenerator[bytes, None]:
        """Have a request answered in parts; raises what the runner raises.

        The thread is taken until the last part, and stays a little ahead of who takes them.
        """
        pool = self._started()
        loop = asyncio.get_running_loop()
        work = StreamWork(request, loop)
        ended = loop.run_in_executor(pool, self._stream, work)
        ended.add_done_callback(lambda _: work.parts.close())
        try:
            async for part in work.parts:
                work.taken()
                yield part
            await ended
        finally:
            work.stop()
            if not ended.done():
                ended.cancel()  # where its turn has not come yet
            elif not ended.cancelled():
                ended.exception()  # seen: who closes a stream does not wait for how it ends

    def close(self) -> None:
        """Let the threads end after what they have begun; drop what waits. May be repeated."""
        self._closed = True
        if self._pool is not None:
            self._pool.shutdown(wait=False, cancel_futures=True)

    def _started(self) -> ThreadPoolExecutor:
        if self._closed:
            raise ModelError(f"{self._name} is closed")
        if self._pool is None:
            self._pool = ThreadPoolExecutor(self._threads, thread_name_prefix=self._name)
        return self._pool

    def _load(self) -> None:
        try:
            self._runner().load()
        except ModelError as error:
            logger.warning(
                "a local model could not be loaded",
                extra={"action": "model_not_loaded", "model": self._name, "error": str(error)},
            )
            raise

    def _run(self, work: Work) -> bytes:
        return work.run_by(self._runner())

    def _stream(self, work: StreamWork) -> None:
        work.stream_by(self._runner())

    def _runner(self) -> ModelRunner:
        runner: ModelRunner | None = getattr(self._own, "runner", None)
        if runner is None:
            runner = self._own.runner = self._make()
        return runner


def _has_failed(loading: Future[None]) -> bool:
    return loading.done() and (loading.cancelled() or loading.exception() is not None)
