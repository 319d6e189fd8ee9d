"""Whether something that ended is started again.

The words are OTP's and mean what they mean there (supervisor(3), "Restart strategies").
"""

from __future__ import annotations

from enum import Enum
from typing import assert_never


class RestartPolicy(Enum):
    """When a child that ended is started again."""

    PERMANENT = "permanent"
    """Always."""
    TRANSIENT = "transient"
    """Only when it ended abnormally."""
    TEMPORARY = "temporary"
    """Never."""


class Decision(Enum):
    """What to do about a child that ended."""

    RESTART = "restart"
    FORGET = "forget"


def decide_restart(policy: RestartPolicy, *, abnormal: bool) -> Decision:
    """OTP's table of restart types against ways to end."""
    match policy:
        case RestartPolicy.PERMANENT:
            return Decision.RESTART
        case RestartPolicy.TRANSIENT:
            return Decision.RESTART if abnormal else Decision.FORGET
        case RestartPolicy.TEMPORARY:
            return Decision.FORGET
        case _:
            assert_never(policy)
