"""How often something may be restarted before its supervisor gives up."""

from __future__ import annotations

from msgspec import Struct


class Intensity(Struct, frozen=True, kw_only=True):
    """At most `restarts` within any `period` seconds; OTP's MaxR and MaxT."""

    restarts: int
    period: float


def add_restart(
    history: tuple[float, ...], now: float, intensity: Intensity
) -> tuple[tuple[float, ...], bool]:
    """Note a restart at `now`; returns the history still in the window, and whether to go on."""
    kept = (*(at for at in history if now - at <= intensity.period), now)
    return kept, len(kept) <= intensity.restarts
