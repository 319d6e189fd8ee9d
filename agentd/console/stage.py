"""The console's place in a job: what it gives to the session, and what it shows of it."""

from __future__ import annotations

import asyncio
from typing import Any

from agentd.aio.timing import now
from agentd.io import TextOutput
from agentd.io.session_side import SessionSide
from agentd.job.listener import Nobody
from agentd.job.shutdown import ShutdownRequest
from agentd.llm.items import AgentHandoff, ChatMessage
from agentd.voice.events import (
    AgentFalseInterruptionEvent,
    AgentStateChangedEvent,
    CloseEvent,
    ConversationItemAddedEvent,
    DeadAirEvent,
    ErrorEvent,
    OutageEndedEvent,
    OutageStartedEvent,
    OutputDegradedEvent,
    OverlappingSpeechEvent,
    ToolCallEnded,
    ToolCallStarted,
    ToolExecutionUpdatedEvent,
    UserStateChangedEvent,
    UserTurnDroppedEvent,
)
from agentd.voice.session import AgentSession

from .duplex import Duplex
from .lines import Line, call_line, handoff_line, latencies, latency_line, message_line, result_line
from .screen import Screen

STIRRING = (
    "agent_state_changed",
    "user_state_changed",
    "user_input_transcribed",
    "conversation_item_added",
    "tool_execution_updated",
)
"""Events that say that the conversation goes on."""


class LiveText(TextOutput):
    """Shows what is being said below the prompt; the whole of it is shown when it is over."""

    def __init__(self, screen: Screen) -> None:
        super().__init__(label="console")
        self._screen = screen

    async def capture_text(self, text: str) -> None:
        """See TextOutput."""
        self._screen.saying += text

    def flush(self) -> None:
        """See TextOutput."""
        self._screen.saying = ""


class Stage(Nobody):
    """Hears the job, furnishes its session, and shows what happens there."""

    def __init__(
        self, screen: Screen, duplex: Duplex, shutdown: ShutdownRequest, *, echo_typed: bool
    ) -> None:
        """With `echo_typed` what was typed is shown, too: no prompt has."""
        self._screen = screen
        self._duplex = duplex
        self._shutdown = shutdown
        self._echo_typed = echo_typed
        self._typed_at: float | None = None
        self._asked: ChatMessage | None = None
        """What the user has said, while it is not answered."""
        self._tools: dict[str, str] = {}
        self.current: AgentSession[Any] | None = None
        self.listening = asyncio.Event()
        """Set once there is a session that listens."""
        self.stirred = asyncio.Event()
        """Set whenever the conversation goes on; cleared by who waits for that."""
        self.all_heard = True
        """Whether all that the user has said has become text, as far as is known."""

    def session(self, session: SessionSide) -> None:
        """See JobListener."""
        assert isinstance(session, AgentSession)
        self.current = session
        if session.input.audio is None:
            session.input.audio = self._duplex.microphone
        if session.output.audio is None:
            session.output.audio = self._duplex.speaker
        if session.output.transcription is None:
            session.output.transcription = LiveText(self._screen)
        self.set_audio(self._screen.audio)
        session.on("agent_state_changed", self._on_state)
        session.on("agent_false_interruption", self._on_false_interruption)
        session.on("close", self._on_close)
        session.on("conversation_item_added", self._on_item)
        session.on("dead_air", self._on_dead_air)
        session.on("error", self._on_error)
        session.on("outage_ended", self._on_outage_ended)
        session.on("outage_started", self._on_outage)
        session.on("output_degraded", self._on_degraded)
        session.on("overlapping_speech", self._on_overlap)
        session.on("tool_execution_updated", self._on_tool)
        session.on("user_state_changed", self._on_user)
        session.on("user_turn_dropped", self._on_dropped)
        for name in STIRRING:
            session.on(name, self._on_stir)

    def set_audio(self, enabled: bool) -> None:
        """Hear and speak, or read and write only."""
        self._screen.audio = enabled
        if self.current is not None:
            self.current.input.set_audio_enabled(enabled)
            self.current.output.set_audio_enabled(enabled)

    def typed(self, text: str) -> asyncio.Future[None] | None:
        """The user has written; the answer's end, or None where there is no session yet."""
        if self.current is None:
            self._screen.error("the agent has not started a session yet")
            return None
        self._typed_at = now()
        return self.current.take_text(text)

    # -- what the session tells --------------------------------------------------------------

    def _on_stir(self, _event: object) -> None:
        self.stirred.set()

    def _on_state(self, event: AgentStateChangedEvent) -> None:
        self._screen.state = event.new_state
        if event.new_state != "initializing":
            self.listening.set()

    def _on_item(self, event: ConversationItemAddedEvent) -> None:
        item = event.item
        if isinstance(item, AgentHandoff):
            self._screen.show(handoff_line(item))
        elif isinstance(item, ChatMessage) and item.role == "user":
            self.all_heard = True
            self._asked = item
            if self._echo_typed or self._typed_at is None:
                self._screen.show(message_line(item))
        elif isinstance(item, ChatMessage) and item.role == "assistant":
            self._screen.show(message_line(item))
            self._screen.show(latency_line(self._taken(item)))

    def _taken(self, reply: ChatMessage) -> dict[str, float]:
        taken = latencies(self._asked, reply)
        if self._typed_at is not None:
            taken = {"e2e": now() - self._typed_at, **taken}
        self._typed_at = self._asked = None
        return taken

    def _on_tool(self, event: ToolExecutionUpdatedEvent) -> None:
        match event.update:
            case ToolCallStarted(function_call=call):
                self._tools[call.call_id] = call.name
                self._screen.show(call_line(call))
            case ToolCallEnded(call_id=call_id, status=status, message=message):
                name = self._tools.pop(call_id, "")
                self._screen.show(result_line(name, status, message))
            case _:
                return

    def _on_overlap(self, event: OverlappingSpeechEvent) -> None:
        if event.is_interruption:
            self._screen.note("       you interrupt the agent")

    def _on_false_interruption(self, event: AgentFalseInterruptionEvent) -> None:
        goes_on = "goes on" if event.resumed else "was cut off"
        self._screen.note(f"       nothing was said: the agent {goes_on}")

    def _on_user(self, event: UserStateChangedEvent) -> None:
        if event.new_state == "speaking":
            self.all_heard = False

    def _on_dropped(self, event: UserTurnDroppedEvent) -> None:
        self.all_heard = True
        self._screen.note(f"       not answered ({event.reason}): {event.transcript}")

    def _on_error(self, event: ErrorEvent) -> None:
        self._screen.error(f"error: {event.error}")

    def _on_outage(self, event: OutageStartedEvent) -> None:
        self._screen.error(f"outage of {event.model} ({event.kind}): {event.error}")

    def _on_outage_ended(self, event: OutageEndedEvent) -> None:
        self._screen.note(f"the outage of {event.model} is over: {event.outcome}")

    def _on_dead_air(self, event: DeadAirEvent) -> None:
        stages = ", ".join(f"{stage} {doing}" for stage, doing in event.stages.items())
        self._screen.error(f"nothing heard for {event.silent_for:.1f} s ({stages})")

    def _on_degraded(self, event: OutputDegradedEvent) -> None:
        self._screen.error(f"lost {event.lost}: {event.reason}")

    def _on_close(self, event: CloseEvent) -> None:
        if event.error is not None:
            self._screen.show(Line(text=f"error: {event.error}", style="error"))
        # In a call the agent would stay in its room; here nobody is left to talk with.
        self._shutdown.request(f"the session has ended ({event.reason.value})")
