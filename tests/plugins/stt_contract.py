"""What every STT plugin must do, on real voices. A plugin's test class derives from it."""

from __future__ import annotations

import asyncio
from abc import ABC, abstractmethod
from collections.abc import AsyncIterator

import numpy as np
import pytest

from agentd.aio.tasks import TaskOwner
from agentd.audio.conform import conform
from agentd.audio.frame import AudioFrame, from_samples, join_frames, silent_frame
from agentd.audio.resample import resample
from agentd.errors import ModelError
from agentd.resilience import APIConnectOptions
from agentd.stt import (
    STT,
    EndOfSpeech,
    FinalTranscript,
    RecognizeStream,
    SpeechEvent,
    StartOfSpeech,
    StreamAdapter,
)
from agentd.testing import FakeVAD
from tests.support.recordings import NAMES, WORDS, frame_of
from tests.support.words import word_error_rate

RATE = 16000
ONCE = APIConnectOptions(max_retry=0, timeout=25.0)
"""One try, with time enough for a machine that has other work, too."""


class STTContract(ABC):
    """Every test is run against the plugin that `make` gives."""

    most_errors = 0.1
    """Word errors over words that the plugin may make, over all recordings."""

    @abstractmethod
    def make(self, *texts: str) -> STT:
        """A fresh one. A fake hears these texts, in their order."""

    @pytest.fixture
    async def stt(self) -> AsyncIterator[STT]:
        """One that hears every recording, in the order of NAMES."""
        async with self.make(*(WORDS[name] for name in NAMES)) as made:
            yield made

    # -- whole utterances ------------------------------------------------------------

    async def test_recordings_are_understood(self, stt: STT) -> None:
        """As well as the plugin claims."""
        understood = [await stt.recognize(frame_of(name), conn_options=ONCE) for name in NAMES]

        pairs = [(final.text, WORDS[name]) for final, name in zip(understood, NAMES, strict=True)]
        assert word_error_rate(pairs) <= self.most_errors, pairs

    async def test_audio_of_another_kind_is_understood_as_well(self, stt: STT) -> None:
        """Stereo at 48 kHz, in small frames, as it comes from a room."""
        mono = resample(frame_of("jfk"), 48000).samples
        frames = [
            from_samples(np.repeat(mono[start : start + 480, None], 2, axis=1), 48000)
            for start in range(0, len(mono), 480)
        ]

        final = await stt.recognize(frames, conn_options=ONCE)

        assert word_error_rate([(final.text, WORDS["jfk"])]) <= self.most_errors

    @pytest.mark.parametrize("seconds", [0.0, 0.01, 1.0, 5.0])
    async def test_silence_has_no_words(self, stt: STT, seconds: float) -> None:
        """However long it is, and also where there is no audio at all."""
        final = await stt.recognize(silent_frame(seconds, RATE), conn_options=ONCE)

        assert final.text == ""

    async def test_a_text_has_a_language(self, stt: STT) -> None:
        """That which was asked for, in one spelling."""
        final = await stt.recognize(frame_of("jfk"), language="English", conn_options=ONCE)

        assert final.data.language.startswith("en")

    async def test_a_recognition_is_measured(self, stt: STT) -> None:
        """Once, with the audio's length and the model's name."""
        told: list[tuple[float, str, str]] = []
        stt.on(
            "metrics_collected",
            lambda metrics: told.append((metrics.audio_duration, metrics.model, metrics.provider)),
        )

        await stt.recognize(frame_of("lv-0880"), conn_options=ONCE)

        assert told == [(frame_of("lv-0880").duration, stt.model, stt.provider)]

    async def test_two_at_once_are_not_mixed_up(self, stt: STT) -> None:
        """Each caller gets the words of his own audio."""
        finals = await asyncio.gather(
            *(stt.recognize(frame_of(name), conn_options=ONCE) for name in NAMES)
        )

        pairs = [(final.text, WORDS[name]) for final, name in zip(finals, NAMES, strict=True)]
        assert word_error_rate(pairs) <= self.most_errors, pairs

    async def test_who_gives_up_costs_the_next_one_nothing(self, stt: STT) -> None:
        """The model is as good as before after a call that was cancelled."""
        given_up = asyncio.ensure_future(stt.recognize(frame_of("jfk"), conn_options=ONCE))
        await asyncio.sleep(0)
        given_up.cancel()

        final = await stt.recognize(frame_of("jfk"), conn_options=ONCE)

        assert word_error_rate([(final.text, WORDS["jfk"])]) <= self.most_errors

    async def test_the_event_loop_goes_on_meanwhile(self, stt: STT) -> None:
        """A model that computes in the loop would hold up every other call of the process."""
        turns = 0

        async def count_turns() -> None:
            nonlocal turns
            while True:
                await asyncio.sleep(0)
                turns += 1

        async with TaskOwner("turns") as owner:
            await stt.recognize(silent_frame(0.1, RATE), conn_options=ONCE)
            owner.start(count_turns(), name="count")
            await stt.recognize(frame_of("jfk"), conn_options=ONCE)

        assert turns > 0

    # -- streams -----------------------------------------------------------------------

    def stream_of(self, stt: STT) -> RecognizeStream:
        """Its own, or what a session makes of one that has none."""
        vad = FakeVAD(threshold=0.02, min_silence_duration=0.5)
        streams = stt if stt.capabilities.streaming else StreamAdapter(stt, vad)
        return streams.stream(conn_options=ONCE)

    async def heard_from(self, stt: STT, audio: AudioFrame) -> list[SpeechEvent]:
        """All events of a stream that is given some audio in frames of 20 ms."""
        size = 2 * audio.sample_rate // 50
        async with self.stream_of(stt) as stream:
            for start in range(0, len(audio.data), size):
                piece = audio.data[start : start + size]
                stream.push_frame(AudioFrame(data=piece, sample_rate=audio.sample_rate))
            stream.end_input()
            return [event async for event in stream]

    async def test_a_stream_tells_what_was_said(self) -> None:
        """Start, text and end of each utterance, in the order in which they were spoken."""
        names = ("lv-0880", "lv-0890")
        pause = silent_frame(1.5, RATE)
        audio = [part for name in names for part in (pause, frame_of(name))]

        async with self.make(*(WORDS[name] for name in names)) as stt:
            events = await self.heard_from(stt, conform([*audio, pause], RATE))

        finals = [event for event in events if isinstance(event, FinalTranscript)]
        said = " ".join(WORDS[name] for name in names)
        understood = " ".join(final.text for final in finals)
        assert word_error_rate([(understood, said)]) <= self.most_errors, understood
        kinds = [type(event) for event in events]
        assert kinds.count(StartOfSpeech) == kinds.count(EndOfSpeech) >= 2
        starts = [final.data.start_time for final in finals]
        assert starts == sorted(starts)
        assert 1.2 < starts[0] < 2.2

    async def test_a_stream_of_silence_has_no_words(self, stt: STT) -> None:
        """It just ends."""
        events = await self.heard_from(stt, silent_frame(5.0, RATE))

        assert [event for event in events if isinstance(event, FinalTranscript)] == []

    async def test_a_stream_can_be_closed_at_any_time(self, stt: STT) -> None:
        """Also while something is recognised, and again."""
        stream = self.stream_of(stt)
        stream.push_frame(join_frames([frame_of("jfk"), silent_frame(1.0, RATE)]))
        await anext(stream)

        await stream.aclose()
        await stream.aclose()

        assert [event async for event in stream] == []

    async def test_what_it_can_not_do_is_refused(self, stt: STT) -> None:
        """Its capabilities are true, and asking for more is an error, not a hang."""
        if stt.capabilities.streaming:
            async with stt.stream():
                return
        with pytest.raises(ModelError, match="does not stream"):
            stt.stream()

    # -- its life ----------------------------------------------------------------------

    async def test_it_can_be_warmed_up_again_and_again(self, stt: STT) -> None:
        """Which is no event, and returns at once."""
        for _ in range(3):
            stt.prewarm()

        assert (await stt.recognize(frame_of("lv-0880"), conn_options=ONCE)).text

    async def test_it_can_be_closed_again_and_again(self) -> None:
        """Also without ever having been used."""
        stt = self.make("x")

        await stt.aclose()
        await stt.aclose()

    async def test_it_names_itself(self, stt: STT) -> None:
        """For logs, metrics and bills."""
        assert "unknown" not in (stt.model, stt.provider)
        assert stt.label.endswith(type(stt).__qualname__)
