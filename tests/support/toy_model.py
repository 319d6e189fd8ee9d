"""A model that does what its requests say, for a model host and the tests of it."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable
from pathlib import Path

from agentd.errors import ModelError
from agentd.models import ModelRef


class ToyModel:
    """`echo WORDS`, `pid`, `fail WORDS`, `crash`, `raise`, `wait FOLDER`, `much BYTES`.

    As a stream: `count NUMBER`, and `pause FOLDER`, which waits after its first part.
    """

    def __init__(self, word: str = "", broken: bool = False) -> None:
        self._word = word
        self._broken = broken

    def load(self) -> None:
        """Nothing, or a failure."""
        if self._broken:
            raise ModelError("it has no weights")

    def run(self, request: bytes) -> bytes:
        """Do as it is told."""
        order, _, words = request.decode().partition(" ")
        match order:
            case "echo":
                return f"{self._word}{words}".encode()
            case "pid":
                return str(os.getpid()).encode()
            case "fail":
                raise ModelError(words, retryable=True)
            case "raise":
                raise RuntimeError("a bug of the model")
            case "crash":
                os._exit(3)
            case "wait":
                return wait_at(Path(words))
            case "much":
                return bytes(int(words))
            case _:
                raise ModelError(f"no order: {order}")

    def stream(self, request: bytes, give: Callable[[bytes], bool]) -> None:
        """Numbers from 0."""
        order, _, words = request.decode().partition(" ")
        if order == "pause":
            give(b"0")
            wait_at(Path(words))
            give(b"1")
            return
        for number in range(int(words)):
            if not give(str(number).encode()):
                return


def wait_at(gate: Path) -> bytes:
    """Say that somebody is at a gate, and wait until it is opened."""
    (gate / "came").open("wb").close()  # blocks until a reader is there
    (gate / "open").open("rb").close()  # blocks until a writer is there
    return str(os.getpid()).encode()


class Gate:
    """Two pipes with names: somebody has come, and may go on."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir()
        os.mkfifo(folder / "came")
        os.mkfifo(folder / "open")
        self._folder = folder

    @property
    def order(self) -> bytes:
        """The request that waits at it."""
        return f"wait {self._folder}".encode()

    async def somebody_came(self) -> None:
        """Wait until a request is at the gate."""
        await asyncio.to_thread((self._folder / "came").read_bytes)

    async def let_go(self) -> None:
        """Let one through."""
        await asyncio.to_thread((self._folder / "open").write_bytes, b"")


def toy(name: str = "toy", *, threads: int = 1, **options: bool | str) -> ModelRef:
    """A ref to one."""
    return ModelRef(
        name=name,
        target="tests.support.toy_model:ToyModel",
        options=dict(options),
        threads=threads,
    )
