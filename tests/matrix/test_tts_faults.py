"""A speech service that fails, in each way, alone and with another behind it.

A real session has the real plugin speak, which asks the mock over real sockets; what the listener
hears is told apart by pitch. The language model and the loudspeaker are fakes.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pytest
from msgspec.structs import replace

from agentd import Agent, AgentSession
from agentd.audio.pcm import is_audible
from agentd.errors import APIConnectionError, APIError, APIStatusError, APITimeoutError
from agentd.resilience import APIConnectOptions, forget_circuits
from agentd.testing import FakeAudioOutput, FakeLLM, FakeTextOutput, FakeTTS
from agentd.testing.mock_openai import HttpFault, HttpFaultKind, MockOpenAI
from agentd.tts import TTS, FallbackAdapter
from agentd.voice.options import OutageOptions, SessionConnectOptions
from agentd_openai.tts import TTS as OpenAI
from tests.matrix.rows import FAULTS, Row

ATTEMPT = 0.4
"""Seconds that a service has for its first sound, and for each further one."""
DEADLINE = 8.0
"""Seconds for a turn, whatever happens: two attempts at each service, what is said, which is 2 s,
and a slow machine."""
CONNECT = SessionConnectOptions(
    tts_conn_options=APIConnectOptions(max_retry=1, retry_interval=0.1, timeout=ATTEMPT)
)

FIRST, SECOND = 400.0, 800.0
"""Hz: by these their voices are known."""
PER_CHARACTER = 0.05
"""Seconds; with it the sentence is spoken a little faster than people do, as voices do."""
SENTENCE = "One two three four five."
MORE = "That is all."
ANSWER = f"{SENTENCE} {MORE}"
ONE_WORD = 0.35
"""Seconds: as long as a word."""
WINDOW = 480
"""Samples whose pitch is looked for: 20 ms."""

PIECE = 0.05
"""Seconds of sound that a service sends at once."""
BEFORE_FAULT = 0.6
"""Seconds of the first sentence that come before a fault in mid-stream."""
HELD = 0.1
"""Seconds of them that may wait for more when the fault comes, and are lost."""
TTS_FAULTS = {
    **{name: replace(fault, after=round(BEFORE_FAULT / PIECE)) for name, fault in FAULTS.items()},
    "empty": HttpFault(kind=HttpFaultKind.EMPTY),
}

GIVEN_UP = "Each try is given up at its deadline; then: "
WRITTEN = (
    "Asked again once, the service fails again: the error is told, nothing is heard, the text is "
    "written instead, and the next reply is spoken. A fault that is over by the second try is not "
    "noticed."
)
SPOKEN = "The other voice speaks the whole reply, once; the session has no error."
BROKEN_OFF = (
    "What came before it is heard and not asked for again; the error is told, the rest is written, "
    "and the next reply is spoken."
)
TAKEN_OVER = (
    "What came before it is heard; the other voice goes on with the word that was broken off, or "
    "the one before, and speaks the rest. The session has no error."
)
UNNOTICED = (
    "The sentence ends where the service has cut it, since samples say nothing of their length, "
    "and the next one is spoken; nobody is told."
)

OUTCOMES = {
    **dict.fromkeys(("rate_limited", "server_errors"), (WRITTEN, SPOKEN)),
    "slow_first_byte": (GIVEN_UP + WRITTEN, GIVEN_UP + SPOKEN),
    "stall": (BROKEN_OFF, TAKEN_OVER),
    "reset": (BROKEN_OFF, TAKEN_OVER),
    "truncated": (UNNOTICED, UNNOTICED),
    "wrong_type": (WRITTEN, SPOKEN),
    "empty": (WRITTEN, SPOKEN),
}
"""Alone, and with a fallback."""

ROWS = [
    Row(kind="tts", fault=fault, fallback=fallback, outcome=outcomes[fallback])
    for fault, outcomes in OUTCOMES.items()
    for fallback in (False, True)
]
ALONE = [row for row in ROWS if not row.fallback]
WITH_ANOTHER = [row for row in ROWS if row.fallback]


def those(rows: list[Row], *, outcome: str) -> list[Row]:
    """The rows that end like this."""
    return [row for row in rows if row.outcome.endswith(outcome)]


ERRORS: dict[str, type[APIError]] = {
    "rate_limited": APIStatusError,
    "server_errors": APIStatusError,
    "slow_first_byte": APITimeoutError,
    "stall": APITimeoutError,
}
"""What a fault is told as; the others say that the service could not be used."""


@dataclass
class Stage:
    """A session, its services, what it told and what is heard of it."""

    session: AgentSession[Any]
    loudspeaker: FakeAudioOutput
    screen: FakeTextOutput
    first: MockOpenAI
    second: MockOpenAI
    errors: list[Exception] = field(default_factory=list)
    """Those after which no other attempt was made."""
    closed: list[object] = field(default_factory=list)

    async def turn(self) -> str:
        """Have the answer spoken; returns what the conversation has of it, a stroke for what was
        cut off. Has an end, whatever happens."""
        self.loudspeaker.frames.clear()
        before = len(self.remembered())
        async with asyncio.timeout(DEADLINE):
            try:
                await self.session.run(user_input="Go.")
            except APIError:
                pass  # told by the event, too
        return " ".join(self.remembered()[before:])

    def remembered(self) -> list[str]:
        """What the agent has said, as the conversation has it."""
        return [
            f"{each.text_content}{'/' if each.interrupted else ''}"
            for each in self.session.history.messages()
            if each.role == "assistant"
        ]

    def seconds_of(self, pitch: float) -> float:
        """How long a voice was heard in the last turn."""
        samples = np.concatenate(
            [frame.samples.ravel() for frame in self.loudspeaker.frames] or [np.zeros(0, np.int16)]
        )
        whole = samples[: len(samples) // WINDOW * WINDOW].reshape(-1, WINDOW)
        return sum(WINDOW / 24000 for part in whole if _is(pitch, part))

    def fail(self, fault: HttpFault | None, *apis: MockOpenAI) -> None:
        """From now on these services fail like this; None, and they are well."""
        for api in apis:
            api.speech.faults.always(fault)

    def heard_error(self, event: Any) -> None:
        """An error was told."""
        if not getattr(event.error, "recoverable", False):
            self.errors.append(getattr(event.error, "error", event.error))


def _is(pitch: float, samples: Any) -> bool:
    """Whether some samples are audible and nearer to this pitch than to the other."""
    if not is_audible(samples):
        return False
    found = np.argmax(np.abs(np.fft.rfft(samples))) * 24000 / WINDOW
    return bool(abs(found - pitch) < abs(SECOND - FIRST) / 2)


def asked_of(api: MockOpenAI) -> list[str]:
    """The texts that a service was given, in their order."""
    return [seen.body["input"] for seen in api.speech.requests]


@asynccontextmanager
async def stage(*, fallback: bool) -> AsyncIterator[Stage]:
    """A session with one service, or with two of which the second is the fallback."""
    async with MockOpenAI() as first, MockOpenAI() as second:
        for api, pitch in ((first, FIRST), (second, SECOND)):
            api.speech.tts = FakeTTS(pitch=pitch, seconds_per_character=PER_CHARACTER, chunk=PIECE)
        voices = [OpenAI(base_url=api.base_url, api_key="sk-nobody") for api in (first, second)]
        tts: TTS = voices[0]
        if fallback:
            tts = FallbackAdapter(
                voices, max_retry_per_tts=1, attempt_timeout=ATTEMPT, retry_interval=1.0
            )
        session: AgentSession[Any] = AgentSession(
            llm=FakeLLM(default=ANSWER),
            tts=tts,
            user_away_timeout=None,
            conn_options=CONNECT,
            on_outage=OutageOptions(hold=0.0),  # what it says then is in conversation/test_outages
        )
        loudspeaker, screen = FakeAudioOutput(), FakeTextOutput()
        session.output.audio, session.output.transcription = loudspeaker, screen
        made = Stage(
            session=session, loudspeaker=loudspeaker, screen=screen, first=first, second=second
        )
        session.on("error", made.heard_error)
        session.on("close", made.closed.append)
        await session.start(Agent(instructions="Be brief."))
        try:
            yield made
        finally:
            await session.aclose()
            await tts.aclose()
            for voice in voices:
                await voice.aclose()


@pytest.fixture(autouse=True)
def no_circuits() -> None:
    """What another test has learnt of a service is forgotten."""
    forget_circuits()


def test_each_fault_is_in_the_matrix_alone_and_with_a_fallback() -> None:
    """None is forgotten."""
    assert {(row.fault, row.fallback) for row in ROWS} == {
        (fault, fallback) for fault in TTS_FAULTS for fallback in (False, True)
    }


def length(text: str) -> float:
    """Seconds that a text takes to be spoken."""
    return len(text) * PER_CHARACTER


# -- alone ---------------------------------------------------------------------------------


@pytest.mark.parametrize("row", those(ALONE, outcome=WRITTEN), ids=lambda row: row.name)
async def test_alone_a_fault_that_passes_is_not_noticed(row: Row) -> None:
    """The sentence is asked for again, and heard once."""
    async with stage(fallback=False) as played:
        played.first.speech.faults.add(TTS_FAULTS[row.fault])
        said = await played.turn()

        assert asked_of(played.first) == [SENTENCE, SENTENCE, MORE]
        assert played.seconds_of(FIRST) == pytest.approx(length(SENTENCE + MORE), abs=0.1)
        assert said == ANSWER
        assert played.errors == []
        assert played.closed == []


@pytest.mark.parametrize("row", those(ALONE, outcome=WRITTEN), ids=lambda row: row.name)
async def test_alone_a_fault_that_stays_leaves_the_text(row: Row) -> None:
    """It is tried again once, told, and the reply is to be read; the next one is heard again."""
    async with stage(fallback=False) as played:
        played.fail(TTS_FAULTS[row.fault], played.first)
        said = await played.turn()
        heard, tried = played.seconds_of(FIRST), len(played.first.speech.requests)
        written = played.screen.text
        played.fail(None, played.first)
        then = await played.turn()

        assert (heard, tried) == (0.0, 2)
        assert said == written == ANSWER
        assert len(played.errors) == 1
        assert isinstance(played.errors[0], ERRORS.get(row.fault, APIConnectionError))
        assert then == ANSWER
        assert played.seconds_of(FIRST) == pytest.approx(length(SENTENCE + MORE), abs=0.1)
        assert played.closed == []


@pytest.mark.parametrize("row", those(ALONE, outcome=BROKEN_OFF), ids=lambda row: row.name)
async def test_alone_a_fault_in_mid_stream_says_nothing_twice(row: Row) -> None:
    """The listener has what came, and can read the rest; the next reply is heard again."""
    async with stage(fallback=False) as played:
        played.first.speech.faults.add(TTS_FAULTS[row.fault])
        said = await played.turn()
        heard, asked = played.seconds_of(FIRST), asked_of(played.first)
        written = played.screen.text
        then = await played.turn()

        assert asked == [SENTENCE]
        assert BEFORE_FAULT - HELD <= heard <= BEFORE_FAULT
        assert said == written == ANSWER
        assert len(played.errors) == 1
        assert isinstance(played.errors[0], ERRORS.get(row.fault, APIConnectionError))
        assert then == ANSWER
        assert played.seconds_of(FIRST) == pytest.approx(length(SENTENCE + MORE), abs=0.1)
        assert played.closed == []


@pytest.mark.parametrize("row", those(ROWS, outcome=UNNOTICED), ids=lambda row: row.name)
async def test_a_sentence_that_was_cut_as_if_it_were_whole_ends_there(row: Row) -> None:
    """Nobody can know; nothing is said twice, and the next sentence is whole."""
    async with stage(fallback=row.fallback) as played:
        played.first.speech.faults.add(TTS_FAULTS[row.fault])
        said = await played.turn()

        assert asked_of(played.first) == [SENTENCE, MORE]
        assert played.seconds_of(FIRST) == pytest.approx(BEFORE_FAULT + length(MORE), abs=0.15)
        assert asked_of(played.second) == []
        assert said == ANSWER
        assert played.errors == []
        assert played.closed == []


# -- with another --------------------------------------------------------------------------


@pytest.mark.parametrize("row", those(WITH_ANOTHER, outcome=SPOKEN), ids=lambda row: row.name)
async def test_with_a_fallback_the_reply_is_heard_whole_and_once(row: Row) -> None:
    """All of it in the other voice; the session has no error."""
    async with stage(fallback=True) as played:
        played.fail(TTS_FAULTS[row.fault], played.first)
        said = await played.turn()

        assert asked_of(played.second) == [SENTENCE, MORE]
        assert played.seconds_of(FIRST) == 0.0
        assert played.seconds_of(SECOND) == pytest.approx(length(SENTENCE + MORE), abs=0.1)
        assert said == ANSWER
        assert played.errors == []
        assert played.closed == []


@pytest.mark.parametrize("row", those(WITH_ANOTHER, outcome=TAKEN_OVER), ids=lambda row: row.name)
async def test_with_a_fallback_a_sentence_that_breaks_off_is_gone_on_with(row: Row) -> None:
    """No sentence is begun anew: what is heard is as long as the reply, but for a word."""
    async with stage(fallback=True) as played:
        played.fail(TTS_FAULTS[row.fault], played.first)
        said = await played.turn()
        rest, *then = asked_of(played.second)
        left_out = len(SENTENCE) - len(rest)

        assert BEFORE_FAULT - HELD <= played.seconds_of(FIRST) <= BEFORE_FAULT
        assert SENTENCE.endswith(rest)
        assert BEFORE_FAULT - ONE_WORD <= left_out * PER_CHARACTER <= BEFORE_FAULT
        assert then == [MORE]
        assert played.seconds_of(SECOND) == pytest.approx(length(rest + MORE), abs=0.1)
        assert said == ANSWER
        assert played.errors == []
        assert played.closed == []


@pytest.mark.parametrize(
    "row",
    [row for row in WITH_ANOTHER if row.outcome != UNNOTICED],
    ids=lambda row: row.name,
)
async def test_when_both_fail_the_turn_ends_in_time_and_the_session_goes_on(row: Row) -> None:
    """What could not be heard is to be read; the next reply is heard."""
    async with stage(fallback=True) as played:
        played.fail(TTS_FAULTS[row.fault], played.first, played.second)
        said = await played.turn()
        heard = played.seconds_of(FIRST) + played.seconds_of(SECOND)
        written = played.screen.text
        played.fail(None, played.first, played.second)
        then = await played.turn()

        assert heard <= 2 * BEFORE_FAULT + 0.1
        assert said == written == ANSWER
        assert len(played.errors) == 1
        assert isinstance(played.errors[0], APIConnectionError)
        assert then == ANSWER
        assert played.seconds_of(FIRST) + played.seconds_of(SECOND) == pytest.approx(
            length(SENTENCE + MORE), abs=0.15
        )
        assert played.closed == []


async def test_an_outage_is_learnt_once() -> None:
    """After two sentences that failed the circuit is open: the third reply asks nothing."""
    async with stage(fallback=False) as played:
        played.fail(TTS_FAULTS["server_errors"], played.first)
        await played.turn()
        await played.turn()
        before = len(played.first.speech.requests)
        await played.turn()

        assert len(played.first.speech.requests) == before == 4
