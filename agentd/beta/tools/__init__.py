"""Tools that many agents want."""

from __future__ import annotations

from .end_call import EndCallTool

__all__ = ["EndCallTool"]
