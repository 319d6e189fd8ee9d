"""One call of a tool, and its result as text."""

from __future__ import annotations

import dataclasses
import datetime
import enum
import logging
from typing import Any

import msgspec
import pytest
from pydantic import BaseModel

from agentd.errors import StopResponse, ToolError
from agentd.llm import (
    CallContext,
    FunctionCall,
    FunctionToolCall,
    ToolContext,
    ToolResult,
    execute_function_call,
    function_tool,
    make_function_call_output,
)
from agentd.llm.outputs import INTERNAL_ERROR, to_text

CALL = FunctionCall(call_id="1", name="f", arguments="{}")


class Mood(enum.Enum):
    GOOD = "good"


class Point(msgspec.Struct):
    x: int


class Model(BaseModel):
    when: datetime.date


@dataclasses.dataclass
class Pair:
    model: Model
    mood: Mood


class Hostile:
    """Raises whatever is asked of it."""

    def __getattr__(self, name: str) -> Any:
        raise RuntimeError(f"asked for {name}")


@function_tool
async def add(ctx: CallContext, a: int, b: int = 1) -> int:
    """Add."""
    assert isinstance(ctx, CallContext)
    return a + b


@function_tool
def plain(a: int) -> str:
    """Not async."""
    return "x" * a


@function_tool
async def fails() -> None:
    """Raises what is not for the model."""
    raise KeyError("secret")


@function_tool
async def refuses() -> None:
    """Tells the model."""
    raise ToolError("not today")


@function_tool
async def stops() -> None:
    """Says nothing."""
    raise StopResponse


TOOLS = ToolContext([add, plain, fails, refuses, stops])


def asked(name: str, arguments: str = "{}") -> FunctionToolCall:
    """A call as a model makes it."""
    return FunctionToolCall(name=name, arguments=arguments, call_id="42", extra={"k": 1})


@pytest.mark.parametrize(
    ("call", "text", "is_error"),
    [
        (asked("add", '{"a": 2, "b": "3"}'), "5", False),
        (asked("plain", '{"a": 3}'), "xxx", False),
        (asked("refuses"), "not today", True),
        (asked("nonsense"), "There is no tool 'nonsense'. The tools are: ", True),
        (asked("plain", "[]"), "The arguments must be a JSON object", True),
        (asked("plain", '{"a": "x"}'), "The arguments of 'plain' are not valid: a: ", True),
    ],
)
async def test_a_call_has_an_output_for_the_model(
    call: FunctionToolCall, text: str, is_error: bool
) -> None:
    """Whatever comes of it, under the call's id and name."""
    result = await execute_function_call(call, TOOLS, call_ctx=CallContext())

    made = result.fnc_call_out
    assert made is not None
    assert made.output.startswith(text)
    assert made.is_error is is_error
    assert (made.call_id, made.name) == ("42", call.name)
    assert (result.fnc_call.call_id, result.fnc_call.extra) == ("42", {"k": 1})
    assert (result.raw_exception is not None) is is_error


async def test_a_failure_that_is_not_for_the_model_stays_inside(
    caplog: pytest.LogCaptureFixture,
) -> None:
    """It is told that there was one; the log has the rest."""
    result = await execute_function_call(asked("fails"), TOOLS)

    assert result.fnc_call_out is not None
    assert result.fnc_call_out.output == INTERNAL_ERROR == "An internal error occurred"
    assert isinstance(result.raw_exception, KeyError)
    [record] = caplog.records
    assert record.__dict__["action"] == "tool_failed"
    assert record.exc_info is not None


async def test_a_tool_may_want_nothing_to_be_said() -> None:
    """Then there is no output."""
    result = await execute_function_call(asked("stops"), TOOLS)

    assert result.fnc_call_out is None
    assert isinstance(result.raw_exception, StopResponse)


async def test_a_call_from_a_history_can_be_executed_too() -> None:
    """It stays the same item."""
    call = FunctionCall(call_id="7", name="plain", arguments='{"a": 1}')

    result = await execute_function_call(call, TOOLS)

    assert result.fnc_call is call
    assert result.raw_output == "x"


def test_a_result_may_say_that_no_reply_is_needed() -> None:
    """And has an output like any other."""
    made = make_function_call_output(
        fnc_call=CALL, output=ToolResult({"a": 1}, reply_required=False)
    ).fnc_call_out

    assert made is not None
    assert (made.output, made.reply_required) == ('{"a":1}', False)


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ("text", "text"),
        (None, ""),
        (3, "3"),
        (True, "true"),
        (1.5, "1.5"),
        ([1, "ä"], '[1,"ä"]'),
        ({"a": None}, '{"a":null}'),
        (Mood.GOOD, '"good"'),
        (Point(1), '{"x":1}'),
        (Model(when=datetime.date(2026, 1, 2)), '{"when":"2026-01-02"}'),
        (
            Pair(Model(when=datetime.date(2026, 1, 2)), Mood.GOOD),
            '{"model":{"when":"2026-01-02"},"mood":"good"}',
        ),
        ((1, {2}), "[1,[2]]"),
    ],
)
def test_a_result_is_told_as_text_or_json(value: Any, text: str) -> None:
    """As a model reads it."""
    assert to_text(value) == text


LOOP: list[Any] = []
LOOP.append(LOOP)


@pytest.mark.parametrize(
    "value",
    [
        pytest.param(object(), id="object"),
        pytest.param(Hostile(), id="hostile"),
        pytest.param(LOOP, id="loop"),
        pytest.param("\ud800", id="half-a-pair"),
        pytest.param({"a": object()}, id="inside"),
        pytest.param([complex(1)], id="complex"),
    ],
)
def test_a_result_that_can_not_be_told_is_an_error_for_the_model(
    value: Any, caplog: pytest.LogCaptureFixture
) -> None:
    """One line in the log says of which tool, and why; nothing is raised."""
    caplog.set_level(logging.ERROR)

    made = make_function_call_output(fnc_call=CALL, output=value).fnc_call_out

    assert made is not None
    assert (made.output, made.is_error) == (INTERNAL_ERROR, True)
    [record] = caplog.records
    assert record.__dict__["action"] == "tool_result_unusable"
    assert record.__dict__["tool"] == "f"
