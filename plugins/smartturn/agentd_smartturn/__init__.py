"""End of turn for agentd by the Smart Turn model: hears whether a sentence is complete."""

from __future__ import annotations

from .eot import EndOfTurn
from .files import MODEL_FILES
from .runner import SmartTurnRunner

__all__ = ["MODEL_FILES", "EndOfTurn", "SmartTurnRunner"]
