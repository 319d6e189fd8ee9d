"""A language model's service that fails, in each way, alone and with another behind it.

A real session in text mode asks the real plugin, which asks the mock over real sockets.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import pytest

from agentd import Agent, AgentSession
from agentd.errors import APIError, APIStatusError, APITimeoutError, CircuitOpen
from agentd.llm import LLM, FallbackAdapter, FunctionCallOutput, function_tool
from agentd.resilience import APIConnectOptions
from agentd.resilience.circuits import forget_circuits
from agentd.testing import FakeCall
from agentd.testing.mock_openai import HttpFault, MockOpenAI
from agentd.voice.options import SessionConnectOptions
from agentd_openai.llm import LLM as OpenAI
from tests.matrix.rows import FAULTS, Row

ATTEMPT = 0.4
"""Seconds that a model has to begin, and for each piece."""
DEADLINE = 4.0
"""Seconds for a turn, whatever happens: two attempts, a pause, and a slow machine."""
CONNECT = SessionConnectOptions(
    llm_conn_options=APIConnectOptions(max_retry=1, retry_interval=0.1, timeout=ATTEMPT)
)

ANSWER = "It is one. It is two. It is three."
SAID_BEFORE = "It is one. It is "
"""What the first service gives of it before a fault in mid-stream."""
ANOTHER = "It is one. It is two. And no more."
"""What the second service answers: it begins with what was said."""

ROWS = [
    Row(
        kind="llm",
        fault="rate_limited",
        fallback=False,
        outcome="Asked again once, the service refuses again: the error is told, nothing of the "
        "reply is said, the agent says that something went wrong, and the next turn is answered.",
    ),
    Row(
        kind="llm",
        fault="rate_limited",
        fallback=True,
        outcome="The other model answers; the conversation has its reply, whole and once.",
    ),
    Row(
        kind="llm",
        fault="server_errors",
        fallback=False,
        outcome="As with rate_limited.",
    ),
    Row(
        kind="llm",
        fault="server_errors",
        fallback=True,
        outcome="The other model answers; the conversation has its reply, whole and once.",
    ),
    Row(
        kind="llm",
        fault="slow_first_byte",
        fallback=False,
        outcome="Each of the two attempts is given up at its deadline; then as with rate_limited.",
    ),
    Row(
        kind="llm",
        fault="slow_first_byte",
        fallback=True,
        outcome="At the deadline of one attempt the other model is asked, and answers.",
    ),
    *(
        Row(
            kind="llm",
            fault=fault,
            fallback=False,
            outcome="What was handed out before it is said and remembered, and not asked for "
            "again; the error is told, and the next turn is answered.",
        )
        for fault in ("stall", "reset", "truncated")
    ),
    *(
        Row(
            kind="llm",
            fault=fault,
            fallback=True,
            outcome="The whole sentences before it are said once; the half one is dropped, and "
            "the other model's reply goes on behind them.",
        )
        for fault in ("stall", "reset", "truncated")
    ),
    Row(
        kind="llm",
        fault="wrong_type",
        fallback=False,
        outcome="As with rate_limited.",
    ),
    Row(
        kind="llm",
        fault="wrong_type",
        fallback=True,
        outcome="The other model answers; the conversation has its reply, whole and once.",
    ),
]

IN_MID_STREAM = ("stall", "reset", "truncated")
BEFORE_IT = [row for row in ROWS if not row.fallback and row.fault not in IN_MID_STREAM]
WITHIN_IT = [row for row in ROWS if not row.fallback and row.fault in IN_MID_STREAM]
BACKED = [row for row in ROWS if row.fallback]

ERRORS: dict[str, type[APIError]] = {
    "rate_limited": APIStatusError,
    "server_errors": APIStatusError,
    "slow_first_byte": APITimeoutError,
    "stall": APITimeoutError,
}
"""What a fault is told as, where that is not just an APIError."""


@dataclass
class Stage:
    """A session, its services, and what it told."""

    session: AgentSession[Any]
    first: MockOpenAI
    second: MockOpenAI
    errors: list[Exception] = field(default_factory=list)
    """Those after which no other attempt was made."""
    closed: list[object] = field(default_factory=list)

    async def turn(self, text: str) -> str:
        """Say something; returns what was answered. Has an end, whatever happens."""
        before = len(self.remembered())
        async with asyncio.timeout(DEADLINE):
            try:
                await self.session.run(user_input=text)
            except APIError:
                pass  # told by the event, too
        return " ".join(self.remembered()[before:])

    def remembered(self) -> list[str]:
        """What the agent has said, as the conversation has it."""
        messages = self.session.history.messages()
        return [each.text_content or "" for each in messages if each.role == "assistant"]

    def heard(self, event: Any) -> None:
        """An error was told."""
        told = event.error
        if not getattr(told, "recoverable", False):
            self.errors.append(getattr(told, "error", told))


@asynccontextmanager
async def stage(*, fallback: bool, tools: list[Any] | None = None) -> AsyncIterator[Stage]:
    """A session with one service, or with two of which the second is the fallback."""
    async with MockOpenAI() as first, MockOpenAI() as second:
        first.chat.script.set(default=ANSWER)
        second.chat.script.set(default=ANOTHER)
        models: list[LLM] = [
            OpenAI(model="mock", base_url=api.base_url, api_key="sk-nobody")
            for api in (first, second)
        ]
        llm = models[0]
        if fallback:
            llm = FallbackAdapter(models, attempt_timeout=ATTEMPT, retry_on_chunk_sent=True)
        session: AgentSession[Any] = AgentSession(llm=llm, conn_options=CONNECT)
        made = Stage(session=session, first=first, second=second)
        session.on("error", made.heard)
        session.on("close", made.closed.append)
        await session.start(Agent(instructions="Be brief.", tools=tools))
        try:
            yield made
        finally:
            await session.aclose()
            await llm.aclose()
            for model in models:
                await model.aclose()


@pytest.fixture(autouse=True)
def no_circuits() -> None:
    """What another test has learnt of a service is forgotten."""
    forget_circuits()


def test_each_fault_is_in_the_matrix_alone_and_with_a_fallback() -> None:
    """None is forgotten."""
    assert {(row.fault, row.fallback) for row in ROWS} == {
        (fault, fallback) for fault in FAULTS for fallback in (False, True)
    }


@pytest.mark.parametrize("row", BEFORE_IT, ids=lambda row: row.name)
async def test_alone_a_fault_before_the_reply_costs_the_turn_and_no_more(row: Row) -> None:
    """It is tried again once, told, and the conversation goes on."""
    async with stage(fallback=False) as played:
        played.first.chat.faults.always(FAULTS[row.fault])
        said = await played.turn("One?")
        tried = len(played.first.chat.requests)
        played.first.chat.faults.always(None)
        then = await played.turn("Two?")

        assert "It is" not in said
        assert tried == 2
        assert [type(error) for error in played.errors] != []
        assert isinstance(played.errors[0], ERRORS.get(row.fault, APIError))
        assert then == ANSWER
        assert played.closed == []


@pytest.mark.parametrize("row", WITHIN_IT, ids=lambda row: row.name)
async def test_alone_a_fault_within_the_reply_keeps_what_was_said(row: Row) -> None:
    """It is not asked for again: that would say it twice."""
    async with stage(fallback=False) as played:
        played.first.chat.faults.add(FAULTS[row.fault])
        said = await played.turn("One?")
        tried = len(played.first.chat.requests)
        then = await played.turn("Two?")

        assert said.startswith(SAID_BEFORE.strip())
        assert said.count("It is one.") == 1
        assert tried == 1
        assert isinstance(played.errors[0], ERRORS.get(row.fault, APIError))
        assert then == ANSWER
        assert played.closed == []


@pytest.mark.parametrize("row", BACKED, ids=lambda row: row.name)
async def test_with_a_fallback_the_turn_is_answered_whole_and_once(row: Row) -> None:
    """The conversation has one reply, without a sentence said twice, and the session no error."""
    async with stage(fallback=True) as played:
        played.first.chat.faults.always(FAULTS[row.fault])
        said = await played.turn("One?")
        asked = [message["content"] for message in played.second.chat.requests[0].body["messages"]]

        assert said == ANOTHER
        assert asked == ["Be brief.", "One?"]
        assert played.errors == []
        assert played.closed == []


@pytest.mark.parametrize("row", BACKED, ids=lambda row: row.name)
async def test_when_both_fail_the_turn_ends_in_time_and_the_session_goes_on(row: Row) -> None:
    """Nothing hangs, and what was said stays."""
    async with stage(fallback=True) as played:
        for api in (played.first, played.second):
            api.chat.faults.always(FAULTS[row.fault])
        said = await played.turn("One?")
        for api in (played.first, played.second):
            api.chat.faults.always(None)
        then = await played.turn("Two?")

        assert said.count("It is one.") <= 1
        assert played.errors != []
        assert then in (ANSWER, ANOTHER)
        assert played.closed == []


@pytest.mark.parametrize("fallback", [False, True], ids=["alone", "fallback"])
@pytest.mark.parametrize("fault", IN_MID_STREAM)
async def test_a_fault_within_a_call_runs_the_tool_once(fault: str, fallback: bool) -> None:
    """Half of a call is none: it is asked for again, here or there."""
    ran: list[int] = []

    @function_tool
    async def count(number: int) -> str:
        """Count."""
        ran.append(number)
        return f"counted {number}"

    async with stage(fallback=fallback, tools=[count]) as played:
        call = FakeCall("count", {"number": 7})
        for api in (played.first, played.second):
            api.chat.script.set(
                by_input={"One?": call, "counted 7": "It is seven."}, default=ANSWER
            )
        played.first.chat.faults.add(
            HttpFault(kind=FAULTS[fault].kind, after=3)  # the call's name and a part of it are out
        )
        said = await played.turn("One?")

        outputs = [
            item.output for item in played.session.history.items
            if isinstance(item, FunctionCallOutput)
        ]  # fmt: skip
        assert ran == [7]
        assert outputs == ["counted 7"]
        assert said == "It is seven."


@pytest.mark.parametrize("fault", ["rate_limited", "server_errors", "wrong_type"])
async def test_alone_a_moment_of_a_fault_is_not_noticed(fault: str) -> None:
    """The second attempt answers: not before the service wants to be asked again."""
    wanted = FAULTS[fault].retry_after or 0.0
    async with stage(fallback=False) as played:
        played.first.chat.faults.add(FAULTS[fault])
        started = asyncio.get_running_loop().time()
        said = await played.turn("One?")

        assert said == ANSWER
        assert asyncio.get_running_loop().time() - started >= wanted
        assert played.errors == []


async def test_an_outage_is_learnt_once() -> None:
    """After two turns that failed the circuit is open: the third asks nothing, and ends at once."""
    async with stage(fallback=False) as played:
        played.first.chat.faults.always(FAULTS["server_errors"])
        await played.turn("One?")
        await played.turn("Two?")
        before = len(played.first.chat.requests)
        await played.turn("Three?")

        assert len(played.first.chat.requests) == before == 4
        assert isinstance(played.errors[-1], CircuitOpen)


async def test_a_fallback_knows_of_the_outage() -> None:
    """Once the circuit is open the first model costs a turn no attempt, and no time."""
    async with stage(fallback=True) as played:
        played.first.chat.faults.always(FAULTS["slow_first_byte"])
        said = [await played.turn(text) for text in ("One?", "Two?", "Three?")]

        assert said == [ANOTHER] * 3
        assert len(played.second.chat.requests) == 3
