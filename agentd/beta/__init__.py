"""Ready-made parts of agents, under livekit-agents' names: tools, and tasks later.

They use what every agent may use, and know nothing of the insides of a session.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from agentd.llm.instructions import Instructions as Instructions

    from .tools.end_call import EndCallTool as EndCallTool

_NAMES = {"EndCallTool": "agentd.beta.tools.end_call", "Instructions": "agentd.llm.instructions"}
"""The module of each public name."""

__all__ = [*_NAMES]  # noqa: PLE0604 - the table above is the list


def __getattr__(name: str) -> Any:
    if name not in _NAMES:
        raise AttributeError(f"module '{__name__}' has no attribute '{name}'")
    return getattr(importlib.import_module(_NAMES[name]), name)
