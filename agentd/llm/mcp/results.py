"""What a model is told of a tool's result. Pure.

A text is told as it is: a server writes it for models. Structured content is told, as JSON, where
there is no text. A model reads text only, so of pictures, sound and files it is told that they are
there; a resolver of the user's is given the whole result.
"""

from __future__ import annotations

import inspect
from collections.abc import Awaitable, Callable
from typing import Any, TypeAlias, assert_never

import mcp_types as types
import msgspec
from msgspec import Struct

from agentd.errors import ToolError

MAX_RESULT_CHARS = 20_000
"""Of a result that a model is told: some 5000 tokens, which already cost a caller a second."""


class MCPToolResultContext(Struct, frozen=True, kw_only=True):
    """A result, and the call that it is of."""

    tool_name: str
    """As the server calls it."""
    arguments: dict[str, Any]
    result: types.CallToolResult


MCPToolResultResolver: TypeAlias = Callable[[MCPToolResultContext], Any | Awaitable[Any]]
"""Makes of a result what the tool returns; async or not."""


async def resolve(
    context: MCPToolResultContext, resolver: MCPToolResultResolver | None, limit: int
) -> Any:
    """What the tool returns; raises ToolError where the result is an error."""
    if context.result.is_error:
        raise ToolError(cut(as_text(context.result), limit) or "The tool failed and said no more.")
    if resolver is None:
        return cut(as_text(context.result), limit)
    made = resolver(context)
    return await made if inspect.isawaitable(made) else made


def as_text(result: types.CallToolResult) -> str:
    """A result as text."""
    parts = [_part(block) for block in result.content]
    if not any(isinstance(block, types.TextContent) for block in result.content):
        structured = result.structured_content
        parts += [] if structured is None else [msgspec.json.encode(structured).decode()]
    return "\n".join(parts)


def cut(text: str, limit: int) -> str:
    """As much of a text as is told, and that there is more."""
    if len(text) <= limit:
        return text
    return (
        f"{text[:limit]}\n[Cut: this is {limit} of {len(text)} characters. Ask for less to see "
        "the rest.]"
    )


def _part(block: types.ContentBlock) -> str:
    match block:
        case types.TextContent():
            return block.text
        case types.ImageContent() | types.AudioContent():
            kind = "image" if isinstance(block, types.ImageContent) else "audio"
            return f"[{kind}, {block.mime_type}: can't be shown here]"
        case types.ResourceLink():
            return f"[resource {block.name}: {block.uri}]"
        case types.EmbeddedResource(resource=types.TextResourceContents() as resource):
            return resource.text
        case types.EmbeddedResource(resource=resource):
            return f"[file {resource.uri}, {resource.mime_type or 'of unknown type'}]"
        case _:
            assert_never(block)
