"""Language models: what is said to them, what they stream, tools, and a plugin's interface.

History (`chat`), functions that a model may call (`tools`, `signature`), one reply (`stream`) and
several models in a row (`fallback`). What a session or a room is, is not known here.
"""

from __future__ import annotations

from .arguments import parse_arguments, prepare_arguments
from .base import LLM
from .chat import ChatContext, ReadOnlyChatContext
from .events import (
    ChatChunk,
    ChoiceDelta,
    CompletionUsage,
    FunctionToolCall,
    NamedToolChoice,
    ToolChoice,
)
from .execute import call_tool, execute_function_call
from .fallback import AvailabilityChangedEvent, FallbackAdapter
from .hedge import HedgeAdapter
from .images import Picture, as_picture
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
from .outputs import FunctionCallResult, make_function_call_output
from .request import ChatRequest
from .stream import CollectedResponse, LLMError, LLMStream
from .structured import parse_response, to_openai_response_format
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
    "AvailabilityChangedEvent",
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
    "FallbackAdapter",
    "FunctionCall",
    "FunctionCallOutput",
    "FunctionCallResult",
    "FunctionTool",
    "FunctionToolCall",
    "FunctionToolInfo",
    "HedgeAdapter",
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
    "as_picture",
    "call_tool",
    "execute_function_call",
    "find_function_tools",
    "function_tool",
    "is_function_tool",
    "is_raw_function_tool",
    "make_function_call_output",
    "parse_arguments",
    "parse_response",
    "prepare_arguments",
    "to_openai_response_format",
]
