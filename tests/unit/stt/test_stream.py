"""Tests of agentd.stt.stream, on the virtual clock."""

from __future__ import annotations

import asyncio
import logging

import numpy as np
import pytest
from livekit import rtc

from agentd.aio.timing import now
from agentd.audio.frame import AudioFrame, silent_frame
from agentd.errors import (
    APIConnectionError,
    APIError,
    APIStatusError,
    APITimeoutError,
    AudioError,
    ChannelClosed,
    ModelError,
)
from agentd.resilience import APIConnectOptions
from agentd.stt import (
    FinalTranscript,
    Flush,
    RecognitionUsage,
    SpeechData,
    StartOfSpeech,
)
from agentd.testing import FakeSTT, Fault, Misbehaviour, Said
from agentd.testing.virtual_time import run_virtual
from tests.unit.stt.listening import (
    RATE,
    Audio,
    ByHand,
    Events,
    Failing,
    Heard,
    failing,
    finals,
    listen,
    numbered,
    shown,
    sound,
    speak,
)

HELLO = Said(text="hello there", start=0.2, end=0.6)


def spoken(stt: FakeSTT, seconds: float = 1.0, **options: float) -> list[Heard]:
    """What a stream tells of some seconds of audio."""

    async def scenario() -> list[Heard]:
        stream = stt.stream(conn_options=APIConnectOptions(**options))  # type: ignore[arg-type]
        return await listen(stream, speak(stream, ("sound", seconds)))

    return run_virtual(scenario())


def final(text: str = "done") -> FinalTranscript:
    """A final text without instants."""
    return FinalTranscript(data=SpeechData(text=text))


async def read_all(audio: Audio) -> Events:
    """An attempt that hears everything and tells at the end that it did."""
    async for _ in audio:
        pass
    yield final()


no_way = failing(APIConnectionError("no way"))


def test_events_come_as_the_model_gives_them() -> None:
    """Start, what it sounds like, the final text, the end."""
    heard = spoken(FakeSTT([HELLO]))

    assert shown(heard) == [
        "start",
        "interim hello",
        "interim hello there",
        "final hello there",
        "end",
    ]
    assert [one.at for one in heard if isinstance(one.event, StartOfSpeech)] == [0.18]


def test_instants_are_moved_by_the_offset() -> None:
    """Of the text and of each of its words."""

    async def scenario() -> list[Heard]:
        stream = FakeSTT([HELLO]).stream()
        stream.start_time_offset = 100.0
        return await listen(stream, speak(stream, ("sound", 1.0)))

    data = next(
        one.event for one in run_virtual(scenario()) if isinstance(one.event, FinalTranscript)
    ).data
    assert (data.start_time, data.end_time) == (100.2, 100.6)
    assert [word.text for word in data.words] == ["hello", "there"]
    assert [word.start_time for word in data.words] == pytest.approx([100.2, 100.4])


def test_the_language_asked_for_is_the_text_s_where_the_model_tells_none() -> None:
    """In one spelling."""

    async def scenario() -> list[Heard]:
        stream = FakeSTT([HELLO]).stream(language="German")
        return await listen(stream, speak(stream, ("sound", 1.0)))

    languages = {
        one.event.data.language
        for one in run_virtual(scenario())
        if isinstance(one.event, FinalTranscript)
    }
    assert languages == {"de"}


def test_flush_brings_the_final_text_of_what_was_said() -> None:
    """Half a sentence is final as far as it goes."""

    async def scenario() -> list[Heard]:
        stream = FakeSTT([HELLO]).stream()

        async def speaking() -> None:
            await speak(stream, ("sound", 0.4))
            stream.flush()
            await speak(stream, ("sound", 1.0))

        return await listen(stream, speaking())

    assert finals(run_virtual(scenario())) == ["hello"]


def test_several_flushes_in_a_row_are_one() -> None:
    """Nothing was said between them, so nothing can pile up."""
    stt = FakeSTT()

    async def scenario() -> None:
        stream = stt.stream()
        for _ in range(1000):
            stream.flush()
        stream.end_input()
        await listen(stream)

    run_virtual(scenario())
    assert stt.attempts[0].flushes == 1


def test_a_stream_without_audio_just_ends() -> None:
    """No event, no error, no cost."""
    assert spoken(FakeSTT([HELLO]), seconds=0.0) == []


