"""A conversation among fakes, and a record of what happens in it and when.

`async with Scene(llm=FakeLLM(...)) as scene:` starts a session with a microphone, a loudspeaker and
a screen in memory. What happens is in `scene.record`, one line an event, with its instant on the
loop's clock; run it with `run_virtual` and the instants are exact.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import nullcontext
from typing import Any

from agentd.aio.timing import now
from agentd.llm.items import AgentHandoff, ChatMessage
from agentd.voice.agent import Agent
from agentd.voice.events import (
    AgentFalseInterruptionEvent,
    AgentStateChangedEvent,
    CloseEvent,
    ConversationItemAddedEvent,
    DeadAirEvent,
    ErrorEvent,
    FunctionToolsExecutedEvent,
    OutageEndedEvent,
    OutageStartedEvent,
    OutputDegradedEvent,
    UserInputTranscribedEvent,
    UserStateChangedEvent,
    UserTurnDroppedEvent,
)
from agentd.voice.host import hosting
from agentd.voice.session import AgentSession

from .fake_host import FakeHost
from .fake_io import FakeAudioInput, FakeAudioOutput, FakeTextOutput

EVENTS = (
    "agent_state_changed",
    "user_state_changed",
    "user_input_transcribed",
    "conversation_item_added",
    "function_tools_executed",
    "agent_false_interruption",
    "user_turn_dropped",
    "output_degraded",
    "dead_air",
    "outage_started",
    "outage_ended",
    "error",
    "close",
)


class Scene:
    """A session and what surrounds it."""

    def __init__(
        self,
        agent: Agent | None = None,
        *,
        mic: FakeAudioInput | None = None,
        loudspeaker: FakeAudioOutput | None = None,
        text_only: bool = False,
        host: FakeHost | None = None,
        **session: Any,
    ) -> None:
        """`session` is given to AgentSession; without an agent there is one that says nothing of
        itself. With `text_only` there is neither microphone nor loudspeaker; `host` is the job."""
        self.agent = agent or Agent(instructions="Be brief.")
        self.mic = mic or FakeAudioInput()
        self.loudspeaker = loudspeaker or FakeAudioOutput()
        self.screen = FakeTextOutput()
        self.host = host
        self.final_agent: Agent | None = None
        """Who had the word at the end."""
        self.record: list[tuple[float, str]] = []
        session.setdefault("aec_warmup_duration", None)
        self.session: AgentSession[Any] = AgentSession(**session)
        self.session.output.transcription = self.screen
        if not text_only:
            self.session.input.audio = self.mic
            self.session.output.audio = self.loudspeaker
        for name in EVENTS:
            self.session.on(name, self._note)

    async def __aenter__(self) -> Scene:
        with hosting(self.host) if self.host is not None else nullcontext():
            await self.session.start(self.agent)
        return self

    async def __aexit__(self, *exc: object) -> None:
        if self.session.is_running:
            self.final_agent = self.session.current_agent
        await self.session.aclose()

    def lines(self, *prefixes: str) -> list[str]:
        """What has happened, without instants; of these kinds only, if some are given."""
        return [line for _, line in self.record if not prefixes or line.startswith(prefixes)]

    def timed(self, *prefixes: str) -> list[tuple[float, str]]:
        """The same with instants, in hundredths of a second."""
        return [
            (round(at, 2), line)
            for at, line in self.record
            if not prefixes or line.startswith(prefixes)
        ]

    def history(self) -> list[str]:
        """What was said, a line each; what was cut off ends with a stroke."""
        return [said for item in self.session.history.items if (said := _said(item))]

    async def until(self, at: float) -> None:
        """Let time pass until an instant."""
        await asyncio.sleep(max(0.0, at - now()))

    def _note(self, event: Any) -> None:
        line = describe(event)
        if line:
            self.record.append((now(), line))


def describe(event: Any) -> str:
    """An event on one line; empty for those that are not noted."""
    for kind, words in _WORDS.items():
        if isinstance(event, kind):
            return words(event)
    return ""


def _said(item: Any) -> str:
    match item:
        case ChatMessage():
            return f"{item.role}: {item.text_content}{'/' if item.interrupted else ''}"
        case AgentHandoff():
            return f"handoff: {item.old_agent_id or ''} -> {item.new_agent_id}"
        case _:
            return ""


def _tools(event: FunctionToolsExecutedEvent) -> str:
    calls = [
        f"{call.name}({call.arguments}) = {output.output if output is not None else None}"
        for call, output in event.zipped()
    ]
    return f"tools: {', '.join(calls)}"


def _error(event: ErrorEvent) -> str:
    error = getattr(event.error, "error", event.error)
    again = ", tried again" if getattr(event.error, "recoverable", False) else ""
    return f"error: {type(event.error).__name__} {type(error).__name__}{again}"


_WORDS: dict[type, Callable[[Any], str]] = {
    AgentStateChangedEvent: lambda event: f"agent: {event.new_state}",
    UserStateChangedEvent: lambda event: f"user: {event.new_state}",
    UserInputTranscribedEvent: lambda event: f"heard: {event.transcript}" if event.is_final else "",
    ConversationItemAddedEvent: lambda event: f"said {_said(event.item)}",
    FunctionToolsExecutedEvent: _tools,
    AgentFalseInterruptionEvent: lambda event: (
        f"false interruption, {'resumed' if event.resumed else 'cut'}"
    ),
    UserTurnDroppedEvent: lambda event: f"dropped: {event.transcript} ({event.reason.value})",
    OutputDegradedEvent: lambda event: f"degraded: {event.lost}",
    DeadAirEvent: lambda event: f"dead air: {event.recovery}",
    OutageStartedEvent: lambda event: f"outage: {event.kind}",
    OutageEndedEvent: lambda event: f"outage over: {event.kind} {event.outcome}",
    ErrorEvent: _error,
    CloseEvent: lambda event: f"close: {event.reason.value}",
}
