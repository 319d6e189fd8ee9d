"""What an agent is told when its conversation goes on in another process."""

from __future__ import annotations

from msgspec import Struct

from agentd.llm.items import FunctionCall
from agentd.protocol.job import ResumeReason


class ResumeContext(Struct, frozen=True, kw_only=True):
    """Where the conversation was when it left its process, which died or was replaced."""

    reason: ResumeReason = "crash"
    """`swap`: it was moved onto new code, on purpose and at a moment in which no tool was at work
    that must not be cut off."""
    interrupted_text: str = ""
    """What was being said, from the start of the sentence in which it was cut off."""
    unanswered: str = ""
    """What the user had said, where the reply to it had not begun to be heard."""
    unfinished_calls: list[FunctionCall] = []
    """Tools that were at work. They are not run again: the model is told that their outcome is
    unknown. Those that are declared idempotent are run again, and are not listed."""
    away_for: float = 0.0
    """Seconds since the last snapshot."""
