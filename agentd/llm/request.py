"""What one reply is asked with."""

from __future__ import annotations

from typing import Any

from msgspec import Struct

from agentd.given import NOT_GIVEN, NotGivenOr
from agentd.resilience import DEFAULT_API_CONNECT_OPTIONS, APIConnectOptions

from .chat import ChatContext
from .events import ToolChoice
from .tools import Tool


class ChatRequest(Struct, frozen=True, kw_only=True):
    """A question to a model."""

    chat_ctx: ChatContext
    """The conversation so far; not to be changed."""
    tools: list[Tool] = []
    """Without the toolsets around them."""
    conn_options: APIConnectOptions = DEFAULT_API_CONNECT_OPTIONS
    parallel_tool_calls: NotGivenOr[bool] = NOT_GIVEN
    tool_choice: NotGivenOr[ToolChoice] = NOT_GIVEN
    response_format: NotGivenOr[type | dict[str, Any]] = NOT_GIVEN
    """What the reply is to be; see `agentd.llm.structured`."""
    extra_kwargs: dict[str, Any] = {}
    """For the provider's API as they are."""
