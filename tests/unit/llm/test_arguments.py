"""Arguments as models write them."""

from __future__ import annotations

import json
import logging
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from agentd.errors import ToolError
from agentd.llm import function_tool, parse_arguments, prepare_arguments
from agentd.llm.arguments import MAX_REPAIRED_CHARS


@pytest.mark.parametrize(
    ("text", "arguments"),
    [
        ('{"a": 1}', {"a": 1}),
        ("", {}),
        ("  \n", {}),
        ("null", {}),
        ('{"a": 1,}', {"a": 1}),
        ("{'a': 'it'}", {"a": "it"}),
        ("{a: 1}", {"a": 1}),
        ('{"a": True}', {"a": True}),
        ('```json\n{"a": 1}\n```', {"a": 1}),
        ('```\n{"a": 1}', {"a": 1}),
        ('{"a": 1}<|im_end|>', {"a": 1}),
        ('<|tool_call|>{"a": 1}<|/tool_call|>', {"a": 1}),
        ('<tool_call>{"a": 1}</tool_call>', {"a": 1}),
        ('[TOOL_CALLS]{"a": 1}</s>', {"a": 1}),
        ('{"a": 1}<\uff5ctool\u2581call\u2581end\uff5c>', {"a": 1}),
        ('"{\\"a\\": 1}"', {"a": 1}),
        ('"\\"{\\\\\\"a\\\\\\": 1}\\""', {"a": 1}),
        ('{"a": {"b": [1, 2', {"a": {"b": [1, 2]}}),
        ('{"a": "1 \\" 2",}', {"a": '1 " 2'}),
    ],
)
def test_what_is_nearly_json_is_mended(text: str, arguments: dict[str, Any]) -> None:
    """The usual slips of models, and what surrounds their calls."""
    assert parse_arguments(text) == arguments


@pytest.mark.parametrize(
    "text", ["[1]", "3", '"hello"', "hello", "true", '""""', '{"a": "\\ud83d"}']
)
def test_what_is_no_object_is_told_to_the_model(text: str) -> None:
    """With what it wrote."""
    with pytest.raises(ToolError, match="must be a JSON object, but are "):
        parse_arguments(text)


@pytest.mark.parametrize("text", ['{"to": "Ann', '{"a": 1, "b', '{"a": "x\\"'])
def test_a_text_that_is_cut_off_is_not_completed(text: str) -> None:
    """A tool is not called with half a sentence."""
    with pytest.raises(ToolError, match=r"cut off: they end with .*\. Call the tool again"):
        parse_arguments(text)


@pytest.mark.parametrize("text", ["{" * 9_000, "{'a': " + "x" * MAX_REPAIRED_CHARS + "}"])
def test_broken_text_that_would_take_long_to_mend_is_refused(text: str) -> None:
    """Shown in part only."""
    with pytest.raises(ToolError) as caught:
        parse_arguments(text)

    assert len(caught.value.message) < 400


def test_long_text_is_read_if_it_is_json() -> None:
    """The limit is for mending."""
    text = json.dumps({"a": "x" * 2 * MAX_REPAIRED_CHARS})

    assert parse_arguments(text) == json.loads(text)


def test_text_that_is_packed_too_often_is_refused() -> None:
    """Nobody means that."""
    text = '{"a": 1}'
    for _ in range(3):
        text = json.dumps(text)

    with pytest.raises(ToolError, match="must be a JSON object"):
        parse_arguments(text)


def test_mending_is_said_without_the_text(caplog: pytest.LogCaptureFixture) -> None:
    """Which may be personal; proper JSON is nothing to talk about."""
    caplog.set_level(logging.INFO)

    parse_arguments('{"name": "Ann"}')
    parse_arguments("{'name': 'Ann'}")

    [record] = caplog.records
    assert record.__dict__["action"] == "arguments_mended"
    assert "Ann" not in str(record.__dict__)


@settings(deadline=None)
@given(st.text(max_size=60))
@example('{"a": 1')
@example("{'a': \"")
@example("\ud800")
def test_any_text_is_an_object_or_a_tool_error(text: str) -> None:
    """No other exception, whatever a model writes."""
    try:
        made = parse_arguments(text)
    except ToolError:
        return
    assert isinstance(made, dict)


@settings(deadline=None)
@given(st.dictionaries(st.text(), st.none() | st.integers(-(2**53), 2**53) | st.text()))
def test_proper_json_is_never_changed(arguments: dict[str, Any]) -> None:
    """Not even what looks like a token of a template."""
    assert parse_arguments(json.dumps(arguments)) == arguments


def test_a_tool_with_a_schema_of_its_own_gets_them_as_they_are() -> None:
    """In one argument, unchecked."""

    @function_tool(raw_schema={"name": "raw", "parameters": {}})
    def raw(raw_arguments: dict[str, object]) -> None: ...

    assert prepare_arguments(raw, '{"a": null}') == {"raw_arguments": {"a": None}}