def test_audio_of_another_kind_is_made_what_the_model_wants() -> None:
    """Another rate and two channels; a frame of rtc, too."""
    taken: list[AudioFrame] = []

    async def attempt(audio: Audio) -> Events:
        taken.extend([item async for item in audio if isinstance(item, AudioFrame)])
        yield final()

    async def scenario() -> None:
        stream = ByHand(attempt).stream()
        stream.push_frame(sound(0.5, rate=48000, channels=2))
        theirs = np.full(4000, 3000, dtype="<i2").tobytes()
        stream.push_frame(
            rtc.AudioFrame(data=theirs, sample_rate=8000, num_channels=1, samples_per_channel=4000)
        )
        stream.end_input()
        await listen(stream)

    run_virtual(scenario())
    assert {(frame.sample_rate, frame.num_channels) for frame in taken} == {(RATE, 1)}
    # Each change of the rate comes with the millisecond that its filter looks ahead.
    assert sum(frame.duration for frame in taken) == pytest.approx(1.0, abs=0.005)


def test_what_is_no_audio_is_refused_at_once() -> None:
    """The stream goes on."""

    class Odd:
        data = b"\0\0\0"
        sample_rate = RATE
        num_channels = 1

    async def scenario() -> list[Heard]:
        stream = ByHand(read_all).stream()
        with pytest.raises(AudioError, match="no whole number"):
            stream.push_frame(Odd())
        stream.end_input()
        return await listen(stream)

    assert finals(run_virtual(scenario())) == ["done"]


def test_nothing_can_be_pushed_after_the_end() -> None:
    """Neither after `end_input` nor after `aclose`; both may be repeated."""

    async def scenario() -> None:
        ended, closed = ByHand(read_all).stream(), ByHand(read_all).stream()
        ended.end_input()
        ended.end_input()
        await closed.aclose()
        await closed.aclose()
        for stream in (ended, closed):
            with pytest.raises(ChannelClosed):
                stream.push_frame(silent_frame(0.1, RATE))
            with pytest.raises(ChannelClosed):
                stream.flush()

    run_virtual(scenario())


def test_closing_ends_an_iteration_that_waits() -> None:
    """Whoever listens sees the end, not an error, and the attempt's own clean-up has run."""
    cleaned: list[float] = []

    async def attempt(audio: Audio) -> Events:
        try:
            async for _ in audio:
                yield StartOfSpeech()
        finally:
            cleaned.append(now())

    async def scenario() -> list[object]:
        stream = ByHand(attempt).stream()
        stream.push_frame(sound(0.1))
        heard: list[object] = []
        async with asyncio.TaskGroup() as group:

            async def listening() -> None:
                heard.extend([event async for event in stream])

            group.create_task(listening())
            await asyncio.sleep(1.0)
            await stream.aclose()
        return heard

    assert run_virtual(scenario()) == [StartOfSpeech()]
    assert cleaned == [1.0]


def test_a_wait_for_an_event_that_is_given_up_costs_nothing() -> None:
    """The stream goes on where a listener gave up waiting."""

    async def scenario() -> list[Heard]:
        stream = FakeSTT([HELLO]).stream()
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(anext(stream), 0.1)
        return await listen(stream, speak(stream, ("sound", 1.0)))

    assert finals(run_virtual(scenario())) == ["hello there"]


# -- attempts that fail ------------------------------------------------------------


def test_a_failed_attempt_is_made_again_with_the_same_audio() -> None:
    """What was spoken before and meanwhile is understood by the next attempt."""
    stt = FakeSTT([HELLO], faults=[Fault(kind=Misbehaviour.RAISE, after=0.3)])

    heard = spoken(stt)

    assert finals(heard) == ["hello there"]
    assert [attempt.ended for attempt in stt.attempts] == [False, True]


def test_instants_are_right_after_a_failure() -> None:
    """The next attempt counts from its own start, the stream from the first sample."""

    async def first(audio: Audio) -> Events:
        async for item in audio:
            assert isinstance(item, AudioFrame)
            if item.samples[0] == 2:
                yield final("first")
                raise APIError("lost")

    async def second(audio: Audio) -> Events:
        async for _ in audio:
            pass
        data = SpeechData(text="second", start_time=0.0, end_time=0.04)
        yield FinalTranscript(data=data)

    async def scenario() -> list[Heard]:
        stream = ByHand(first, second).stream()
        for number in range(1, 5):
            stream.push_frame(numbered(number))
        stream.end_input()
        return await listen(stream)

    second_final = run_virtual(scenario())[-2].event
    assert isinstance(second_final, FinalTranscript)
    assert second_final.data.start_time == pytest.approx(0.04)
    assert second_final.data.end_time == pytest.approx(0.08)


