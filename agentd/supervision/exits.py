"""How something supervised ended.

OTP's reasons (supervisor(3), "Tuning the intensity"; gen_server's exit reasons): `normal`,
`shutdown`, and anything else is an error.
"""

from __future__ import annotations

from enum import Enum
from typing import Self

from msgspec import Struct


class ExitReason(Enum):
    """The three ways to end."""

    NORMAL = "normal"
    """It was finished."""
    SHUTDOWN = "shutdown"
    """It was asked to end, or a supervisor ended because its work was done."""
    ERROR = "error"
    """Anything else."""


class Exit(Struct, frozen=True):
    """The end of a child, and what it died of."""

    reason: ExitReason
    error: BaseException | str | None = None
    """An exception, or a text where the dead can't give one; set when the reason is an error."""

    @classmethod
    def failed(cls, error: BaseException | str) -> Self:
        """An abnormal end."""
        return cls(ExitReason.ERROR, error)

    @property
    def abnormal(self) -> bool:
        """Whether a transient child is started again after this."""
        return self.reason is ExitReason.ERROR

    @property
    def text(self) -> str:
        """The error, or else the reason, for people."""
        return describe(self.error) if self.error is not None else self.reason.value


NORMAL = Exit(ExitReason.NORMAL)
SHUTDOWN = Exit(ExitReason.SHUTDOWN)


def describe(error: BaseException | str) -> str:
    """An error as one line: its text, and its type where the text alone says too little."""
    if isinstance(error, str):
        return error
    name = type(error).__name__
    return f"{name}: {error}" if str(error) else name
