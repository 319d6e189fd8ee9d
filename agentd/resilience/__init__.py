"""How calls to the outside are made: how long they may take, and how often they are tried.

Knows no provider and no model; the rooms of the models use it, and so may plugins.
"""

from __future__ import annotations

from .options import DEFAULT_API_CONNECT_OPTIONS, APIConnectOptions

__all__ = ["DEFAULT_API_CONNECT_OPTIONS", "APIConnectOptions"]
