"""The arguments of a call as a model wrote them: read, mended where that is safe, and checked."""

from __future__ import annotations

import logging
import re
from typing import Any

import json_repair
import msgspec

from agentd.errors import ToolError

from .signature import RAW_ARGUMENTS
from .tools import FunctionTool, RawFunctionTool

logger = logging.getLogger("agentd.llm")

TEMPLATE_TOKENS = re.compile(
    r"<[|\uff5c][^<>]{1,40}?[|\uff5c]>|</?tool_calls?>|\[/?TOOL_CALLS\]|<(?:start|end)_of_turn>|</?s>"
)
"""What separates turns in the prompts of open models, and sometimes leaks into what they write."""
FENCE = re.compile(r"\A\s*```\w*\s*(.*?)\s*(?:```)?\s*\Z", re.DOTALL)
MAX_REPAIRED_CHARS = 20_000
"""Longer text is read as it is or not at all: mending it would hold up the event loop."""
MAX_REPAIRED_BRACKETS = 500
"""The parser takes a second for ten thousand that are never closed."""
MAX_NESTED_TEXTS = 3
"""How often JSON may be packed into a JSON text."""
SHOWN_CHARS = 200
"""Of broken text in an error."""


def prepare_arguments(
    tool: FunctionTool[..., Any] | RawFunctionTool[..., Any], json_text: str
) -> dict[str, Any]:
    """The keyword arguments to call a tool with, without its context parameters.

    Raises ToolError with a text that the model can use, and ToolSchemaError where the tool's own
    type hints are at fault.
    """
    arguments = parse_arguments(json_text)
    if isinstance(tool, RawFunctionTool):
        return {RAW_ARGUMENTS: arguments}
    return tool.signature.validate(arguments)


def parse_arguments(json_text: str) -> dict[str, Any]:
    """The object that a text stands for; an empty text is an empty one. Raises ToolError."""
    value: Any = json_text
    for _ in range(MAX_NESTED_TEXTS):
        if not isinstance(value, str):
            break
        value = _read(value)
    if value is None:
        return {}
    if not isinstance(value, dict):
        raise _not_an_object(json_text)
    return value


def _read(text: str) -> Any:
    if not text.strip():
        return {}
    try:
        return msgspec.json.decode(text)
    except (msgspec.DecodeError, UnicodeError, RecursionError):
        return _mend(text)


def _mend(text: str) -> Any:
    """Read text that is nearly JSON: other quotes, stray commas, a missing bracket, wrappings."""
    bare = TEMPLATE_TOKENS.sub("", text)
    if found := FENCE.match(bare):
        bare = found[1]
    brackets = bare.count("{") + bare.count("[")
    if len(bare) > MAX_REPAIRED_CHARS or brackets > MAX_REPAIRED_BRACKETS:
        raise _not_an_object(text)
    if ends_in_text(bare):
        # Mending would call the tool with half a text.
        raise ToolError(
            f"The arguments are cut off: they end with {bare[-40:]!r}. Call the tool again."
        )
    try:
        value = json_repair.loads(bare)
        msgspec.json.encode(value)  # half a surrogate pair can't be
    # A parser that is made for broken text: whatever it trips over, the text is no JSON.
    except Exception as error:
        raise _not_an_object(text) from error
    if not isinstance(value, dict):
        raise _not_an_object(text)
    # Not the text itself: it may well be personal.
    logger.info(
        "a model's arguments were nearly JSON, and were mended",
        extra={"action": "arguments_mended", "size": len(text)},
    )
    return value


def ends_in_text(text: str) -> bool:
    """Whether the last text in double quotes is not closed."""
    inside = escaped = False
    for letter in text:
        if escaped:
            escaped = False
        elif letter == "\\":
            escaped = inside
        elif letter == '"':
            inside = not inside
    return inside


def _not_an_object(text: str) -> ToolError:
    shown = text if len(text) <= SHOWN_CHARS else f"{text[:SHOWN_CHARS]}..."
    return ToolError(
        f"The arguments must be a JSON object, but are {shown!r}. Call the tool again with one."
    )
