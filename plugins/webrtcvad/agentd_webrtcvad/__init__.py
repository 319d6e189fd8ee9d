"""Voice activity detection for agentd by WebRTC's detector: small, fast, no model to load."""

from __future__ import annotations

from .vad import VAD

__all__ = ["VAD"]
