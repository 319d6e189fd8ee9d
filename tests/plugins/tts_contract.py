"""What every TTS plugin must do, with its real voice. A plugin's test class derives from it.

Whether it can be understood is for a test with a recogniser; here is what needs none: how long
speech is, how loud, and of which pitches.
"""

from __future__ import annotations

import asyncio
from abc import ABC, abstractmethod
from collections.abc import AsyncIterator

import numpy as np
import pytest

from agentd.aio.timing import now
from agentd.audio.frame import AudioFrame
from agentd.audio.pcm import Clip, audible_seconds, rms
from agentd.metrics import TTSMetrics
from agentd.resilience import APIConnectOptions
from agentd.tokenize.basic import count_syllables
from agentd.tts import TTS, StreamAdapter, SynthesizedAudio, SynthesizeStream

SENTENCE = "Your appointment is on Monday at three."
LONG = (
    "Your appointment is on Monday at three, in room twelve, which is on the second floor. "
    "If you cannot come, please call us at least one day before. We look forward to seeing you."
)
ONCE = APIConnectOptions(max_retry=0, timeout=25.0)
"""One try, with time enough for a machine that has other work, too."""

SOON = 5.0
"""Seconds for what has to stop, on such a machine."""

ODD_TEXTS = [
    "Hi!",
    "Tabs\tand\nnew lines\r\n\n\nbetween words.",
    "A zero \0 byte, a <b>tag</b> & an entity &amp; so on.",
    "Prices: $3.50, 20% off, 1,000,000 items; call 555-0100.",
    "Emoji 👋 in 🎉 between, and “curly” quotes — with dashes…",
    "ALL CAPITALS AND THEN-SOME-HYPHENS-IN-A-ROW",
    "\u200bZero\u200d width\ufeff characters.",
]


