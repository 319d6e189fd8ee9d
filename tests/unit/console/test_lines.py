"""Tests of agentd.console.lines: what is shown of a conversation."""

from __future__ import annotations

import pytest

from agentd.console.lines import (
    LONGEST,
    METER,
    Line,
    call_line,
    handoff_line,
    latencies,
    latency_line,
    message_line,
    meter,
    painted,
    result_line,
)
from agentd.llm.items import AgentHandoff, ChatMessage, FunctionCall


def said(role: str, text: str, **facts: object) -> ChatMessage:
    """A message."""
    return ChatMessage(role=role, content=[text], **facts)  # type: ignore[arg-type]


def test_who_has_said_it_is_in_front() -> None:
    """And a reply that was cut off says so."""
    assert message_line(said("user", "hello")).text == "  you: hello"
    cut = message_line(said("assistant", "I am", interrupted=True))
    assert cut.text == "agent: I am  [interrupted]"


def test_what_a_model_says_cannot_steer_the_terminal() -> None:
    """Escape sequences are shown, not obeyed."""
    assert "\x1b" not in message_line(said("assistant", "\x1b[2J")).text
    assert "\x1b" not in result_line("t", "done", "\x1b[2J").text
    assert "\x1b" not in call_line(FunctionCall(call_id="1", name="t", arguments="\x1b[2J")).text


def test_the_stages_of_a_turn_are_told_in_the_order_they_happen() -> None:
    """In milliseconds, of both messages of the turn."""
    user = said("user", "hi", metrics={"end_of_turn_delay": 0.5, "transcription_delay": 0.2})
    reply = said("assistant", "ho", metrics={"llm_node_ttft": 0.1, "e2e_latency": 0.75})

    line = latency_line(latencies(user, reply))

    assert line == Line(
        text="       e2e 750 ms · eot 500 ms · stt 200 ms · llm 100 ms", style="note"
    )


def test_a_reply_after_a_tool_has_its_first_sound_since_the_user_ended() -> None:
    """Its own step knows nothing of that."""
    user = said("user", "hi", metrics={"end_of_turn_delay": 0.5}, created_at=100.0)
    reply = said("assistant", "ho", metrics={"started_speaking_at": 101.0})

    assert latencies(user, reply)["e2e"] == pytest.approx(1.5)


def test_a_slow_turn_is_marked() -> None:
    """From a second on; where nothing is known nothing is said."""
    line = latency_line({"e2e": 1.2})
    assert line is not None
    assert line.style == "slow"
    assert latency_line({}) is None


@pytest.mark.parametrize(
    ("arguments", "shown"),
    [
        ('{"item": "tea", "n": 2}', ' tool: order(item="tea", n=2)'),
        ("", " tool: order()"),
        ("not json", " tool: order(not json)"),
        ("[1]", " tool: order([1])"),
    ],
)
def test_a_call_is_shown_as_it_would_be_written(arguments: str, shown: str) -> None:
    """Whatever the model has made of its arguments."""
    assert call_line(FunctionCall(call_id="1", name="order", arguments=arguments)).text == shown


def test_a_long_output_is_cut() -> None:
    """And a failure is told as one."""
    assert len(result_line("t", "done", "x" * 10_000).text) < LONGEST + 30
    assert result_line("t", "error", "no").text == "       t error: no"


def test_only_a_change_of_agents_is_told() -> None:
    """The first one takes over from nobody."""
    assert handoff_line(AgentHandoff(new_agent_id="a")) is None
    line = handoff_line(AgentHandoff(new_agent_id="b", old_agent_id="a"))
    assert line is not None
    assert line.text.strip() == "a hands over to b"


@pytest.mark.parametrize(("level", "filled"), [(0.0, 0), (0.001, 0), (1.0, METER), (0.0316, 10)])
def test_the_meter_is_in_decibels(level: float, filled: int) -> None:
    """From -60 to full scale."""
    assert meter(level).count("█") == filled
    assert len(meter(level)) == METER


def test_colour_is_asked_for() -> None:
    """Without it a line is only its text."""
    assert painted(Line(text="x"), colour=False) == "x"
    assert painted(Line(text="x"), colour=True).startswith("\x1b[")
