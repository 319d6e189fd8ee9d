"""What a user may say of a server's tools, one by one."""

from __future__ import annotations

from typing import TypedDict

from agentd.llm.tools import DuplicateMode, DuplicateScope, ToolFlag


class MCPToolOptions(TypedDict, total=False):
    """How one tool is called; what is not given is as for any other tool."""

    flags: ToolFlag
    on_duplicate: DuplicateMode
    duplicate_scope: DuplicateScope
    report_progress: bool
    """Whether the model is told how far the work is: the first word of it answers the call, and
    the result comes later, as with `RunContext.update`. False unless given."""
    progress_interval: float
    """Seconds between two reports at least; what comes in between is left out. 5 unless given."""
    timeout: float
    """Seconds that a call may take; the server's `call_timeout` unless given."""
