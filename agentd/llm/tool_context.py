"""The names of tools where users of livekit-agents import them from."""

from __future__ import annotations

from .tools import (
    FunctionTool,
    ProviderTool,
    RawFunctionTool,
    StopResponse,
    Tool,
    ToolError,
    ToolFlag,
    ToolResult,
    find_function_tools,
    function_tool,
    is_function_tool,
    is_raw_function_tool,
)
from .toolset import ToolContext, Toolset

__all__ = [
    "FunctionTool",
    "ProviderTool",
    "RawFunctionTool",
    "StopResponse",
    "Tool",
    "ToolContext",
    "ToolError",
    "ToolFlag",
    "ToolResult",
    "Toolset",
    "find_function_tools",
    "function_tool",
    "is_function_tool",
    "is_raw_function_tool",
]
