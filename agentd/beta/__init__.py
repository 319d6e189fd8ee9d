"""Ready-made parts of agents, under livekit-agents' names: tools, and tasks later.

They use what every agent may use, and know nothing of the insides of a session.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from agentd.llm.instructions import Instructions as Instructions
    from agentd.voice.dtmf import DtmfEvent as DtmfEvent

    from .tools.end_call import EndCallTool as EndCallTool
    from .tools.send_dtmf import send_dtmf_events as send_dtmf_events

_NAMES = {
    "DtmfEvent": "agentd.voice.dtmf",
    "EndCallTool": "agentd.beta.tools.end_call",
    "Instructions": "agentd.llm.instructions",
    "send_dtmf_events": "agentd.beta.tools.send_dtmf",
}
"""The module of each public name."""

__all__ = [*_NAMES]  # noqa: PLE0604 - the table above is the list


def __getattr__(name: str) -> Any:
    if name not in _NAMES:
        raise AttributeError(f"module '{__name__}' has no attribute '{name}'")
    return getattr(importlib.import_module(_NAMES[name]), name)
