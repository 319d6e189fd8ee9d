"""Voices behind a circuit breaker."""

from __future__ import annotations

import asyncio

from agentd.aio.timing import now
from agentd.errors import APIError
from agentd.resilience import APIConnectOptions, circuits
from agentd.testing import FakeTTS, Fault, Misbehaviour
from agentd.testing.virtual_time import run_virtual
from agentd.tts import TTS, AvailabilityChangedEvent, FallbackAdapter, StreamAdapter

RAISE = Misbehaviour.RAISE
KEY = "api.example.com/voice"
ONCE = APIConnectOptions(max_retry=0)
FIRST = "This is the first sentence."
SECOND = "And here is the second one."


async def say(tts: TTS, text: str = FIRST, *, streamed: bool = False) -> str:
    """How speaking it goes."""
    try:
        if not streamed:
            await tts.synthesize(text, conn_options=ONCE).collect()
        else:
            stream = tts.stream(conn_options=ONCE)
            stream.push_text(text)
            stream.end_input()
            await stream.collect()
    except APIError as error:
        return error.code
    return "spoken"


def note(event: AvailabilityChangedEvent, back: asyncio.Event) -> None:
    """Set when a voice is well again."""
    if event.available:
        back.set()


def test_a_voice_that_fails_is_left_alone_streamed_or_not() -> None:
    """After four failures in a row, of either kind."""
    tts = FakeTTS(faults=[RAISE] * 9, circuit=KEY)

    async def act() -> list[str]:
        return [await say(tts, streamed=number % 2 == 1) for number in range(5)]

    assert run_virtual(act()) == ["api_connection"] * 4 + ["circuit_open"]
    assert len(tts.attempts) == 4


def test_each_failure_is_counted_once_behind_an_adapter() -> None:
    """Which is known by the circuit of the voice behind it."""
    tts = FakeTTS(faults=[RAISE] * 9, circuit=KEY)
    adapter = StreamAdapter(tts)

    async def act() -> list[str]:
        return [await say(adapter, streamed=True) for _ in range(5)]

    assert run_virtual(act()) == ["api_connection"] * 4 + ["circuit_open"]
    assert adapter.circuit == KEY


def test_the_first_audio_closes_the_circuit() -> None:
    """Before the voice has ended, which may take a minute."""
    tts = FakeTTS(chunk_delay=1.0, faults=[RAISE] * 4, circuit=KEY)

    async def act() -> str:
        for _ in range(4):
            await say(tts)
        await circuits().of(KEY).wait_ready()
        async with tts.synthesize(FIRST, conn_options=ONCE) as stream:
            await anext(stream)
            return circuits().of(KEY).state

    assert run_virtual(act()) == "closed"


def test_no_sentence_is_said_twice_when_the_circuit_opens_in_the_middle_of_a_text() -> None:
    """The next voice goes on with the sentence that could not be begun."""
    first = FakeTTS(circuit=KEY)
    second = FakeTTS(pitch=880.0)

    async def act() -> tuple[str, float]:
        async with FallbackAdapter([first, second]) as adapter:
            stream = adapter.stream()
            async with stream:
                stream.push_text(f"{FIRST} ")
                await anext(stream)
                circuits().of(KEY).hear_open(30.0, level=1, reason="503")
                began_at = now()
                stream.push_text(SECOND)
                stream.end_input()
                async for _ in stream:
                    pass
                return "spoken", now() - began_at

    assert run_virtual(act()) == ("spoken", 0.0)
    assert [attempt.text for attempt in first.attempts] == [FIRST]
    assert [attempt.text for attempt in second.attempts] == [SECOND]


def test_the_rest_of_a_sentence_is_said_by_the_next_and_the_first_comes_back() -> None:
    """With the breaker in place: switch in the middle, then recovery by one probe."""
    broken = Fault(kind=RAISE, after=0.7)
    first = FakeTTS(timed_words=True, faults=[broken, *[RAISE] * 3], circuit=KEY)
    second = FakeTTS(timed_words=True)

    async def act() -> list[str]:
        async with FallbackAdapter([first, second], max_retry_per_tts=0) as adapter:
            back = asyncio.Event()
            adapter.on("tts_availability_changed", lambda event: note(event, back))
            said = [await say(adapter, streamed=True)]
            await back.wait()
            return [*said, await say(adapter, SECOND, streamed=True)]

    assert run_virtual(act()) == ["spoken", "spoken"]
    assert first.attempts[0].text == FIRST
    assert FIRST.endswith(second.attempts[0].text)
    assert second.attempts[0].text != FIRST
    assert first.attempts[-1].text == SECOND
