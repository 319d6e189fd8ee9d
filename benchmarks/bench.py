"""What every benchmark gets: a server, the peer if there is one, and a folder for its files."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Awaitable, Callable
from pathlib import Path

from agentd.testing.livekit_server import LiveKitServer

from .figures import Figure


class Bench:
    """One run of the benchmarks."""

    def __init__(
        self, server: LiveKitServer, peer: Path | None, folder: Path, *, quick: bool
    ) -> None:
        self.server = server
        self.peer = peer
        """Python of an environment with livekit-agents; None if it can't be had."""
        self.folder = folder
        """A short path: Unix sockets live in it."""
        self.quick = quick
        """A fraction of the samples: to see that it works, not to publish."""
        self._numbers = itertools.count(1)

    def samples(self, count: int, quick: int) -> int:
        """How many to take."""
        return quick if self.quick else count

    def new_folder(self) -> Path:
        """A folder of its own for whoever asks."""
        path = self.folder / str(next(self._numbers))
        path.mkdir()
        return path


Benchmark = Callable[[Bench], Awaitable[list[Figure]]]


async def run_program(command: list[str], environment: dict[str, str], timeout: float) -> bytes:
    """Run a program and return what it printed; raises RuntimeError or TimeoutError."""
    process = await asyncio.create_subprocess_exec(
        *command, env=environment, stdout=asyncio.subprocess.PIPE
    )
    try:
        output, _ = await asyncio.wait_for(process.communicate(), timeout)
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    if process.returncode:
        raise RuntimeError(f"{' '.join(command)} ended with code {process.returncode}")
    return output
