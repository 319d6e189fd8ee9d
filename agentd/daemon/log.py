"""Where the daemon's log goes: standard output, written by a thread of its own."""

from __future__ import annotations

import sys

from agentd.logs.setup import choose_format, setup_logging
from agentd.settings.load import environment, wants_colour
from agentd.settings.model import LogSettings


def write_log(settings: LogSettings, *, dev: bool) -> None:
    """Write log lines as the settings say, from now on. May be repeated."""
    setup_logging(
        settings.log_level,
        choose_format(settings.log_format, dev=dev),
        sys.stdout,
        colour=wants_colour(environment(), is_terminal=sys.stdout.isatty()),
        # An output that nobody reads must not hold up the event loop.
        background=True,
    )
