"""Tests of agentd.tts.stream and agentd.tts.base, on the virtual clock."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator
from contextlib import aclosing

import numpy as np
import pytest

from agentd.aio.timing import now
from agentd.audio.frame import AudioFrame, from_floats, silent_frame
from agentd.errors import (
    APIConnectionError,
    APIError,
    APIStatusError,
    APITimeoutError,
    ChannelClosed,
    ModelError,
    WouldBlock,
)
from agentd.resilience import APIConnectOptions
from agentd.testing import FakeTTS, Fault, Misbehaviour
from agentd.testing.virtual_time import run_virtual
from agentd.tts import SynthesizedAudio, TTSCapabilities
from tests.support.sounds import main_pitch
from tests.unit.tts.speaking import (
    RATE,
    ByHand,
    Heard,
    Speech,
    Told,
    heard_of,
    listen,
    listen_to_the_end,
    seconds,
)

TEN = "ten ten te"
"""Half a second of the fake's speech."""


async def silence(text: AsyncIterator[str]) -> Speech:
    """An attempt that takes its text and gives no audio."""
    async for _ in text:
        pass
    nothing: list[AudioFrame] = []
    for frame in nothing:
        yield frame


async def well(text: AsyncIterator[str]) -> Speech:
    """An attempt that goes well."""
    async for _ in text:
        pass
    yield silent_frame(0.5, RATE)


# -- whole texts -------------------------------------------------------------------


def test_a_text_is_spoken_piece_by_piece_as_it_is_made() -> None:
    """The first audio is there before the last is made; the last piece says that it is."""
    heard = heard_of(FakeTTS(latency=0.2, chunk_delay=0.1), TEN)

    # A hundredth of a second waits for what comes next.
    assert [one.at for one in heard] == pytest.approx([0.2, 0.3, 0.4, 0.5, 0.6, 0.6])
    assert seconds(heard) == 0.5
    assert [one.audio.is_final for one in heard] == [False] * 5 + [True]
    assert len({(one.audio.request_id, one.audio.segment_id) for one in heard}) == 1


def test_pieces_are_short() -> None:
    """A model that gives a whole sentence at once is cut, so that it can be interrupted."""
    heard = heard_of(FakeTTS(chunk=5.0), TEN * 4)

    assert max(one.audio.frame.duration for one in heard) <= 0.1
    assert seconds(heard) == 2.0


def test_all_of_it_can_be_collected() -> None:
    """As one frame."""

    async def scenario() -> AudioFrame:
        return await FakeTTS().synthesize(TEN).collect()

    frame = run_virtual(scenario())

    assert frame.duration == 0.5
    assert main_pitch(frame.samples, RATE) == 440


def test_nothing_is_spoken_before_somebody_listens() -> None:
    """A stream that is made and dropped costs nothing."""
    tts = FakeTTS()

    async def scenario() -> None:
        stream = tts.synthesize(TEN)
        await asyncio.sleep(1.0)
        await stream.aclose()
        assert [audio async for audio in stream] == []

    run_virtual(scenario())

    assert tts.attempts == []


@pytest.mark.parametrize("text", ["", "   ", "...", "—", "🎉"])
def test_a_text_with_nothing_to_say_is_silence(text: str) -> None:
    """No audio is then no error."""

    async def scenario() -> AudioFrame:
        return await ByHand(silence).synthesize(text).collect()

    assert run_virtual(scenario()).data == b""


# -- streams -----------------------------------------------------------------------


def test_speech_begins_while_the_text_is_written() -> None:
    """Each word is spoken when it is complete."""
    tts = FakeTTS()

    async def scenario() -> list[Heard]:
        stream = tts.stream()

        async def write() -> None:
            for word in ("one ", "two ", "three"):
                stream.push_text(word)
                await asyncio.sleep(1.0)
            stream.end_input()

        async with asyncio.TaskGroup() as group:
            group.create_task(write())
            return await listen(stream)

    heard = run_virtual(scenario())

    assert sorted({round(one.at, 1) for one in heard}) == [0.0, 1.0, 3.0]
    assert seconds(heard) == tts.duration_of("one two three")


def test_each_flush_begins_a_segment() -> None:
    """With an id of its own, and a piece that is its last; empty ones are left out."""

    async def scenario() -> list[Heard]:
        stream = FakeTTS().stream()
        for text in ("first", "", "second"):
            stream.push_text(text)
            stream.flush()
            stream.flush()
        stream.end_input()
        stream.end_input()
        return await listen(stream)

    heard = run_virtual(scenario())
    segments = list(dict.fromkeys(one.audio.segment_id for one in heard))

    assert len(segments) == 2
    assert [
        [one.audio.is_final for one in heard if one.audio.segment_id == segment][-1]
        for segment in segments
    ] == [True, True]
    assert sum(one.audio.is_final for one in heard) == 2


