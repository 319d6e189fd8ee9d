"""A realtime service that goes on failing, in each way, with another behind it.

A real session in text mode talks by the real plugin with two mocks, over real sockets.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import pytest

from agentd import Agent, AgentSession
from agentd.errors import APIError
from agentd.realtime import RealtimeModelFallbackAdapter
from agentd.resilience import APIConnectOptions
from agentd.testing.mock_openai import (
    HttpFault,
    HttpFaultKind,
    MockOpenAI,
    RealtimeFault,
    RealtimeFaultKind,
)
from agentd_openai.realtime import RealtimeModel
from tests.matrix.rows import FAULTS, Row

KINDS = RealtimeFaultKind
ATTEMPT = 1.0
"""Seconds for a service to connect, and to begin a reply."""
DEADLINE = 8.0
"""Seconds for a turn, whatever happens, on a slow machine."""
ONCE = APIConnectOptions(max_retry=0, timeout=ATTEMPT)
"""The adapter has another service: one does not try again and again."""

ANSWER = "It is one. It is two. It is three."
SAID_BEFORE = "It is one."
REST = "It is two, and three."
"""What the second service is told to say."""

TAKEN = "The second service gives the reply, whole and once; the next turn is the second's as well."
GONE_ON = (
    "What the first has said is remembered as cut off; the second is told it and goes on from "
    "there, and answers the next turn."
)

NOT_BEGUN: dict[str, RealtimeFault] = {
    "never": RealtimeFault(kind=KINDS.NEVER),
    "close_before_it": RealtimeFault(kind=KINDS.CLOSE, after=0),
}
BROKEN_OFF: dict[str, RealtimeFault] = {
    f"close_{code}": RealtimeFault(kind=KINDS.CLOSE, after=3, close_code=code)
    for code in (1001, 1006, 1011)
} | {"cut_frame": RealtimeFault(kind=KINDS.CUT_FRAME, after=3)}
HANDSHAKES = FAULTS | {"unauthorized": HttpFault(kind=HttpFaultKind.STATUS, status=401)}

ROWS = [
    *(Row(kind="realtime", fault=fault, fallback=True, outcome=TAKEN) for fault in NOT_BEGUN),
    *(Row(kind="realtime", fault=fault, fallback=True, outcome=GONE_ON) for fault in BROKEN_OFF),
    *(
        Row(kind="realtime", fault=f"handshake_{fault}", fallback=True, outcome=TAKEN)
        for fault in HANDSHAKES
    ),
]


@dataclass
class Stage:
    """A session, its services, and what it told."""

    session: AgentSession[Any]
    first: MockOpenAI
    second: MockOpenAI
    errors: list[Exception] = field(default_factory=list)
    changed: asyncio.Event = field(default_factory=asyncio.Event)

    async def turn(self, text: str) -> None:
        """Say something. Has an end, whatever happens."""
        async with asyncio.timeout(DEADLINE):
            try:
                await self.session.run(user_input=text)
            except APIError:
                pass  # told by the event, too

    async def until_said(self, *messages: str) -> None:
        """Wait until the agent has said these, and nothing else."""
        async with asyncio.timeout(DEADLINE):
            while self.said() != list(messages):
                self.changed.clear()
                await self.changed.wait()

    def said(self) -> list[str]:
        """What the agent has said, as the conversation has it; cut off with a stroke."""
        return [
            f"{(each.text_content or '').strip()}{'/' if each.interrupted else ''}"
            for each in self.session.history.messages()
            if each.role == "assistant"
        ]

    def told(self, event: Any) -> None:
        """An error was told."""
        self.errors.append(event.error.error)


@asynccontextmanager
async def stage() -> AsyncIterator[Stage]:
    """A session with two services."""
    async with MockOpenAI() as first, MockOpenAI() as second:
        first.realtime.script.default = ANSWER
        second.realtime.script.default = REST
        models = [
            RealtimeModel(
                base_url=api.base_url,
                api_key="sk-nobody",
                modalities=("text",),
                conn_options=ONCE,
                response_timeout=2 * ATTEMPT,
            )
            for api in (first, second)
        ]
        adapter = RealtimeModelFallbackAdapter(models, attempt_timeout=ATTEMPT, cooldown=600.0)
        session: AgentSession[Any] = AgentSession(llm=adapter)
        made = Stage(session=session, first=first, second=second)
        session.on("error", made.told)
        session.on("conversation_item_added", lambda _event: made.changed.set())
        try:
            yield made
        finally:
            await session.aclose()
            await adapter.aclose()
            for model in models:
                await model.aclose()


def test_no_fault_is_forgotten() -> None:
    """Those that end a connection or a reply, and those of the handshake."""
    assert {row.fault for row in ROWS} == {
        *NOT_BEGUN,
        *BROKEN_OFF,
        *(f"handshake_{fault}" for fault in HANDSHAKES),
    }


@pytest.mark.parametrize("fault", HANDSHAKES)
async def test_a_service_that_can_not_be_connected_is_passed_over(fault: str) -> None:
    """The second has the conversation from the start."""
    async with stage() as played:
        played.first.realtime.faults.always(HANDSHAKES[fault])
        await played.session.start(Agent(instructions="Be brief."))
        await played.turn("One?")
        await played.turn("Two?")

        await played.until_said(REST, REST)
        assert played.second.realtime.current.session["instructions"] == "Be brief."
        assert played.errors == []


@pytest.mark.parametrize("fault", NOT_BEGUN)
async def test_a_reply_that_does_not_begin_is_given_by_the_other(fault: str) -> None:
    """Within the time of one attempt."""
    async with stage() as played:
        played.first.realtime.script.set(faults=[NOT_BEGUN[fault]] * 9)
        await played.session.start(Agent(instructions="Be brief."))
        await played.first.realtime.connected()
        await played.turn("One?")
        await played.turn("Two?")

        await played.until_said(REST, REST)
        known = played.second.realtime.current.conversation.words()
        assert known[:2] == ["user: One?", f"assistant: {REST}"]
        assert played.errors == []


@pytest.mark.parametrize("fault", BROKEN_OFF)
async def test_a_reply_that_breaks_off_is_gone_on_with(fault: str) -> None:
    """It is not begun anew, and the second knows what was said."""
    async with stage() as played:
        played.first.realtime.script.set(faults=[BROKEN_OFF[fault]] * 9)
        played.first.realtime.faults.add(None)
        played.first.realtime.faults.always(FAULTS["server_errors"])
        await played.session.start(Agent(instructions="Be brief."))
        await played.first.realtime.connected()
        await played.turn("One?")
        await played.until_said(f"{SAID_BEFORE}/", REST)
        await played.turn("Two?")

        await played.until_said(f"{SAID_BEFORE}/", REST, REST)
        known = played.second.realtime.current.conversation.words()
        assert [words.strip() for words in known[:3]] == [
            "user: One?",
            f"assistant: {SAID_BEFORE}",
            f"assistant: {REST}",
        ]
        assert played.errors == []
