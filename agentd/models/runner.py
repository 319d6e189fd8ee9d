"""What a local model is to whoever runs it: blocking code, bytes in, bytes out."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable
from typing import Protocol, runtime_checkable

Give = Callable[[bytes], bool]
"""Takes one part of an answer, in the runner's thread; says False where no more is wanted.

A call, not an iterator: the libraries of language models call for each piece, and can't be asked.
"""


class ModelRunner(Protocol):
    """One loaded copy of a model. Knows no event loop.

    So it runs in a thread of the process that needs it as well as in a host process that many
    share. It is used by one thread at a time; where more are to work, each has a runner of its own.
    """

    def load(self) -> None:
        """Load the model and run it once, so that the next call is quick. May be repeated.

        Raises ModelError where it can't be loaded.
        """

    def run(self, request: bytes) -> bytes:
        """Answer one request; loads the model first where nobody has.

        What the bytes mean is between the plugin and its runner. Raises ModelError for a request
        that the model can't answer.
        """


@runtime_checkable
class StoppableRunner(Protocol):
    """A runner that can give up what it computes, when nobody waits for it any more."""

    def stop(self) -> None:
        """Let the `run` that is under way end soon, by raising ModelError.

        Called from another thread, and only while one is under way; it may come too late.
        """


@runtime_checkable
class StreamingRunner(Protocol):
    """A runner that has the beginning of an answer before its end."""

    def stream(self, request: bytes, give: Give) -> None:
        """Answer one request in parts, and return when it is answered, or nobody wants the rest.

        Raises as `run` does, also between two parts.
        """


class LocalModel(Protocol):
    """A model to those who use it, wherever it is loaded: in threads here, or in the model host."""

    def prewarm(self) -> None:
        """Load it in the background. May be repeated."""

    def load(self) -> None:
        """Load it and wait for that, where no event loop waits; raises ModelError."""

    async def run(self, request: bytes) -> bytes:
        """Have a request answered; raises ModelError. Who is cancelled waits no longer."""

    def stream(self, request: bytes) -> AsyncGenerator[bytes, None]:
        """Have a request answered in parts, as they come; in one where the runner has no parts.

        Raises ModelError, also between two parts. To be closed where it is not taken to its end.
        """

    def close(self) -> None:
        """Use it no more. May be repeated."""
