"""What is shown of a conversation, as lines of text. Pure."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from typing import Any, Literal

from msgspec import Struct

from agentd.llm.items import AgentHandoff, ChatMessage, FunctionCall

Style = Literal["user", "agent", "tool", "note", "slow", "error"]

_STYLES: dict[Style, str] = {
    "user": "\x1b[36m",
    "agent": "\x1b[32m",
    "tool": "\x1b[35m",
    "note": "\x1b[2m",
    "slow": "\x1b[31m",
    "error": "\x1b[1;31m",
}
_RESET = "\x1b[0m"

SLOW = 1.0
"""Seconds to the first sound from which a turn counts as slow."""

LONGEST = 400
"""Letters of a tool's arguments or output that are shown."""

STAGES: dict[str, str] = {
    "e2e": "e2e_latency",
    "eot": "end_of_turn_delay",
    "stt": "transcription_delay",
    "llm": "llm_node_ttft",
    "tts": "tts_node_ttfb",
}
"""What is told of a turn, and what a message's metrics call it."""

METER = 20
"""Steps of the level meter."""
FLOOR_DB = -60.0
"""What counts as silence there."""


class Line(Struct, frozen=True, kw_only=True):
    """One line, or several that belong together."""

    text: str
    style: Style = "note"


def painted(line: Line, *, colour: bool) -> str:
    """A line as it is written."""
    return f"{_STYLES[line.style]}{line.text}{_RESET}" if colour else line.text


def plain(text: str) -> str:
    """Text that can't steer the terminal: models and tools say what they like."""
    return "".join(
        letter
        if letter.isprintable() or letter == "\n"
        else letter.encode("unicode_escape").decode()
        for letter in text
    )


def message_line(message: ChatMessage) -> Line:
    """What somebody has said."""
    who: Style = "user" if message.role == "user" else "agent"
    cut = "  [interrupted]" if message.interrupted else ""
    name = "you" if message.role == "user" else message.role.replace("assistant", "agent")
    return Line(text=f"{name:>5}: {plain(message.text_content or '')}{cut}", style=who)


def latencies(user: ChatMessage | None, reply: ChatMessage) -> dict[str, float]:
    """What a turn has taken, in seconds by stage, of what is known."""
    known: dict[str, Any] = {**(user.metrics if user is not None else {}), **reply.metrics}
    if user is not None and "e2e_latency" not in known:
        known |= _first_sound(user, reply)
    return {stage: float(known[name]) for stage, name in STAGES.items() if name in known}


def _first_sound(user: ChatMessage, reply: ChatMessage) -> dict[str, float]:
    """For a reply that came after a tool: its own step knows nothing of when the user ended."""
    if "started_speaking_at" not in reply.metrics or "end_of_turn_delay" not in user.metrics:
        return {}
    ended_at = user.created_at - user.metrics["end_of_turn_delay"]
    return {"e2e_latency": max(0.0, reply.metrics["started_speaking_at"] - ended_at)}


def latency_line(taken: Mapping[str, float]) -> Line | None:
    """The same in words; None where nothing is known."""
    if not taken:
        return None
    figures = " · ".join(f"{stage} {seconds * 1000:.0f} ms" for stage, seconds in taken.items())
    style: Style = "slow" if taken.get("e2e", 0.0) > SLOW else "note"
    return Line(text=f"       {figures}", style=style)


def call_line(call: FunctionCall) -> Line:
    """A tool begins to work."""
    return Line(text=f" tool: {plain(call.name)}({_arguments(call.arguments)})", style="tool")


def result_line(name: str, status: str, output: str) -> Line:
    """A tool has ended."""
    if status == "done":
        return Line(text=f"       {plain(name)} = {_cut(plain(output))}", style="tool")
    return Line(text=f"       {plain(name)} {status}: {_cut(plain(output))}", style="error")


def handoff_line(handoff: AgentHandoff) -> Line | None:
    """Another agent has taken over; None for the first one."""
    if handoff.old_agent_id is None:
        return None
    return Line(
        text=f"       {plain(handoff.old_agent_id)} hands over to {plain(handoff.new_agent_id)}",
        style="tool",
    )


def meter(level: float) -> str:
    """A loudness, from 0 to 1 of full scale, as a bar."""
    return "█" * (filled := _filled(level)) + "·" * (METER - filled)


def _filled(level: float) -> int:
    if level <= 0.0:
        return 0
    from_floor = 1.0 - _decibels(level) / FLOOR_DB
    return max(0, min(METER, round(from_floor * METER)))


def _decibels(level: float) -> float:
    return 20.0 * math.log10(level)


def _arguments(text: str) -> str:
    try:
        values = json.loads(text or "{}")
    except ValueError:
        return _cut(plain(text))
    if not isinstance(values, dict):
        return _cut(plain(text))
    shown = (f"{name}={json.dumps(value, ensure_ascii=False)}" for name, value in values.items())
    return _cut(plain(", ".join(shown)))


def _cut(text: str) -> str:
    return text if len(text) <= LONGEST else f"{text[:LONGEST]}…"