def test_a_segment_is_spoken_while_the_one_before_is_played() -> None:
    """Whoever plays in real time finds the next one ready."""

    async def scenario() -> list[float]:
        stream = FakeTTS(latency=0.4).stream()
        stream.push_text(TEN)
        stream.flush()
        stream.push_text(TEN)
        stream.end_input()
        gaps = []
        async with stream:
            began = now()
            async for audio in stream:
                gaps.append(now() - began)
                await asyncio.sleep(audio.frame.duration)
                began = now()
        return gaps

    gaps = run_virtual(scenario())

    assert gaps[0] == 0.4
    assert max(gaps[1:]) == 0.0


def test_words_times_are_those_of_the_segment() -> None:
    """As the model tells them, with the piece that follows."""

    async def scenario() -> list[Heard]:
        stream = FakeTTS(timed_words=True).stream()
        stream.push_text("one two")
        stream.flush()
        stream.push_text("three")
        stream.end_input()
        return await listen(stream)

    words = [word for one in run_virtual(scenario()) for word in one.audio.timed_text]

    assert [(word.text, round(word.start_time, 6), round(word.end_time, 6)) for word in words] == [
        ("one", 0.0, 0.15),
        ("two", 0.2, 0.35),
        ("three", 0.0, 0.25),
    ]


def test_text_after_the_end_is_refused() -> None:
    """After `end_input` and after `aclose`."""

    async def scenario() -> None:
        ended, closed = FakeTTS().stream(), FakeTTS().stream()
        ended.end_input()
        await closed.aclose()
        for stream in (ended, closed):
            with pytest.raises(ChannelClosed):
                stream.push_text("more")
        await ended.aclose()

    run_virtual(scenario())


def test_text_that_nobody_speaks_is_bounded() -> None:
    """A model that writes for ever does not fill the memory."""

    async def scenario() -> None:
        stream = FakeTTS().stream()
        stream.push_text("x" * 999_999)
        with pytest.raises(WouldBlock, match="more than 1000000 characters"):
            stream.push_text("xx")
        await stream.aclose()

    run_virtual(scenario())


def test_audio_that_nobody_takes_is_bounded() -> None:
    """The model then waits, and is not called late for it."""
    tts = FakeTTS()

    async def scenario() -> list[Heard]:
        stream = tts.synthesize("x" * 2000, conn_options=APIConnectOptions(timeout=1.0))
        async with stream:
            await anext(stream)
            await asyncio.sleep(60.0)
            assert tts.attempts[0].seconds < 62.0
            return [Heard(now(), audio) async for audio in stream]

    assert seconds(run_virtual(scenario())) == pytest.approx(100.0 - 0.09)


def test_a_model_that_does_not_stream_says_what_to_do() -> None:
    """The error names the adapter."""
    tts = FakeTTS(capabilities=TTSCapabilities(streaming=False))

    with pytest.raises(ModelError, match="put a tts.StreamAdapter around it"):
        tts.stream()


# -- when it goes wrong ------------------------------------------------------------


def test_it_is_tried_again_as_long_as_nothing_was_heard() -> None:
    """With the pauses of the options; each failed try is an event."""
    tts = FakeTTS(faults=[Misbehaviour.RAISE, Misbehaviour.RAISE])
    told = Told(tts)

    heard = heard_of(tts, TEN)

    assert heard[0].at == pytest.approx(0.1 + 2.0)
    assert seconds(heard) == 0.5
    assert [error.recoverable for error in told.errors] == [True, True]
    assert [metrics.audio_duration for metrics in told.metrics] == [pytest.approx(0.5)]


def test_a_stream_s_text_is_given_to_the_next_try_again() -> None:
    """All of it, also what the first try had taken."""
    tts = FakeTTS(faults=[Misbehaviour.RAISE])

    async def scenario() -> list[Heard]:
        stream = tts.stream()
        stream.push_text("one two ")
        async with stream:
            await asyncio.sleep(1.0)
            stream.push_text("three")
            stream.end_input()
            return [Heard(now(), audio) async for audio in stream]

    heard = run_virtual(scenario())

    assert seconds(heard) == tts.duration_of("one two three")
    assert tts.attempts[-1].text == "one two three"


