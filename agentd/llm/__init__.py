"""Language models: what is said to them, what they stream, tools, and a plugin's interface.

History (`chat`), functions that a model may call (`tools`, `signature`), one reply (`stream`) and
several models in a row (`fallback`). What a session or a room is, is not known here.
"""

from __future__ import annotations

from .base import LLM, LLMError
from .chat import ChatContext, ReadOnlyChatContext
from .events import (
    ChatChunk,
    ChoiceDelta,
    CompletionUsage,
    FunctionToolCall,
    NamedToolChoice,
    ToolChoice,
)
from .images import Picture
from .instructions import Instructions
from .items import (
    AgentConfigUpdate,
    AgentHandoff,
    AudioContent,
    ChatContent,
    ChatItem,
    ChatMessage,
    ChatRole,
    FunctionCall,
    FunctionCallOutput,
    ImageContent,
    MetricsMetadata,
    MetricsReport,
)
from .request import ChatRequest
from .stream import CollectedResponse, LLMStream
from .tools import (
    CallContext,
    DuplicateMode,
    DuplicateScope,
    FunctionTool,
    FunctionToolInfo,
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
from .toolset import AsyncToolset, ToolContext, Toolset

__all__ = [
    "LLM",
    "AgentConfigUpdate",
    "AgentHandoff",
    "AsyncToolset",
    "AudioContent",
    "CallContext",
    "ChatChunk",
    "ChatContent",
    "ChatContext",
    "ChatItem",
    "ChatMessage",
    "ChatRequest",
    "ChatRole",
    "ChoiceDelta",
    "CollectedResponse",
    "CompletionUsage",
    "DuplicateMode",
    "DuplicateScope",
    "FunctionCall",
    "FunctionCallOutput",
    "FunctionTool",
    "FunctionToolCall",
    "FunctionToolInfo",
    "ImageContent",
    "Instructions",
    "LLMError",
    "LLMStream",
    "MetricsMetadata",
    "MetricsReport",
    "NamedToolChoice",
    "Picture",
    "ProviderTool",
    "RawFunctionTool",
    "ReadOnlyChatContext",
    "StopResponse",
    "Tool",
    "ToolChoice",
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
