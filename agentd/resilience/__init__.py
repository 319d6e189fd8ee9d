"""How calls to the outside are made: how long they may take, how often they are tried, and which
of several services is asked.

Knows no provider and no model; the rooms of the models use it, and so may plugins.
"""

from __future__ import annotations

from .options import DEFAULT_API_CONNECT_OPTIONS, APIConnectOptions
from .recovery import Standby

__all__ = ["DEFAULT_API_CONNECT_OPTIONS", "APIConnectOptions", "Standby"]
