"""Encoded audio; see `agentd.audio`."""

from __future__ import annotations

from agentd.audio import AudioStreamDecoder

__all__ = ["AudioStreamDecoder"]
