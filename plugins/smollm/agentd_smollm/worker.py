"""The one thread that uses a loaded model, between it and the event loop."""

from __future__ import annotations

import asyncio
import logging
import threading
from collections.abc import AsyncGenerator, Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any
from weakref import WeakValueDictionary

from agentd.aio.channel import Channel
from agentd.errors import ModelError

from .pieces import Piece
from .runner import SmolLMRunner
from .settings import ModelSettings

logger = logging.getLogger("agentd.models")


class Worker:
    """A model and its thread: requests are answered in the order in which they come.

    Inert until it is used. Thread and model go when nobody holds it any more.
    """

    def __init__(self, settings: ModelSettings) -> None:
        self._settings = settings
        self._runner = SmolLMRunner(settings)
        self._pool = ThreadPoolExecutor(1, thread_name_prefix="smollm")
        self._loading: Future[None] | None = None

    def prewarm(self) -> None:
        """Load the model in the background. May be repeated; a failure is logged."""
        if self._loading is None or (self._loading.done() and self._loading.exception()):
            self._loading = self._pool.submit(self._load)

    def load(self) -> None:
        """Load the model and wait for it, where no event loop runs; raises ModelError."""
        self.prewarm()
        if self._loading is not None:
            self._loading.result()

    async def answer(self, request: dict[str, Any]) -> AsyncGenerator[Piece, None]:
        """The pieces of a reply; raises ModelError. When it is closed the model stops within a
        token, or within a batch of a prompt that it reads."""
        loop = asyncio.get_running_loop()
        # No more pieces than tokens come, and a prompt's batches.
        pieces: Channel[Piece] = Channel(2 * self._settings.context)
        stopped = threading.Event()

        def put(piece: Piece) -> None:
            if not pieces.closed:  # it is, where the reply was given up meanwhile
                pieces.send_nowait(piece)

        def told(piece: Piece) -> bool:
            try:
                if not stopped.is_set():
                    loop.call_soon_threadsafe(put, piece)
            except RuntimeError:  # the loop is closed, and with it whoever has waited
                return True
            return stopped.is_set()

        work = loop.run_in_executor(self._pool, self._run, request, told, stopped)
        work.add_done_callback(lambda _: pieces.close())
        try:
            async for piece in pieces:
                yield piece
            await work
        finally:
            stopped.set()
            work.cancel()
            if work.done() and not work.cancelled():
                work.exception()  # it is raised above, where somebody waits for it

    def _run(
        self,
        request: dict[str, Any],
        told: Callable[[Piece], bool],
        stopped: threading.Event,
    ) -> None:
        if not stopped.is_set():
            self._runner.run(request, told)

    def _load(self) -> None:
        try:
            self._runner.load()
        except ModelError as error:
            logger.warning(
                "a local model could not be loaded",
                extra={"action": "model_not_loaded", "model": "smollm", "error": str(error)},
            )
            raise


_workers: WeakValueDictionary[ModelSettings, Worker] = WeakValueDictionary()
"""A second copy of the model costs 200 MB, and with a second thread both are slower."""
_lock = threading.Lock()


def shared_worker(settings: ModelSettings) -> Worker:
    """The worker of these settings in this process, made where there is none."""
    with _lock:
        worker = _workers.get(settings)
        if worker is None:
            worker = _workers[settings] = Worker(settings)
        return worker
