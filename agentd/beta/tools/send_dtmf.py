"""send_dtmf_events: the model presses keys, as for the menu of another telephone (row 171)."""

from __future__ import annotations

from typing import Any

from agentd.errors import SessionError, ToolError
from agentd.llm.tools import function_tool
from agentd.voice.context import RunContext
from agentd.voice.dtmf import DtmfEvent


@function_tool
async def send_dtmf_events(context: RunContext[Any], events: list[DtmfEvent]) -> str:
    """Press keys of the telephone, as when a menu asks for them or the user wants it.

    Args:
        events: The keys, in order.
    """
    try:
        await context.session.send_dtmf(events)
    except SessionError as error:
        raise ToolError(f"the keys were not pressed: {error}") from error
    return f"pressed {' '.join(events)}"
