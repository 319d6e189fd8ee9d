"""A realtime service that fails, in each way, with nobody to take its place.

A real session in text mode talks by the real plugin with the mock, over real sockets. The rows with
a fallback are beside their adapter's tests.
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
from agentd.llm import FunctionCallOutput, function_tool
from agentd.resilience import APIConnectOptions
from agentd.resilience.circuits import forget_circuits
from agentd.testing import FakeCall
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
ATTEMPT = 0.6
"""Seconds to connect, and for a response to go on."""
DEADLINE = 12.0
"""Seconds for a turn, whatever happens."""
CONNECT = APIConnectOptions(max_retry=2, retry_interval=0.1, timeout=ATTEMPT)

ANSWER = "It is one. It is two. It is three."
SAID_BEFORE = "It is one."
"""What comes of it before a fault in mid-stream."""
LATER = "And no more."

UNAUTHORIZED = HttpFault(kind=HttpFaultKind.STATUS, status=401)
CLOSES = (1001, 1006, 1011)

WHOLE = "The reply is said and remembered whole and once, and the next turn is answered."
AGAIN = (
    "The connection is opened again with the whole conversation, the reply is asked for again, "
    "and said and remembered whole and once."
)
KEPT = (
    "What was said is remembered as cut off, and not said again; the conversation is restored on "
    "another connection, which answers the next turn."
)
LOST = (
    "The reply fails in its time, the agent says that something went wrong, and the next turn is "
    "answered."
)

WITHIN: dict[str, tuple[RealtimeFault, str]] = {
    "late": (RealtimeFault(kind=KINDS.LATE, seconds=0.1), WHOLE),
    "out_of_order": (RealtimeFault(kind=KINDS.OUT_OF_ORDER), WHOLE),
    "duplicated": (RealtimeFault(kind=KINDS.DUPLICATED), WHOLE),
    "cut_text": (
        RealtimeFault(kind=KINDS.CUT_TEXT, after=3),
        "What can't be read is left out, the rest is said, and the next turn is answered.",
    ),
    "error_event": (RealtimeFault(kind=KINDS.ERROR, after=3), WHOLE),
    "slow": (RealtimeFault(kind=KINDS.SLOW, seconds=0.05), WHOLE),
    "cut_frame": (RealtimeFault(kind=KINDS.CUT_FRAME, after=3), KEPT),
    "expired": (RealtimeFault(kind=KINDS.EXPIRED, after=3), KEPT),
    **{
        f"close_{code}": (RealtimeFault(kind=KINDS.CLOSE, after=3, close_code=code), KEPT)
        for code in CLOSES
    },
    "failed": (
        RealtimeFault(kind=KINDS.FAILED, after=3),
        "What was said is remembered as cut off, the reply fails with the service's reason, and "
        "the next turn is answered.",
    ),
    "stall": (
        RealtimeFault(kind=KINDS.STALL, after=3),
        "The response is given up at its deadline and cancelled at the service; what was said is "
        "remembered as cut off, and the next turn is answered.",
    ),
    "never": (RealtimeFault(kind=KINDS.NEVER), LOST),
    "failed_at_once": (RealtimeFault(kind=KINDS.FAILED, after=0), LOST),
    "close_before_it": (RealtimeFault(kind=KINDS.CLOSE, after=0), AGAIN),
}
"""What goes wrong with one response, and what comes of it."""

ENDS = "Where it goes on failing, the error is told after three tries, and the session is closed."

ROWS = [
    *(
        Row(kind="realtime", fault=fault, fallback=False, outcome=outcome)
        for fault, (_, outcome) in WITHIN.items()
    ),
    *(
        Row(
            kind="realtime",
            fault=f"handshake_{fault}",
            fallback=False,
            outcome="The handshake is tried again, what was asked meanwhile waits, and the turn is "
            f"answered. {ENDS}",
        )
        for fault in FAULTS
    ),
    Row(
        kind="realtime",
        fault="handshake_unauthorized",
        fallback=False,
        outcome="The error is told at once, and the session is closed.",
    ),
]


@dataclass
class Stage:
    """A session, its service, and what it told."""

    session: AgentSession[Any]
    api: MockOpenAI
    errors: list[Exception] = field(default_factory=list)
    closed: asyncio.Event = field(default_factory=asyncio.Event)

    async def turn(self, text: str) -> str:
        """Say something; returns what was answered. Has an end, whatever happens."""
        before = len(self.said())
        async with asyncio.timeout(DEADLINE):
            try:
                await self.session.run(user_input=text)
            except (APIError, TimeoutError):
                pass  # a test looks at what was said
        return " ".join(self.said()[before:])

    def said(self) -> list[str]:
        """What the agent has said, as the conversation has it; cut off with a stroke."""
        return [
            f"{each.text_content}{'/' if each.interrupted else ''}"
            for each in self.session.history.messages()
            if each.role == "assistant"
        ]

    def at_service(self) -> list[str]:
        """The same, as the service has it."""
        return self.api.realtime.current.conversation.words()

    def told(self, event: Any) -> None:
        """An error was told."""
        self.errors.append(event.error.error)


@asynccontextmanager
async def stage(api: MockOpenAI, *, tools: list[Any] | None = None) -> AsyncIterator[Stage]:
    """A session with the service."""
    model = RealtimeModel(
        base_url=api.base_url,
        api_key="sk-nobody",
        modalities=("text",),
        conn_options=CONNECT,
        response_timeout=ATTEMPT,
    )
    session: AgentSession[Any] = AgentSession(llm=model)
    made = Stage(session=session, api=api)
    session.on("error", made.told)
    session.on("close", lambda event: made.closed.set())
    await session.start(Agent(instructions="Be brief.", tools=tools))
    try:
        yield made
    finally:
        await session.aclose()
        await model.aclose()


@pytest.fixture(autouse=True)
def no_circuits() -> None:
    """What another test has learnt of a service is forgotten."""
    forget_circuits()


@pytest.fixture
async def api() -> AsyncIterator[MockOpenAI]:
    """The service, which answers every question alike."""
    async with MockOpenAI() as api:
        api.realtime.script.default = LATER
        api.realtime.script.set([ANSWER])
        yield api


def named(*outcomes: str) -> list[str]:
    """The faults within a response that end so."""
    return [fault for fault, (_, outcome) in WITHIN.items() if outcome in outcomes]


def test_each_fault_is_in_the_matrix() -> None:
    """None is forgotten; what only harms audio is tried where there is audio."""
    tried = {fault.kind for fault, _ in WITHIN.values()}

    assert set(KINDS) - tried == {KINDS.ODD_BYTES}
    assert {f"handshake_{fault}" for fault in FAULTS} <= {row.fault for row in ROWS}
    assert len({row.fault for row in ROWS}) == len(ROWS)


@pytest.mark.parametrize("fault", named(WHOLE))
async def test_a_fault_that_costs_nothing(api: MockOpenAI, fault: str) -> None:
    """Both sides remember the reply whole."""
    api.realtime.script.set(faults=[WITHIN[fault][0]])
    async with stage(api) as played:
        said = await played.turn("One?")
        then = await played.turn("Two?")

        assert (said, then) == (ANSWER, LATER)
        assert played.at_service() == [
            "user: One?",
            f"assistant: {ANSWER}",
            "user: Two?",
            f"assistant: {LATER}",
        ]
        assert len(api.realtime.connections) == 1
        assert played.errors == []


async def test_an_event_that_is_cut_costs_what_it_carried(api: MockOpenAI) -> None:
    """A word, here; the service knows of the whole reply."""
    api.realtime.script.set(faults=[WITHIN["cut_text"][0]])
    async with stage(api) as played:
        said = await played.turn("One?")
        then = await played.turn("Two?")

        assert (said, then) == ("It is one. is two. It is three.", LATER)
        assert len(api.realtime.connections) == 1
        assert played.errors == []


@pytest.mark.parametrize("fault", named(AGAIN))
async def test_a_fault_before_the_reply_has_it_asked_for_again(api: MockOpenAI, fault: str) -> None:
    """On another connection, with the whole conversation."""
    api.realtime.script.set(faults=[WITHIN[fault][0]])
    api.realtime.script.replies = ["never said", ANSWER]
    async with stage(api) as played:
        said = await played.turn("One?")
        then = await played.turn("Two?")

        assert (said, then) == (ANSWER, LATER)
        assert played.at_service()[:2] == ["user: One?", f"assistant: {ANSWER}"]
        assert len(api.realtime.connections) == 2
        assert played.errors == []


@pytest.mark.parametrize("fault", named(KEPT))
async def test_a_connection_that_is_lost_keeps_what_was_said(api: MockOpenAI, fault: str) -> None:
    """On both sides, and the call goes on."""
    api.realtime.script.set(faults=[WITHIN[fault][0]])
    async with stage(api) as played:
        said = await played.turn("One?")
        then = await played.turn("Two?")

        assert said == f"{SAID_BEFORE} /"
        assert then == LATER
        assert played.at_service() == [
            "user: One?",
            f"assistant: {SAID_BEFORE} ",
            "user: Two?",
            f"assistant: {LATER}",
        ]
        assert len(api.realtime.connections) == 2
        assert played.errors == []
        assert not played.closed.is_set()


@pytest.mark.parametrize("fault", ["failed", "stall"])
async def test_a_response_that_is_not_completed_keeps_what_was_said(
    api: MockOpenAI, fault: str
) -> None:
    """On the same connection."""
    api.realtime.script.set(faults=[WITHIN[fault][0]])
    async with stage(api) as played:
        said = await played.turn("One?")
        then = await played.turn("Two?")

        assert said == f"{SAID_BEFORE} /"
        assert then == LATER
        assert len(api.realtime.connections) == 1
        assert not played.closed.is_set()


@pytest.mark.parametrize("fault", named(LOST))
async def test_a_response_that_does_not_come_costs_one_turn(api: MockOpenAI, fault: str) -> None:
    """It ends in time, and what the user has said is remembered."""
    api.realtime.script.set(faults=[WITHIN[fault][0]])
    async with stage(api) as played:
        said = await played.turn("One?")
        api.realtime.script.replies = [LATER]
        then = await played.turn("Two?")

        assert "It is" not in said
        assert then == LATER
        assert "user: One?" in played.at_service()
        assert not played.closed.is_set()


@pytest.mark.parametrize("fault", FAULTS)
async def test_a_handshake_that_fails_once_is_tried_again(api: MockOpenAI, fault: str) -> None:
    """The turn waits for it."""
    api.realtime.faults.add(FAULTS[fault])
    api.realtime.script.replies = [ANSWER]
    async with stage(api) as played:
        async with asyncio.timeout(DEADLINE):
            await api.realtime.connected()
        said = await played.turn("One?")

        assert said == ANSWER
        assert len(api.realtime.requests) == 2
        assert played.errors == []


@pytest.mark.parametrize("fault", FAULTS)
async def test_a_handshake_that_goes_on_failing_ends_the_session(
    api: MockOpenAI, fault: str
) -> None:
    """After three tries, with its error."""
    api.realtime.faults.always(FAULTS[fault])
    async with stage(api) as played:
        async with asyncio.timeout(DEADLINE):
            await played.closed.wait()

        assert len(api.realtime.requests) == 3
        assert [isinstance(error, APIError) for error in played.errors] == [True]


async def test_a_key_that_is_refused_ends_the_session_at_once(api: MockOpenAI) -> None:
    """It would be refused again."""
    api.realtime.faults.always(UNAUTHORIZED)
    async with stage(api) as played:
        async with asyncio.timeout(DEADLINE):
            await played.closed.wait()

        assert len(api.realtime.requests) == 1
        assert "401" in str(played.errors[0])


@pytest.mark.parametrize("code", CLOSES)
async def test_a_connection_that_is_lost_within_a_call_runs_the_tool_once(
    api: MockOpenAI, code: int
) -> None:
    """Half of a call is none: it is asked for again."""
    ran: list[int] = []

    @function_tool
    async def count(number: int) -> str:
        """Count."""
        ran.append(number)
        return f"counted {number}"

    call = FakeCall("count", {"number": 7})
    fault = RealtimeFault(kind=KINDS.CLOSE, after=1, close_code=code)
    api.realtime.script.set(faults=[fault])
    api.realtime.script.replies = [call, call, "It is seven."]
    async with stage(api, tools=[count]) as played:
        said = await played.turn("One?")
        outputs = [
            item.output
            for item in played.session.history.items
            if isinstance(item, FunctionCallOutput)
        ]

        assert (ran, outputs, said) == ([7], ["counted 7"], "It is seven.")
        assert played.at_service() == [
            "user: One?",
            'call: count({"number":7})',
            "output: counted 7",
            "assistant: It is seven.",
        ]