def test_after_audio_it_is_not_tried_again() -> None:
    """What was heard must not be said twice: the failure comes behind it."""
    tts = FakeTTS(faults=[Fault(kind=Misbehaviour.RAISE, after=0.3)])
    told = Told(tts)

    heard, error = run_virtual(listen_to_the_end(tts.synthesize(TEN)))

    assert isinstance(error, APIConnectionError)
    assert seconds(heard) == pytest.approx(0.29)
    assert len(tts.attempts) == 1
    assert [error.recoverable for error in told.errors] == [False]
    assert [metrics.audio_duration for metrics in told.metrics] == [pytest.approx(0.29)]


def test_the_next_segment_is_not_spoken_after_a_failure() -> None:
    """The stream is over, with the failure, each time it is asked."""
    tts = FakeTTS(faults=[Fault(kind=Misbehaviour.RAISE, error=APIStatusError(status_code=401))])

    async def scenario() -> None:
        stream = tts.stream()
        stream.push_text("one")
        stream.flush()
        stream.push_text("two")
        stream.end_input()
        async with stream:
            for _ in range(2):
                with pytest.raises(APIStatusError):
                    await anext(stream)

    run_virtual(scenario())

    assert len(tts.attempts) == 1


def test_no_audio_for_real_text_is_a_failure() -> None:
    """It is tried again, and said when it stays so."""
    tts = ByHand(silence)

    heard, error = run_virtual(listen_to_the_end(tts.synthesize("Hello")))

    assert heard == []
    assert "gave no audio for 5 characters" in str(error)
    assert tts.tries == 4


def test_a_try_that_yields_nothing_may_be_followed_by_a_good_one() -> None:
    """Most faults are over at once."""
    tts = FakeTTS(faults=[Misbehaviour.END_EARLY])

    assert seconds(heard_of(tts, TEN)) == 0.5


def test_a_hanging_model_is_given_up() -> None:
    """When it has the whole text and gives nothing for the timeout."""
    options = APIConnectOptions(max_retry=1, timeout=3.0)
    tts = FakeTTS(faults=[Misbehaviour.HANG, Fault(kind=Misbehaviour.HANG, after=0.2)])

    async def scenario() -> tuple[list[Heard], APIError | None, float]:
        return *(await listen_to_the_end(tts.synthesize(TEN, conn_options=options))), now()

    heard, error, ended_at = run_virtual(scenario())

    assert isinstance(error, APITimeoutError)
    assert [one.at for one in heard] == pytest.approx([3.1, 3.1])
    assert ended_at == pytest.approx(3.1 + 3.0)


def test_a_model_may_be_silent_while_the_text_is_not_complete() -> None:
    """It is the writer who is waited for; its time begins with the end of the text."""
    tts = FakeTTS(faults=[Misbehaviour.HANG])
    options = APIConnectOptions(max_retry=0, timeout=3.0)

    async def scenario() -> float:
        stream = tts.stream(conn_options=options)
        async with stream:
            stream.push_text("Hello ")
            await asyncio.sleep(100.0)
            stream.end_input()
            with pytest.raises(APITimeoutError, match="gave nothing for 3.0 s"):
                await anext(stream)
            return now()

    assert run_virtual(scenario()) == 103.0


def test_a_plugin_that_raises_anything_is_an_api_error() -> None:
    """With its cause, and tried again as others are."""

    async def broken(text: AsyncIterator[str]) -> Speech:
        async for _ in text:
            raise KeyError("voice")
        yield silent_frame(0.1, RATE)

    heard, error = run_virtual(listen_to_the_end(ByHand(broken).synthesize("Hello")))

    assert heard == []
    assert isinstance(error, APIError)
    assert isinstance(error.__cause__, KeyError)


async def odd(text: AsyncIterator[str]) -> Speech:
    """An attempt that gives half a sample."""
    async for _ in text:
        yield AudioFrame(data=b"abc", sample_rate=RATE)


async def not_a_number(text: AsyncIterator[str]) -> Speech:
    """An attempt of a model that has lost its way."""
    async for _ in text:
        yield from_floats(np.array([0.0, np.nan]), RATE)


@pytest.mark.parametrize(
    ("attempt", "message"),
    [(odd, "3 bytes are no whole number"), (not_a_number, "NaN or infinity")],
)
def test_what_is_no_audio_is_a_failure(attempt: object, message: str) -> None:
    """Half a sample, or NaN; it is not tried again, since it would be the same."""
    tts = ByHand(attempt)  # type: ignore[arg-type]

    _, error = run_virtual(listen_to_the_end(tts.synthesize("Hello")))

    assert error is not None
    assert message in str(error)
    assert tts.tries == 1


