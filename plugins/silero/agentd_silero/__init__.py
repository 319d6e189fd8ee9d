"""Voice activity detection for agentd by Silero's model: tells voices from noise and music."""

from __future__ import annotations

from .vad import VAD

__all__ = ["VAD"]
