"""The line that is typed on, at a terminal: it stays below what is said."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from prompt_toolkit import PromptSession
from prompt_toolkit.formatted_text import ANSI
from prompt_toolkit.key_binding import KeyBindings
from prompt_toolkit.patch_stdout import patch_stdout

REFRESH = 0.1
"""Seconds between two looks at the levels, while there is sound."""

__all__ = ["Prompt", "patch_stdout"]


class Prompt:
    """Reads lines from the terminal, which it has for itself meanwhile."""

    def __init__(self, *, status: Callable[[], str], toggle: Callable[[], None]) -> None:
        bindings = KeyBindings()

        @bindings.add("c-t")
        def _toggle(_event: Any) -> None:
            toggle()

        self._session: PromptSession[str] = PromptSession(
            key_bindings=bindings,
            bottom_toolbar=lambda: ANSI(status()),
            refresh_interval=REFRESH,
        )

    async def line(self) -> str:
        """The next line; raises EOFError for Ctrl-D and KeyboardInterrupt for Ctrl-C."""
        return await self._session.prompt_async("  you: ", handle_sigint=False)
