"""Public support for testing agents: scripted models, a real LiveKit server, a clock that jumps.

Nothing in agentd outside of this room imports it. The names are loaded on first use: who starts a
server needs no audio, and who scripts a model no server.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .fake_eot import FakeEndOfTurn as FakeEndOfTurn
    from .fake_stt import FakeSTT as FakeSTT
    from .fake_vad import FakeVAD as FakeVAD
    from .faults import Fault as Fault
    from .faults import Misbehaviour as Misbehaviour
    from .heard import Said as Said

_NAMES = {
    "FakeEndOfTurn": "fake_eot",
    "FakeSTT": "fake_stt",
    "FakeVAD": "fake_vad",
    "Fault": "faults",
    "Misbehaviour": "faults",
    "Said": "heard",
}
"""The module of each public name."""

__all__ = [*_NAMES]  # noqa: PLE0604 - the table above is the list


def __getattr__(name: str) -> Any:
    if name not in _NAMES:
        raise AttributeError(f"module '{__name__}' has no attribute '{name}'")
    value = getattr(importlib.import_module(f"{__name__}.{_NAMES[name]}"), name)
    globals()[name] = value
    return value
