"""What a local model is to whoever runs it: blocking code, bytes in, bytes out."""

from __future__ import annotations

from typing import Protocol


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
