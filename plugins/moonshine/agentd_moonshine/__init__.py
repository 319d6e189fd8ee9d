"""Speech to text for agentd by the Moonshine model: English, on this machine, without a network."""

from __future__ import annotations

from .runner import MoonshineRunner
from .stt import STT

__all__ = ["STT", "MoonshineRunner"]
