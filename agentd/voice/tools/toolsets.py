"""The toolsets of an agent, or of a session: set up before their tools are offered, and closed."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from agentd.llm.tools import Tool
from agentd.llm.toolset import ToolContext, Toolset


class Toolsets:
    """Those that were set up, in this order. `on_failed` is told what a toolset's close raises."""

    def __init__(self, on_failed: Callable[[Exception], None]) -> None:
        self._on_failed = on_failed
        self._kept: list[Toolset] = []

    async def follow(self, tools: Sequence[Tool | Toolset]) -> None:
        """Set up what is new among the tools, and close what is gone.

        Raises what a `setup` raises; that toolset is closed with the others.
        """
        wanted = ToolContext(tools).toolsets
        for toolset in wanted:
            if not _has(self._kept, toolset):
                self._kept.append(toolset)
                await toolset.setup()
        for toolset in list(self._kept):
            if not _has(wanted, toolset):
                await self._close(toolset)

    async def aclose(self) -> None:
        """Close them all, the last one first. May be repeated."""
        for toolset in reversed(list(self._kept)):
            await self._close(toolset)

    async def _close(self, toolset: Toolset) -> None:
        self._kept = [one for one in self._kept if one is not toolset]
        try:
            await toolset.aclose()
        except Exception as error:  # noqa: BLE001 - a toolset of the user's, and there may be more
            self._on_failed(error)


def _has(toolsets: Sequence[Toolset], wanted: Toolset) -> bool:
    return any(toolset is wanted for toolset in toolsets)
