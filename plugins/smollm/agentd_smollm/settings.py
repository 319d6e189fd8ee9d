"""How the model is loaded. What is equal here is one model in a process."""

from __future__ import annotations

from pathlib import Path

from msgspec import Struct

SMALLEST_CONTEXT, LARGEST_CONTEXT = 256, 8192
"""Tokens: below there is no room for a turn, above the model was not trained."""


class ModelSettings(Struct, frozen=True, kw_only=True):
    """Raises ValueError for what can't be loaded."""

    context: int
    """Tokens of the prompt and the reply together."""
    threads: int
    """Of the computation. More than there are free cores is far slower than one."""
    directory: Path | None = None
    """Where `agentd models fetch` has put the file, unless it is the usual place."""

    def __post_init__(self) -> None:
        if not SMALLEST_CONTEXT <= self.context <= LARGEST_CONTEXT:
            raise ValueError(
                f"context must be {SMALLEST_CONTEXT} to {LARGEST_CONTEXT} tokens, "
                f"but is {self.context}"
            )
        if self.threads < 1:
            raise ValueError(f"threads must be 1 or more, but is {self.threads}")
