"""Models that hear and speak, over the realtime API."""

from __future__ import annotations

from .model import RealtimeModel, capabilities_of
from .options import RealtimeOptions

__all__ = ["RealtimeModel", "RealtimeOptions", "capabilities_of"]
