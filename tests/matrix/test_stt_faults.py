"""A transcription service that fails, in each way, alone and with another behind it.

A user speaks, a session's VAD cuts the utterance, and the real plugin sends it to the mock over
real sockets. The language model and the microphone are fakes.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import pytest
from msgspec.structs import replace

from agentd import Agent, AgentSession
from agentd.aio.bell import Bell
from agentd.errors import APIConnectionError, APIError, APIStatusError, APITimeoutError
from agentd.resilience import APIConnectOptions, forget_circuits
from agentd.stt import STT, FallbackAdapter
from agentd.testing import FakeAudioInput, FakeLLM, FakeVAD
from agentd.testing.mock_openai import HttpFault, HttpFaultKind, MockOpenAI
from agentd.voice.options import SessionConnectOptions
from agentd_openai.stt import STT as OpenAI
from tests.matrix.rows import FAULTS, Row

ATTEMPT = 0.4
"""Seconds that a service has for an utterance."""
DEADLINE = 6.0
"""Seconds from the first sound of a turn to what came of it, whatever happens: the utterance, the
silence behind it, two attempts at each service, and a slow machine."""
CONNECT = SessionConnectOptions(
    stt_conn_options=APIConnectOptions(max_retry=1, retry_interval=0.1, timeout=ATTEMPT)
)
UTTERANCE = 0.4
"""Seconds of speech."""

FIRST, SECOND, LATER = "One, by the first.", "One, by the second.", "Two, by whoever is left."
ANSWER = "Understood."

STT_FAULTS = {
    **{name: replace(fault, after=0) for name, fault in FAULTS.items()},
    "empty": HttpFault(kind=HttpFaultKind.EMPTY),
}
"""A transcript comes in one piece, so that what strikes in mid-stream strikes in the midst of it:
after the head of the answer, or after half of its body."""

LOST = (
    "Sent again once, the utterance fails again: the error is told, the conversation has nothing "
    "of it, the session listens on, and the next utterance is understood and answered. A fault "
    "that is over by the second try is not noticed."
)
BACKED = (
    "The other service is given the same utterance, understands it, and it is answered once; the "
    "session has no error."
)
GIVEN_UP = "Each try is given up at its deadline; then: "

ROWS = [
    Row(
        kind="stt",
        fault=fault,
        fallback=fallback,
        outcome=(GIVEN_UP if fault in ("slow_first_byte", "stall") else "")
        + (BACKED if fallback else LOST),
    )
    for fault in STT_FAULTS
    for fallback in (False, True)
]
ALONE = [row for row in ROWS if not row.fallback]
WITH_ANOTHER = [row for row in ROWS if row.fallback]

ERRORS: dict[str, type[APIError]] = {
    "rate_limited": APIStatusError,
    "server_errors": APIStatusError,
    "slow_first_byte": APITimeoutError,
    "stall": APITimeoutError,
}
"""What a fault is told as; the others say that the service could not be used."""


@dataclass
class Stage:
    """A session, its services, and what it told."""

    session: AgentSession[Any]
    mic: FakeAudioInput
    first: MockOpenAI
    second: MockOpenAI
    errors: list[Exception] = field(default_factory=list)
    """Those after which no other attempt was made."""
    closed: list[object] = field(default_factory=list)
    changed: Bell = field(default_factory=Bell)

    async def turn(self) -> list[str]:
        """Speak; returns what the conversation has of it, when it was answered or an error told.

        Has an end, whatever happens.
        """
        said, failed = len(self.said()), len(self.errors)
        self.mic.speak(UTTERANCE)
        async with asyncio.timeout(DEADLINE):
            await self.changed.until(
                lambda: len(self.said()) >= said + 2 or len(self.errors) > failed
            )
        return self.said()[said:]

    def said(self) -> list[str]:
        """The conversation, a line each."""
        messages = self.session.history.messages()
        return [f"{each.role}: {each.text_content}" for each in messages if each.role != "system"]

    def hears(self, *texts: str) -> None:
        """Each service takes every utterance for its text; the last of them has several."""
        for api, text in zip((self.first, self.second), texts, strict=True):
            api.transcriptions.hears(*[text] * 20)

    def fail(self, fault: HttpFault | None, *apis: MockOpenAI) -> None:
        """From now on these services fail like this; None, and they are well."""
        for api in apis:
            api.transcriptions.faults.always(fault)

    def heard_error(self, event: Any) -> None:
        """An error was told."""
        if not getattr(event.error, "recoverable", False):
            self.errors.append(getattr(event.error, "error", event.error))
            self.changed.ring()

    def item_added(self, _: object) -> None:
        """The conversation has one more."""
        self.changed.ring()


@asynccontextmanager
async def stage(*, fallback: bool) -> AsyncIterator[Stage]:
    """A session with one service, or with two of which the second is the fallback."""
    async with MockOpenAI() as first, MockOpenAI() as second:
        vad = FakeVAD(min_silence_duration=0.15)
        models = [OpenAI(base_url=api.base_url, api_key="sk-nobody") for api in (first, second)]
        stt: STT = models[0]
        if fallback:
            stt = FallbackAdapter(models, vad=vad, attempt_timeout=ATTEMPT, retry_interval=1.0)
        session: AgentSession[Any] = AgentSession(
            stt=stt,
            vad=vad,
            llm=FakeLLM(default=ANSWER),
            turn_handling={"endpointing": {"min_delay": 0.1, "max_delay": 0.3}},
            user_away_timeout=None,
            aec_warmup_duration=None,
            conn_options=CONNECT,
        )
        mic = FakeAudioInput(frame_seconds=0.02)
        session.input.audio = mic
        made = Stage(session=session, mic=mic, first=first, second=second)
        made.hears(FIRST, SECOND)
        session.on("error", made.heard_error)
        session.on("close", made.closed.append)
        session.on("conversation_item_added", made.item_added)
        await session.start(Agent(instructions="Be brief."))
        try:
            yield made
        finally:
            await session.aclose()
            await stt.aclose()
            for model in models:
                await model.aclose()


@pytest.fixture(autouse=True)
def no_circuits() -> None:
    """What another test has learnt of a service is forgotten."""
    forget_circuits()


def test_each_fault_is_in_the_matrix_alone_and_with_a_fallback() -> None:
    """None is forgotten."""
    assert {(row.fault, row.fallback) for row in ROWS} == {
        (fault, fallback) for fault in (*FAULTS, "empty") for fallback in (False, True)
    }


@pytest.mark.parametrize("row", ALONE, ids=lambda row: row.name)
async def test_alone_a_fault_that_passes_is_not_noticed(row: Row) -> None:
    """The same utterance is sent again, and understood once."""
    async with stage(fallback=False) as played:
        played.first.transcriptions.faults.add(STT_FAULTS[row.fault])
        said = await played.turn()
        files = [seen.body["file"] for seen in played.first.transcriptions.requests]

        assert said == [f"user: {FIRST}", f"assistant: {ANSWER}"]
        assert len(files) == 2
        assert files[0] == files[1]
        assert played.errors == []
        assert played.closed == []


@pytest.mark.parametrize("row", ALONE, ids=lambda row: row.name)
async def test_alone_a_fault_that_stays_costs_the_turn_and_no_more(row: Row) -> None:
    """It is tried again once, told, and the conversation goes on."""
    async with stage(fallback=False) as played:
        played.fail(STT_FAULTS[row.fault], played.first)
        said = await played.turn()
        tried = len(played.first.transcriptions.requests)
        played.fail(None, played.first)
        played.hears(LATER, LATER)
        then = await played.turn()

        assert said == []
        assert tried == 2
        assert len(played.errors) == 1
        assert isinstance(played.errors[0], ERRORS.get(row.fault, APIConnectionError))
        assert then == [f"user: {LATER}", f"assistant: {ANSWER}"]
        assert played.closed == []


@pytest.mark.parametrize("row", WITH_ANOTHER, ids=lambda row: row.name)
async def test_with_a_fallback_the_utterance_is_understood_once(row: Row) -> None:
    """By the other service, which is sent the same audio; the session has no error."""
    async with stage(fallback=True) as played:
        played.fail(STT_FAULTS[row.fault], played.first)
        said = await played.turn()
        sent = played.first.transcriptions.requests[0].body["file"]
        passed_on = [seen.body["file"] for seen in played.second.transcriptions.requests]
        then = await played.turn()

        assert said == [f"user: {SECOND}", f"assistant: {ANSWER}"]
        assert passed_on == [sent]
        assert then == said
        assert played.errors == []
        assert played.closed == []


@pytest.mark.parametrize("row", WITH_ANOTHER, ids=lambda row: row.name)
async def test_when_both_fail_the_turn_ends_in_time_and_the_session_goes_on(row: Row) -> None:
    """Nothing hangs, and the next utterance is understood."""
    async with stage(fallback=True) as played:
        played.fail(STT_FAULTS[row.fault], played.first, played.second)
        said = await played.turn()
        played.fail(None, played.first, played.second)
        played.hears(LATER, LATER)
        then = await played.turn()

        assert said == []
        assert len(played.errors) == 1
        assert isinstance(played.errors[0], APIConnectionError)
        assert then == [f"user: {LATER}", f"assistant: {ANSWER}"]
        assert played.closed == []
