"""What happens to a call while another of the same tool is at work."""

from __future__ import annotations

import pytest

from agentd.errors import ToolError
from agentd.llm import FunctionCall, function_tool
from agentd.llm.tools import DuplicateMode, DuplicateScope, FunctionToolInfo
from agentd.voice.tools.duplicates import (
    CONFIRM,
    Peers,
    confirmed_call,
    decide_duplicate,
    with_confirmation,
)


def call(arguments: str, call_id: str = "call_new") -> FunctionCall:
    """A call of the tool."""
    return FunctionCall(call_id=call_id, name="fetch", arguments=arguments)


def info(mode: DuplicateMode, scope: DuplicateScope = "name") -> FunctionToolInfo:
    """A tool with this rule."""
    return FunctionToolInfo(name="fetch", on_duplicate=mode, duplicate_scope=scope)


OLD = call('{"page": 1}', "call_old")


@pytest.mark.parametrize("mode", ["allow", "reject", "replace", "confirm"])
def test_a_first_call_is_made(mode: DuplicateMode) -> None:
    """Whatever the rule."""
    decision = decide_duplicate(info(mode), Peers(call("{}"), []), False)

    assert decision.cancel == []


def test_a_second_call_may_be_made() -> None:
    """That is the default."""
    assert decide_duplicate(info("allow"), Peers(call("{}"), [OLD]), False).cancel == []


def test_a_second_call_may_be_refused() -> None:
    """The model is told which one is at work."""
    with pytest.raises(ToolError, match="call_old"):
        decide_duplicate(info("reject"), Peers(call("{}"), [OLD]), False)


def test_a_second_call_may_take_the_firsts_place() -> None:
    """Which is to be cancelled."""
    assert decide_duplicate(info("replace"), Peers(call("{}"), [OLD]), False).cancel == [OLD]


def test_a_second_call_may_need_confirming() -> None:
    """Then it is made."""
    peers = Peers(call("{}"), [OLD])

    with pytest.raises(ToolError, match=CONFIRM):
        decide_duplicate(info("confirm"), peers, False)
    assert decide_duplicate(info("confirm"), peers, True).cancel == []


@pytest.mark.parametrize(
    ("arguments", "is_same"),
    [
        ('{"page":1}', True),
        ('{"page": 1, "lk_agents_confirm_duplicate": true}', True),
        ('{"page": 2}', False),
        ("not json", False),
    ],
)
def test_other_arguments_may_be_another_call(arguments: str, is_same: bool) -> None:
    """By their values, not by how they were written."""
    rule = info("replace", "name_and_args")

    decision = decide_duplicate(rule, Peers(call(arguments), [OLD]), False)

    assert decision.cancel == ([OLD] if is_same else [])


def test_our_parameter_is_taken_out_of_the_call() -> None:
    """The tool does not know it."""

    @function_tool(name="fetch", on_duplicate="confirm")
    def fetch(page: int) -> str:
        """Fetch."""
        return ""

    made, is_confirmed = confirmed_call(call(f'{{"page": 1, "{CONFIRM}": true}}'), fetch)

    assert (made.arguments, is_confirmed) == ('{"page":1}', True)
    assert CONFIRM in with_confirmation(fetch).schema()["function"]["parameters"]["properties"]
    assert CONFIRM not in str(fetch.schema())
