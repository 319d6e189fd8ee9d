"""Where the conversation is shown: lines on standard output, and what stands below them."""

from __future__ import annotations

import sys

from agentd.masking import masked

from .lines import Line, meter, painted, plain


class Screen:
    """Writes lines. What is below the prompt, on a terminal, is asked for by that."""

    def __init__(self, *, colour: bool) -> None:
        self._colour = colour
        self.saying = ""
        """The end of what the agent is saying."""
        self.state = "initializing"
        """The agent's."""
        self.audio = False

    def show(self, line: Line | None) -> None:
        """Write a line; None writes nothing."""
        if line is None:
            return
        # Not kept: the prompt puts a stream of its own in the place of this one.
        sys.stdout.write(f"{masked(painted(line, colour=self._colour))}\n")
        sys.stdout.flush()

    def note(self, text: str) -> None:
        """Write a line of the console's own."""
        self.show(Line(text=plain(text)))

    def error(self, text: str) -> None:
        """Write what has gone wrong."""
        self.show(Line(text=plain(text), style="error"))

    def status(self, heard: float, played: float) -> str:
        """What stands below the prompt: levels where there is sound, states, keys."""
        sound = f"mic {meter(heard)}  agent {meter(played)}  " if self.audio else "text  "
        saying = f"  “{plain(self.saying[-40:])}”" if self.saying else ""
        other = "text" if self.audio else "audio"
        return f" {sound}{self.state}{saying}   Ctrl-T {other} · Ctrl-C end "
