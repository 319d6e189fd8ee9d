"""How calls to the outside are made: how long they may take, how often they are tried, whether a
service that fails is asked at all, and which of several is.

Knows no provider and no model; the rooms of the models use it, and so may plugins.
"""

from __future__ import annotations

from .breaker import BreakerPolicy, CircuitState
from .circuit import Attempt, Circuit
from .circuits import Circuits, circuits, forget_circuits
from .options import DEFAULT_API_CONNECT_OPTIONS, APIConnectOptions
from .recovery import Standby
from .retries import Retries

__all__ = [
    "DEFAULT_API_CONNECT_OPTIONS",
    "APIConnectOptions",
    "Attempt",
    "BreakerPolicy",
    "Circuit",
    "CircuitState",
    "Circuits",
    "Retries",
    "Standby",
    "circuits",
    "forget_circuits",
]
