"""What systemd is told. Without systemd-python, or outside a service, nothing is."""

from __future__ import annotations

from agentd.settings.load import environment, watchdog_interval

try:
    from systemd.daemon import notify
except ImportError:  # the extra is not installed
    notify = None


def watchdog_period() -> float | None:
    """Seconds within which systemd wants to hear from us; None where it does not care."""
    return watchdog_interval(environment()) if notify is not None else None


def feed_watchdog() -> None:
    """Say that the event loop goes round."""
    if notify is not None:
        notify("WATCHDOG=1")
