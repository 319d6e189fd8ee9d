"""Tools that many agents want."""

from __future__ import annotations

from agentd.voice.dtmf import DtmfEvent

from .end_call import EndCallTool
from .send_dtmf import send_dtmf_events

__all__ = ["DtmfEvent", "EndCallTool", "send_dtmf_events"]
