"""The mock of OpenAI's API on a loop of its own, as a service is: no task of it is a test's."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from agentd.testing.mock_openai import MockOpenAI

START_TIMEOUT = 10.0


@contextmanager
def mock_in_a_thread(prepare: Callable[[MockOpenAI], None]) -> Iterator[MockOpenAI]:
    """A mock that serves for the block; `prepare` sets its scripts."""
    api = MockOpenAI()
    prepare(api)
    started = threading.Event()
    stop: list[Callable[[], object]] = []

    async def serve() -> None:
        ending = asyncio.Event()
        loop = asyncio.get_running_loop()
        stop.append(lambda: loop.call_soon_threadsafe(ending.set))
        async with api:
            started.set()
            await ending.wait()

    thread = threading.Thread(target=lambda: asyncio.run(serve()), name="mock openai")
    thread.start()
    try:
        assert started.wait(START_TIMEOUT)
        yield api
    finally:
        stop[0]()
        thread.join(START_TIMEOUT)
