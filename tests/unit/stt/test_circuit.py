"""Speech recognition behind a circuit breaker."""

from __future__ import annotations

import asyncio

import pytest

from agentd.aio.timing import now
from agentd.errors import APIConnectionError, APIError, CircuitOpen
from agentd.resilience import APIConnectOptions, circuits
from agentd.stt import STT, FallbackAdapter, StreamAdapter, STTCapabilities
from agentd.testing import FakeSTT, FakeVAD, Fault, Misbehaviour, Said
from agentd.testing.virtual_time import run_virtual
from tests.unit.stt.listening import finals, listen, sound, speak

RAISE = Misbehaviour.RAISE
KEY = "api.example.com/whisper"
ONCE = APIConnectOptions(max_retry=0)
HELLO = Said(text="hello there", start=0.2, end=0.6)


def whole(*texts: str, faults: int = 0) -> FakeSTT:
    """One that takes whole utterances only."""
    capabilities = STTCapabilities(streaming=False)
    return FakeSTT(texts, capabilities=capabilities, faults=[RAISE] * faults, circuit=KEY)


async def recognized(stt: STT) -> str:
    """The text of an utterance, or the code of the error."""
    try:
        return (await stt.recognize(sound(1.0), conn_options=ONCE)).data.text
    except APIError as error:
        return error.code


def test_a_model_that_fails_is_left_alone() -> None:
    """After four utterances that it could not recognise."""
    stt = whole("hello", faults=9)

    async def act() -> list[str]:
        return [await recognized(stt) for _ in range(5)]

    assert run_virtual(act()) == ["api_connection"] * 4 + ["circuit_open"]
    assert len(stt.attempts) == 4


def test_a_stream_that_fails_opens_it_and_ends() -> None:
    """Its tries are the four failures; another stream is refused at once."""
    stt = FakeSTT([HELLO], faults=[RAISE] * 9, circuit=KEY)

    async def act() -> float:
        stream = stt.stream()
        with pytest.raises(APIConnectionError, match="scripted to fail"):
            await listen(stream, speak(stream, ("sound", 1.0), ("silence", 5.0)))
        at = now()
        again = stt.stream()
        with pytest.raises(CircuitOpen):
            await listen(again, speak(again, ("sound", 1.0)))
        return now() - at

    assert run_virtual(act()) == 0.0
    assert len(stt.attempts) == 4


def test_each_understood_utterance_of_a_stream_is_a_success() -> None:
    """A stream that breaks once an hour is no outage, however long it lasts."""
    stt = FakeSTT([HELLO], circuit=KEY)

    async def act() -> str:
        circuit = circuits().of(KEY)
        for _ in range(3):
            await recognized(FakeSTT(faults=[RAISE], circuit=KEY))
        stream = stt.stream()
        heard = await listen(stream, speak(stream, ("sound", 1.0)))
        assert finals(heard) == ["hello there"]
        await recognized(FakeSTT(faults=[RAISE], circuit=KEY))
        return circuit.state

    assert run_virtual(act()) == "closed"


def test_a_probe_that_hears_nobody_speak_is_answered_all_the_same() -> None:
    """By an attempt that takes the audio for three seconds; others need not wait for a word."""
    stt = FakeSTT(circuit=KEY)

    async def act() -> list[str]:
        circuit = circuits().of(KEY)
        circuit.hear_open(0.0, level=1, reason="503")
        states: list[str] = []
        circuit.on_change(lambda: states.append(f"{circuit.state} at {now():.0f}"))
        stream = stt.stream()
        await listen(stream, speak(stream, ("silence", 5.0)))
        return states

    assert run_virtual(act()) == ["half_open at 0", "closed at 3"]


def test_each_failure_is_counted_once_behind_a_vad() -> None:
    """The stream of utterances has no circuit of its own, and is known by that of the STT."""
    stt = whole(faults=9)
    adapter = StreamAdapter(stt, FakeVAD())

    async def heard() -> str:
        stream = adapter.stream(conn_options=ONCE)
        try:
            await listen(stream, speak(stream, ("sound", 1.0), ("silence", 1.0)))
        except APIError as error:
            return error.code
        return "understood"

    async def act() -> list[str]:
        return [await heard() for _ in range(5)]

    assert run_virtual(act()) == ["api_connection"] * 4 + ["circuit_open"]
    assert len(stt.attempts) == 4
    assert adapter.circuit == KEY


def test_a_stream_goes_on_elsewhere_when_the_circuit_is_open() -> None:
    """With all of its audio, and at once."""
    first, second = FakeSTT([HELLO], circuit=KEY), FakeSTT([HELLO])

    async def act() -> list[str]:
        circuits().of(KEY).hear_open(30.0, level=1, reason="503")
        async with FallbackAdapter([first, second]) as adapter:
            stream = adapter.stream()
            return finals(await listen(stream, speak(stream, ("sound", 1.0))))

    assert run_virtual(act()) == ["hello there"]
    assert first.attempts == []


def test_an_utterance_goes_elsewhere_when_the_circuit_is_open() -> None:
    """And comes back to the first once another process had an answer."""
    first = FakeSTT(["first"] * 2, circuit=KEY)
    second = FakeSTT(["second"] * 2)

    async def act() -> list[str]:
        circuits().of(KEY).hear_open(30.0, level=1, reason="503")
        async with FallbackAdapter([first, second]) as adapter:
            texts = [await recognized(adapter)]
            circuits().of(KEY).hear_closed()
            await asyncio.sleep(0.01)
            texts.append(await recognized(adapter))
            return texts

    assert run_virtual(act()) == ["second", "first"]


def test_the_error_of_all_names_the_circuit_to_wait_for() -> None:
    """Also where another has none."""
    first = FakeSTT(["first"], circuit=KEY)
    second = FakeSTT(faults=[Fault(kind=RAISE, error=APIConnectionError("no"))] * 9)

    async def act() -> str:
        circuits().of(KEY).hear_open(30.0, level=1, reason="503")
        async with FallbackAdapter([first, second], max_retry_per_stt=0) as adapter:
            try:
                await adapter.recognize(sound(0.1))
            except APIError as error:
                return error.circuit
        return "no error"

    assert run_virtual(act()) == KEY