class TTSContract(ABC):
    """Every test is run against the plugin that `make` gives."""

    seconds_per_syllable = (0.1, 0.4)
    """What a syllable may take, from the first to the last of a sentence."""
    loudness = (0.02, 0.3)
    """Root mean square of what is audible, of full scale."""
    speech_band_share = 0.8
    """Of its energy what lies where speech has it, from 80 Hz to 4 kHz."""

    @abstractmethod
    def make(self) -> TTS:
        """A fresh one."""

    @pytest.fixture
    async def tts(self) -> AsyncIterator[TTS]:
        """One that is closed after the test."""
        async with self.make() as made:
            yield made

    @pytest.fixture
    def streaming(self, tts: TTS) -> TTS:
        """The same, behind an adapter where it does not stream."""
        return tts if tts.capabilities.streaming else StreamAdapter(tts)

    # -- what it sounds like -----------------------------------------------------------

    async def test_a_sentence_takes_as_long_as_somebody_would_take(self, tts: TTS) -> None:
        """By its syllables; silence around it does not count."""
        clip = clip_of(await spoken(tts, SENTENCE))

        least, most = (count_syllables(SENTENCE) * each for each in self.seconds_per_syllable)
        assert least <= audible_seconds(clip) <= most

    async def test_a_sentence_is_as_loud_as_speech(self, tts: TTS) -> None:
        """Well to be heard, and not cut off at full scale."""
        samples = (await spoken(tts, SENTENCE)).samples
        audible = samples[np.abs(samples) > 100]

        least, most = self.loudness
        assert least <= rms(audible) <= most
        assert np.mean(np.abs(samples.astype(int)) >= 32767) < 0.001

    async def test_a_sentence_has_the_pitches_of_speech(self, tts: TTS) -> None:
        """Neither hum nor hiss: wrong rates and swapped bytes would be one or the other."""
        frame = await spoken(tts, SENTENCE)

        energy = np.abs(np.fft.rfft(frame.samples.astype(float))) ** 2
        pitches = np.fft.rfftfreq(len(frame.samples), 1 / frame.sample_rate)
        speech = energy[(pitches >= 80) & (pitches <= 4000)].sum()
        assert speech / energy.sum() >= self.speech_band_share

    async def test_more_text_takes_longer(self, tts: TTS) -> None:
        """In proportion."""
        short, long = await spoken(tts, SENTENCE), await spoken(tts, LONG)

        ratio = count_syllables(LONG) / count_syllables(SENTENCE)
        assert 0.6 * ratio <= long.duration / short.duration <= 1.6 * ratio

    # -- how it is given ---------------------------------------------------------------

    async def test_audio_has_the_form_that_was_promised(self, tts: TTS) -> None:
        """Each piece of it; the last one, and no other, says that it is."""
        pieces = await taken(tts, SENTENCE)

        forms = {(piece.frame.sample_rate, piece.frame.num_channels) for piece in pieces}
        assert forms == {(tts.sample_rate, tts.num_channels)}
        assert [piece.is_final for piece in pieces] == [False] * (len(pieces) - 1) + [True]
        assert max(piece.frame.duration for piece in pieces) <= 0.1

    async def test_the_first_audio_comes_before_the_last_is_made(self, tts: TTS) -> None:
        """Of a long text the listener hears the beginning meanwhile."""
        began = now()
        async with tts.synthesize(LONG, conn_options=ONCE) as stream:
            arrived = [now() - began async for _ in stream]

        assert arrived[0] < 0.7 * arrived[-1]

    async def test_a_text_that_is_being_written_is_spoken(self, streaming: TTS) -> None:
        """Word by word in, in segments, all of it out."""
        whole = await spoken(streaming, LONG)
        stream = streaming.stream(conn_options=ONCE)

        async with asyncio.TaskGroup() as group:
            group.create_task(write(stream, LONG.split(" "), SENTENCE.split(" ")))
            async with stream:
                pieces = [piece async for piece in stream]

        segments = list(dict.fromkeys(piece.segment_id for piece in pieces))
        first = [piece for piece in pieces if piece.segment_id == segments[0]]
        assert len(segments) == 2
        assert sum(piece.is_final for piece in pieces) == 2
        seconds = sum(piece.frame.duration for piece in first)
        assert seconds == pytest.approx(whole.duration, rel=0.25)

    async def test_two_texts_at_once_are_two_voices(self, tts: TTS) -> None:
        """Neither has anything of the other, nor is it cut short."""
        alone = [(await spoken(tts, text)).duration for text in (SENTENCE, LONG)]

        both = await asyncio.gather(spoken(tts, SENTENCE), spoken(tts, LONG))

        assert [frame.duration for frame in both] == pytest.approx(alone, rel=0.25)

    # -- what it is given --------------------------------------------------------------

    @pytest.mark.parametrize("text", ODD_TEXTS)
    async def test_odd_texts_are_spoken(self, tts: TTS, text: str) -> None:
        """Whatever a model may write."""
        assert audible_seconds(clip_of(await spoken(tts, text))) > 0.1

    @pytest.mark.parametrize("text", ["", "  \n ", "...", "🎉"])
    async def test_a_text_with_nothing_to_say_is_no_failure(self, tts: TTS, text: str) -> None:
        """There may be a little silence."""
        assert (await spoken(tts, text)).duration < 1.0

    async def test_a_text_without_an_end_is_spoken(self, tts: TTS) -> None:
        """Of 700 letters without a full stop the first audio comes soon all the same."""
        text = "and so on and on " * 40

        async with tts.synthesize(text, conn_options=ONCE) as stream:
            first = await anext(stream)

        assert first.frame.duration > 0

    # -- its life ----------------------------------------------------------------------

    async def test_closing_a_stream_stops_it_soon(self, tts: TTS) -> None:
        """And the next text is spoken as if nothing had been."""
        before = await spoken(tts, SENTENCE)
        began = now()
        async with tts.synthesize(LONG * 5, conn_options=ONCE) as stream:
            await anext(stream)
        closed = now() - began

        after = await spoken(tts, SENTENCE)

        assert closed < SOON
        assert now() - began < 2 * SOON
        assert after.duration == pytest.approx(before.duration, rel=0.25)

    async def test_what_it_costs_is_told(self, tts: TTS) -> None:
        """Once, with all figures."""
        told: list[TTSMetrics] = []
        tts.on("metrics_collected", told.append)

        frame = await spoken(tts, SENTENCE)

        (metrics,) = told
        assert metrics.characters_count == len(SENTENCE)
        assert metrics.audio_duration == pytest.approx(frame.duration)
        assert 0.0 <= metrics.ttfb <= metrics.duration
        assert metrics.label == tts.label
        assert "unknown" not in (metrics.model, metrics.provider)

    async def test_it_may_be_made_ready_more_than_once(self, tts: TTS) -> None:
        """In the background, while somebody already speaks."""
        tts.prewarm()
        tts.prewarm()

        assert (await spoken(tts, SENTENCE)).duration > 0

    async def test_it_may_be_closed_more_than_once(self) -> None:
        """Also one that never spoke."""
        tts = self.make()

        await tts.aclose()
        await tts.aclose()


async def spoken(tts: TTS, text: str) -> AudioFrame:
    """A text as one frame."""
    return await tts.synthesize(text, conn_options=ONCE).collect()


async def taken(tts: TTS, text: str) -> list[SynthesizedAudio]:
    """A text as it comes."""
    async with tts.synthesize(text, conn_options=ONCE) as stream:
        return [piece async for piece in stream]


async def write(stream: SynthesizeStream, *segments: list[str]) -> None:
    """Push words as a model writes them."""
    for segment in segments:
        for word in segment:
            stream.push_text(f"{word} ")
            await asyncio.sleep(0)
        stream.flush()
    stream.end_input()


def clip_of(frame: AudioFrame) -> Clip:
    """A mono frame as a clip."""
    return Clip(samples=frame.samples, sample_rate=frame.sample_rate)
