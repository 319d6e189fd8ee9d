"""The line that is typed on, at a terminal: it stays below what is said."""

from __future__ import annotations

import termios
from collections.abc import Callable
from typing import Any, TextIO

from prompt_toolkit import PromptSession
from prompt_toolkit.formatted_text import ANSI
from prompt_toolkit.key_binding import KeyBindings
from prompt_toolkit.patch_stdout import patch_stdout

REFRESH = 0.1
"""Seconds between two looks at the levels, while there is sound."""

__all__ = ["Prompt", "TerminalModes", "patch_stdout"]


class TerminalModes:
    """How a terminal was before anybody reads single keys from it."""

    def __init__(self, stream: TextIO) -> None:
        self._descriptor = stream.fileno()
        self._modes = termios.tcgetattr(self._descriptor)

    def restore(self) -> None:
        """Have it so again: lines, and signals for Ctrl-C. May be repeated."""
        termios.tcsetattr(self._descriptor, termios.TCSANOW, self._modes)


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
