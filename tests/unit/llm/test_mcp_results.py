"""What a model is told of the result of a server's tool."""

from __future__ import annotations

from typing import Any

import pytest
from mcp_types import (
    AudioContent,
    BlobResourceContents,
    CallToolResult,
    EmbeddedResource,
    TextContent,
)

from agentd.errors import ToolError
from agentd.llm.mcp import MCPToolResultContext
from agentd.llm.mcp.results import as_text, cut, resolve


def result(*texts: str, **more: Any) -> CallToolResult:
    """A result of texts."""
    return CallToolResult(content=[TextContent(text=text) for text in texts], **more)


def context(made: CallToolResult) -> MCPToolResultContext:
    """It, as that of a call."""
    return MCPToolResultContext(tool_name="x", arguments={}, result=made)


def test_texts_are_told_one_below_the_other() -> None:
    """As the server wrote them; data beside them are the same for programs."""
    assert as_text(result("one", "two", structured_content={"n": 1})) == "one\ntwo"


def test_data_alone_are_told_as_json() -> None:
    """Also beside what is no text; data that are false are data."""
    sound = AudioContent(data="aGk=", mime_type="audio/wav")

    assert as_text(result(structured_content={"n": [1]})) == '{"n":[1]}'
    assert as_text(result(structured_content=0)) == "0"
    assert as_text(CallToolResult(content=[sound], structured_content={"n": 1})) == (
        '[audio, audio/wav: can\'t be shown here]\n{"n":1}'
    )


def test_a_file_that_is_no_text_is_named() -> None:
    """By its address and type."""
    blob = BlobResourceContents(uri="file:///a.bin", blob="aGk=")

    told = as_text(CallToolResult(content=[EmbeddedResource(resource=blob)]))

    assert told == "[file file:///a.bin, of unknown type]"


def test_nothing_is_told_as_nothing() -> None:
    """A tool may have no result."""
    assert as_text(result()) == ""


def test_a_long_text_is_cut_and_a_short_one_is_not() -> None:
    """It says how much there is."""
    assert cut("four", 4) == "four"
    assert cut("fives", 4).startswith("five\n[Cut: this is 4 of 5 characters.")


async def test_an_error_is_raised_before_a_resolver_is_asked() -> None:
    """With the server's words, or some."""
    with pytest.raises(ToolError, match="no such city"):
        await resolve(context(result("no such city", is_error=True)), lambda _: "x", 100)
    with pytest.raises(ToolError, match="said no more"):
        await resolve(context(result(is_error=True)), None, 100)


async def test_a_resolver_may_be_a_plain_function() -> None:
    """What it returns is the tool's result, of any kind."""
    assert await resolve(context(result("x")), lambda one: {"was": one.tool_name}, 100) == {
        "was": "x"
    }
