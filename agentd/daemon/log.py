"""Where the daemon's log goes: standard output or the journal, from a thread of its own."""

from __future__ import annotations

import sys

from agentd.errors import SettingsError
from agentd.logs.journald import SOCKET, is_journal
from agentd.logs.setup import choose_format, setup_logging
from agentd.settings.load import environment, wants_colour
from agentd.settings.model import LogSettings


def write_log(settings: LogSettings, *, dev: bool) -> None:
    """Write log lines as the settings say, from now on. May be repeated. Raises SettingsError."""
    if settings.log_format == "journal" and not SOCKET.is_socket():
        raise SettingsError(
            f"log_format: 'journal' was asked for, and no systemd-journald listens at {SOCKET}; "
            "set it to 'auto', which takes the journal where there is one"
        )
    journal = is_journal(sys.stdout, environment())
    setup_logging(
        settings.log_level,
        choose_format(settings.log_format, dev=dev, journal=journal),
        sys.stdout,
        colour=wants_colour(environment(), is_terminal=sys.stdout.isatty()),
        # An output that nobody reads must not hold up the event loop.
        background=True,
    )
