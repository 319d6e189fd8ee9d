"""Helpers of asyncio; see `agentd.aio`."""

from __future__ import annotations

from agentd.aio.tasks import cancel_and_wait

__all__ = ["cancel_and_wait"]
