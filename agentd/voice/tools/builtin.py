"""Tools of our own, offered where a tool of the user's may be cancelled (row 153)."""

from __future__ import annotations

from collections.abc import Sequence

from agentd.aio.timing import now
from agentd.errors import ToolError
from agentd.llm.tools import FunctionTool, RawFunctionTool, Tool, ToolFlag, function_tool
from agentd.llm.toolset import ToolContext
from agentd.voice.agent_base import AnyTool

from .run import ToolRunner

GET_RUNNING = "lk_agents_get_running_tasks"
CANCEL = "lk_agents_cancel_task"


def with_builtin(tools: Sequence[AnyTool], runner: ToolRunner) -> list[AnyTool]:
    """The tools, and those that look after running ones where one of them may be cancelled."""
    flat = ToolContext(tools).flatten()
    if not any(_is_cancellable(tool) for tool in flat):
        return list(tools)
    return [*tools, *_builtin(runner)]


def _is_cancellable(tool: Tool) -> bool:
    if not isinstance(tool, FunctionTool | RawFunctionTool):
        return False
    return bool(tool.info.flags & ToolFlag.CANCELLABLE)


def _builtin(runner: ToolRunner) -> list[Tool]:
    @function_tool(name=GET_RUNNING)
    async def get_running_tasks() -> list[dict[str, str]]:
        """List the tools that are at work and can be cancelled, with their call ids."""
        return [
            {
                "call_id": run.call.call_id,
                "tool": run.call.name,
                "arguments": run.call.arguments,
                "running_for": f"{now() - run.started_at:.0f} s",
            }
            for run in runner.running
            if run.cancellable
        ]

    @function_tool(name=CANCEL)
    async def cancel_task(call_id: str) -> str:
        """Cancel a tool that is at work.

        Args:
            call_id: Of the call, as lk_agents_get_running_tasks lists it.
        """
        run = runner.find(call_id)
        if run is None:
            raise ToolError(f"No tool with the call id '{call_id}' is at work.")
        if not run.cancellable:
            raise ToolError(f"{run.call.name} can't be cancelled.")
        runner.cancel(call_id)
        return f"{run.call.name} was cancelled."

    return [get_running_tasks, cancel_task]