def test_the_wrong_form_is_converted_and_said_once(caplog: pytest.LogCaptureFixture) -> None:
    """44.1 kHz stereo where 24 kHz mono was promised sounds as it should."""
    tts = FakeTTS(gives_sample_rate=44100, gives_num_channels=2)

    with caplog.at_level(logging.WARNING, logger="agentd.tts"):
        frames = [
            run_virtual(tts.synthesize(TEN * 2).collect()),
            run_virtual(tts.synthesize(TEN * 2).collect()),
        ]

    assert [frame.duration for frame in frames] == [1.0, 1.0]
    assert main_pitch(frames[0].samples, RATE) == 440
    assert [record.__dict__["action"] for record in caplog.records] == ["tts_format_differs"]


# -- ending it ---------------------------------------------------------------------


def test_closing_stops_the_model() -> None:
    """At once, and its generator is closed; what it has cost is told as cancelled."""
    closed: list[float] = []

    async def endless(text: AsyncIterator[str]) -> Speech:
        try:
            async for _ in text:
                pass
            while True:
                yield silent_frame(0.1, RATE)
                await asyncio.sleep(0.1)
        finally:
            closed.append(now())

    tts = ByHand(endless)
    told = Told(tts)

    async def scenario() -> None:
        stream = tts.synthesize("Hello")
        async with stream:
            async for _ in stream:
                if now() >= 1.0:
                    break

    run_virtual(scenario())

    assert closed == [1.0]
    assert [metrics.cancelled for metrics in told.metrics] == [True]


def test_closing_wakes_who_waits_for_audio() -> None:
    """The iteration then ends as after the last piece."""

    async def scenario() -> list[SynthesizedAudio]:
        stream = FakeTTS(faults=[Misbehaviour.HANG]).synthesize("Hello")

        async def close() -> None:
            await asyncio.sleep(1.0)
            await stream.aclose()
            await stream.aclose()

        async with asyncio.TaskGroup() as group:
            group.create_task(close())
            return [audio async for audio in stream]

    assert run_virtual(scenario()) == []


def test_a_cancelled_listener_may_go_on_listening() -> None:
    """Nothing is lost by a wait that was given up."""

    async def scenario() -> float:
        async with FakeTTS(latency=1.0).synthesize(TEN) as stream:
            with pytest.raises(TimeoutError):
                await asyncio.wait_for(anext(stream), 0.5)
            return sum([audio.frame.duration async for audio in stream])

    assert run_virtual(scenario()) == pytest.approx(0.5)


def test_an_iterator_that_can_not_be_closed_will_do() -> None:
    """A plugin may give any async iterator."""

    class Once:
        def __init__(self) -> None:
            self._frames = [silent_frame(0.2, RATE)]

        def __aiter__(self) -> Once:
            return self

        async def __anext__(self) -> AudioFrame:
            if not self._frames:
                raise StopAsyncIteration
            return self._frames.pop()

    frame = run_virtual(ByHand(lambda text: Once()).synthesize("Hello").collect())

    assert frame.duration == 0.2


# -- what it costs -----------------------------------------------------------------


def test_a_whole_text_is_measured() -> None:
    """Time to the first audio, to the last, its length and the text's."""
    tts = FakeTTS(latency=0.2, chunk_delay=0.05)
    told = Told(tts)

    heard_of(tts, TEN)

    (metrics,) = told.metrics
    assert [metrics.ttfb, metrics.duration] == pytest.approx([0.2, 0.4])
    assert [metrics.audio_duration, metrics.characters_count] == pytest.approx([0.5, 10])
    assert (metrics.streamed, metrics.cancelled) == (False, False)
    assert (metrics.model, metrics.provider) == ("fake", "agentd.testing")
    assert metrics.label == "agentd.testing.fake_tts.FakeTTS"


def test_each_segment_of_a_stream_is_measured() -> None:
    """From the first text that the model took."""
    tts = FakeTTS(latency=0.2)
    told = Told(tts)

    async def scenario() -> None:
        stream = tts.stream()
        async with stream, aclosing(stream):
            await asyncio.sleep(5.0)
            stream.push_text("one")
            stream.flush()
            stream.push_text("three")
            stream.end_input()
            async for _ in stream:
                pass

    run_virtual(scenario())

    assert [metrics.characters_count for metrics in told.metrics] == [3, 5]
    assert [metrics.ttfb for metrics in told.metrics] == pytest.approx([0.2, 0.2])
    assert all(metrics.streamed for metrics in told.metrics)
    assert len({metrics.segment_id for metrics in told.metrics}) == 2


def test_well_is_well() -> None:
    """A model that only streams speaks whole texts too."""
    assert run_virtual(ByHand(well).synthesize("Hello").collect()).duration == 0.5