def test_what_was_understood_is_not_heard_again() -> None:
    """After a final text, the next attempt gets only what came after it."""
    taken: list[list[int]] = [[], []]

    def attempt(number: int, *, fails: bool) -> object:
        async def run(audio: Audio) -> Events:
            async for item in audio:
                assert isinstance(item, AudioFrame | Flush)
                if isinstance(item, AudioFrame):
                    taken[number].append(int(item.samples[0]))
                if fails and taken[number][-1] == 2:
                    yield final()
                if fails and taken[number][-1] == 4:
                    raise APIError("lost")

        return run

    async def scenario() -> None:
        stt = ByHand(attempt(0, fails=True), attempt(1, fails=False))  # type: ignore[arg-type]
        stream = stt.stream()
        for number in range(1, 7):
            stream.push_frame(numbered(number))
        stream.end_input()
        await listen(stream)

    run_virtual(scenario())
    assert taken == [[1, 2, 3, 4], [3, 4, 5, 6]]


def test_tries_are_as_many_and_as_late_as_the_options_say() -> None:
    """The first retry comes soon, the others after the interval; then the listener is told."""
    stt = ByHand(no_way)

    async def scenario() -> None:
        stream = stt.stream(conn_options=APIConnectOptions(max_retry=2, retry_interval=3.0))
        with pytest.raises(APIConnectionError, match="no way"):
            await listen(stream)

    run_virtual(scenario())
    assert stt.begun == [0.0, 0.1, 3.1]
    assert stt.errors == [("no way", True), ("no way", True), ("no way", False)]


def test_a_failure_that_no_retry_mends_is_told_at_once() -> None:
    """A refused key stays refused."""

    stt = ByHand(failing(APIStatusError("wrong key", status_code=401)))

    async def scenario() -> None:
        with pytest.raises(APIStatusError):
            await listen(stt.stream())

    run_virtual(scenario())
    assert stt.begun == [0.0]


def test_an_attempt_that_worked_for_a_while_gives_its_tries_back() -> None:
    """An hour with ten lost connections is no failure: each is a fault of its own."""

    async def works_then_fails(audio: Audio) -> Events:
        async for _ in audio:
            yield final()
            raise APIConnectionError("lost")

    stt = ByHand(*[works_then_fails] * 10, read_all)

    async def scenario() -> list[Heard]:
        stream = stt.stream(conn_options=APIConnectOptions(max_retry=1))
        return await listen(stream, speak(stream, ("sound", 2.0)))

    assert finals(run_virtual(scenario())) == ["done"] * 11


def test_audio_that_makes_every_attempt_fail_is_given_up() -> None:
    """Interim text before each failure is no progress: the next attempt trips over the same."""
    stt = FakeSTT([HELLO], faults=[Fault(kind=Misbehaviour.RAISE, after=0.5)] * 9)

    with pytest.raises(APIConnectionError):
        spoken(stt, seconds=30.0)
    assert len(stt.attempts) == 4


def test_an_attempt_that_ends_before_the_audio_has_failed() -> None:
    """Silence would follow for ever."""
    stt = FakeSTT([HELLO], faults=[Misbehaviour.END_EARLY])

    assert finals(spoken(stt)) == ["hello there"]
    assert len(stt.attempts) == 2


def test_an_attempt_that_hangs_has_failed_after_the_timeout() -> None:
    """It takes no audio although there is some; the next one hears all of it."""
    stt = FakeSTT([HELLO], faults=[Fault(kind=Misbehaviour.HANG, after=0.3)])

    heard = spoken(stt, seconds=3.0, timeout=1.0)

    assert finals(heard) == ["hello there"]
    # It took its last frame at 0.28 s, and owed the next from 0.3 s on; then the pause of 0.1 s.
    assert [one.at for one in heard if isinstance(one.event, FinalTranscript)] == [1.4]


def test_an_attempt_that_hangs_at_the_end_has_failed_after_the_timeout() -> None:
    """The audio has ended, and so has to the stream."""

    async def never_ends(audio: Audio) -> Events:
        async for _ in audio:
            pass
        yield StartOfSpeech()
        await asyncio.get_running_loop().create_future()

    async def scenario() -> float:
        stream = ByHand(never_ends).stream(conn_options=APIConnectOptions(max_retry=0, timeout=5.0))
        stream.push_frame(sound(0.1))
        stream.end_input()
        with pytest.raises(APITimeoutError, match=r"no progress for 5.0 s"):
            await listen(stream)
        return now()

    assert run_virtual(scenario()) == 5.0


def test_silence_is_no_hang() -> None:
    """An hour in which nobody speaks, and no audio comes, is nobody's fault."""

    async def scenario() -> list[Heard]:
        stream = FakeSTT([HELLO]).stream(conn_options=APIConnectOptions(max_retry=0))

        async def speaking() -> None:
            await asyncio.sleep(3600)
            await speak(stream, ("sound", 1.0))

        return await listen(stream, speaking())

    assert finals(run_virtual(scenario())) == ["hello there"]


