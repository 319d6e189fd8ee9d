"""The fault matrix: kind of provider, fault, with a fallback or without, and what comes of it.

Each test module of this folder has its `ROWS`; docs/fault-matrix.md is made of them.
"""

from __future__ import annotations

from msgspec import Struct

from agentd.testing.mock_openai import HttpFault, HttpFaultKind


class Row(Struct, frozen=True, kw_only=True):
    """One line of the matrix."""

    kind: str
    """Of the provider: `llm`, `stt`, `tts`, `realtime`."""
    fault: str
    """One of FAULTS, or the name of a realtime model's own."""
    fallback: bool
    outcome: str
    """What the user hears and the conversation remembers, in a sentence."""

    @property
    def name(self) -> str:
        """For a test's id."""
        return f"{self.fault}-{'fallback' if self.fallback else 'alone'}"


FAULTS: dict[str, HttpFault] = {
    "rate_limited": HttpFault(
        kind=HttpFaultKind.STATUS,
        status=429,
        retry_after=0.2,
        body='{"error": {"message": "slow down", "type": "rate_limit_error"}}',
    ),
    "server_errors": HttpFault(kind=HttpFaultKind.STATUS, status=500),
    "slow_first_byte": HttpFault(kind=HttpFaultKind.SLOW_FIRST_BYTE),
    "stall": HttpFault(kind=HttpFaultKind.STALL, after=6),
    "reset": HttpFault(kind=HttpFaultKind.RESET, after=6),
    "truncated": HttpFault(kind=HttpFaultKind.TRUNCATED, after=6),
    "wrong_type": HttpFault(kind=HttpFaultKind.WRONG_TYPE),
}
"""How a service fails, by the names of the matrix. Those with `after` strike in mid-stream."""
