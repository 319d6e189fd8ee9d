"""End of turn: the interface of models that judge whether somebody has finished speaking."""

from __future__ import annotations

from .base import EndOfTurnModel
from .events import EndOfTurnPrediction, EndOfTurnRequest, TurnText
from .thresholds import threshold_of

__all__ = [
    "EndOfTurnModel",
    "EndOfTurnRequest",
    "EndOfTurnPrediction",
    "TurnText",
    "threshold_of",
]