def test_a_slow_listener_is_no_hang_of_the_model() -> None:
    """While the listener does not take what is there, no time runs against the attempt."""

    async def talkative(audio: Audio) -> Events:
        async for item in audio:
            for _ in range(300 if isinstance(item, AudioFrame) else 0):
                yield StartOfSpeech()

    async def scenario() -> int:
        stream = ByHand(talkative).stream(conn_options=APIConnectOptions(max_retry=0, timeout=1.0))
        stream.push_frame(sound(0.1))
        async with stream:
            await asyncio.sleep(0.5)
            stream.push_frame(sound(0.1))
            stream.end_input()
            await asyncio.sleep(60)
            return len([event async for event in stream if isinstance(event, StartOfSpeech)])

    assert run_virtual(scenario()) == 600


def test_an_error_of_the_plugin_s_own_is_one_of_the_service() -> None:
    """A plugin that trips over an answer is tried again, as a service that fails."""

    stt = ByHand(failing(KeyError("transcript")), read_all)

    async def scenario() -> list[Heard]:
        stream = stt.stream()
        stream.end_input()
        return await listen(stream)

    assert finals(run_virtual(scenario())) == ["done"]
    assert "KeyError('transcript')" in stt.errors[0][0]


def test_a_model_s_refusal_is_not_tried_again() -> None:
    """It says itself that no retry helps."""

    stt = ByHand(failing(ModelError("no such language")))

    async def scenario() -> None:
        with pytest.raises(APIError, match="no such language"):
            await listen(stt.stream())

    run_virtual(scenario())
    assert stt.errors == [("no such language", False)]


def test_a_former_attempt_gets_no_audio_any_more() -> None:
    """Even where a plugin has left something behind that still reads."""
    kept: list[Audio] = []

    def leaves_a_reader(audio: Audio) -> Events:
        kept.append(audio)
        return Failing(APIError("lost"))

    async def scenario() -> list[Heard]:
        stream = ByHand(leaves_a_reader, read_all).stream()
        stream.push_frame(sound(0.1))
        heard = asyncio.ensure_future(listen(stream))
        await asyncio.sleep(0.05)
        assert [item async for item in kept[0]] == []
        stream.end_input()
        return await heard

    assert finals(run_virtual(scenario())) == ["done"]


# -- audio that nobody takes -------------------------------------------------------


def test_the_oldest_audio_is_dropped_and_counted(caplog: pytest.LogCaptureFixture) -> None:
    """A model that is a minute behind is told the newest, and a line tells of it once."""
    taken: list[int] = []

    async def attempt(audio: Audio) -> Events:
        frames = [item async for item in audio if isinstance(item, AudioFrame)]
        taken.extend(int(frame.samples[0]) for frame in frames)
        yield final()

    async def scenario() -> float:
        stream = ByHand(attempt).stream()
        for number in range(1, 66):
            stream.push_frame(numbered(number, seconds=1.0))
        stream.end_input()
        await listen(stream)
        return stream.dropped

    with caplog.at_level(logging.WARNING, "agentd.stt"):
        assert run_virtual(scenario()) == 5.0
    assert taken == list(range(6, 66))
    assert [record.__dict__["action"] for record in caplog.records] == ["stt_audio_dropped"]


# -- what it has cost --------------------------------------------------------------


def test_audio_is_counted_with_each_final_text_and_at_the_end() -> None:
    """As an event for the listener, and as metrics of the STT."""
    stt = FakeSTT([HELLO])
    measured: list[float] = []
    stt.on("metrics_collected", lambda metrics: measured.append(round(metrics.audio_duration, 6)))

    heard = spoken(stt, seconds=1.0)

    used = [
        round(one.event.audio_duration, 6)
        for one in heard
        if isinstance(one.event, RecognitionUsage)
    ]
    assert used == [0.8, 0.2]
    assert measured == used


def test_a_model_that_counts_itself_is_believed() -> None:
    """Its own event is measured, and no other is made."""

    async def counts(audio: Audio) -> Events:
        async for _ in audio:
            pass
        yield final()
        yield RecognitionUsage(audio_duration=7.0)

    stt = ByHand(counts, reports_usage=True)

    async def scenario() -> list[Heard]:
        stream = stt.stream()
        stream.push_frame(sound(0.5))
        stream.end_input()
        return await listen(stream)

    heard = run_virtual(scenario())
    assert [one.event for one in heard][1:] == [RecognitionUsage(audio_duration=7.0)]
    assert stt.measured == [7.0]
