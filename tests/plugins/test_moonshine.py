"""Tests of what is particular to agentd-moonshine, with its real model."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
from collections.abc import Iterator

import numpy as np
import pytest

from agentd.audio.frame import from_samples, join_frames, silent_frame
from agentd.audio.pcm import Clip, join, silence
from agentd.errors import APIError, ModelError
from agentd.models import RunnerThreads
from agentd.plugins import silero
from agentd.stt import STT, FinalTranscript, StreamAdapter
from agentd_moonshine import STT as Moonshine
from agentd_moonshine import MoonshineRunner
from agentd_moonshine.segments import cut
from tests.plugins.stt_contract import ONCE, STTContract
from tests.support.recordings import WORDS, frame_of, recording
from tests.support.words import word_error_rate

pytestmark = pytest.mark.timeout(120)  # a test loads the model, and a busy machine is slow

RATE = 16000


LOADED = RunnerThreads(MoonshineRunner, name="shared-moonshine")
"""One copy of the model for all tests that need no own: it takes a second to load."""


class Sharing(Moonshine):
    """One that uses it, and leaves it to the next when it is closed."""

    def __init__(self) -> None:
        super().__init__()
        self._local = LOADED

    async def aclose(self) -> None:
        """Nothing of its own is left."""


@pytest.fixture(scope="module", autouse=True)
def shared() -> Iterator[None]:
    """Closed when the last test is over."""
    yield
    LOADED.close()


class TestMoonshine(STTContract):
    """The contract of all speech-to-text models. 2 of 58 words are wrong, when nothing changes."""

    most_errors = 0.06

    def make(self, *texts: str) -> STT:
        """One, which hears for itself."""
        return Sharing()


@pytest.fixture
def stt() -> STT:
    """One."""
    return Sharing()


async def test_phrases_are_understood_behind_a_neural_vad(stt: STT) -> None:
    """Kennedy's, each at its place, as in a call."""
    phrases = [
        "and so my fellow americans",
        "ask not",
        "what your country can do for you",
        "ask what you can do for your country",
    ]
    adapter = StreamAdapter(stt, silero.VAD(min_speech_duration=0.25))

    async with adapter.stream(conn_options=ONCE) as stream:
        stream.push_frame(join_frames([frame_of("jfk"), silent_frame(1.0, RATE)]))
        stream.end_input()
        finals = [event async for event in stream if isinstance(event, FinalTranscript)]

    pairs = [(final.text, said) for final, said in zip(finals, phrases, strict=True)]
    assert word_error_rate(pairs) <= 0.15, pairs
    starts = [final.data.start_time for final in finals]
    assert starts == pytest.approx([0.35, 3.3, 5.4, 8.2], abs=0.2)


async def test_a_long_utterance_is_understood_in_pieces(stt: STT) -> None:
    """More than the model takes at once: nothing is lost, and no word is made up."""
    names = ["jfk", "lv-0870", "lv-0890"]
    gap = silence(0.4, RATE)
    clip = join([part for name in names for part in (recording(name), gap)])
    assert clip.duration > 24.0

    final = await stt.recognize(from_samples(clip.samples, RATE), conn_options=ONCE)

    said = " ".join(WORDS[name] for name in names)
    assert word_error_rate([(final.text, said)]) <= 0.1, final.text


@pytest.mark.parametrize("loudness", [1, 10])
async def test_the_noise_of_an_idle_line_has_no_words(stt: STT, loudness: int) -> None:
    """The model itself would say `You`."""
    noise = np.random.default_rng(1).standard_normal(2 * RATE) * loudness

    final = await stt.recognize(from_samples(noise.astype(np.int16), RATE), conn_options=ONCE)

    assert final.text == ""


async def test_copies_in_threads_are_not_mixed_up() -> None:
    """Two threads on one model make gibberish, so each has its own."""
    names = ["lv-0880", "lv-0890"]
    async with Moonshine(threads=2) as stt:
        finals = await asyncio.gather(
            *(stt.recognize(frame_of(name), conn_options=ONCE) for name in names)
        )

    pairs = [(final.text, WORDS[name]) for final, name in zip(finals, names, strict=True)]
    assert word_error_rate(pairs) <= 0.15, pairs


async def test_another_language_is_refused(stt: STT) -> None:
    """It would be written down as English that nobody said."""
    with pytest.raises(APIError, match="knows English only, not 'de'"):
        await stt.recognize(frame_of("lv-0880"), language="German")


async def test_a_closed_one_is_refused() -> None:
    """At once, without tries."""
    stt = Moonshine()
    await stt.aclose()

    with pytest.raises(APIError, match="moonshine is closed"):
        await stt.recognize(frame_of("lv-0880"))


def test_what_is_no_request_is_refused() -> None:
    """A runner in a host process gets bytes from anywhere."""
    runner = MoonshineRunner()

    for request in (b"", b"\xc1", b"\x81\xa3pcm\xc4\x01\x00"):
        with pytest.raises(ModelError, match="this is no utterance"):
            runner.run(request)


def test_nothing_is_loaded_before_it_is_needed() -> None:
    """A template that imports the plugin stays small and single-threaded, and can fork."""
    code = (
        "import os, sys; from agentd.plugins import moonshine; moonshine.STT()\n"
        "print('moonshine_voice' in sys.modules, len(os.listdir('/proc/self/task')))"
    )

    ran = subprocess.run(
        [sys.executable, "-c", code],
        env={**os.environ, "OPENBLAS_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        check=True,
        timeout=30,
    )

    assert ran.stdout.split() == ["False", "1"]


def test_a_clip_is_cut_where_it_is_quiet() -> None:
    """In the last half of what the model takes, and nothing is lost."""
    loud = np.full(40 * RATE, 3000, dtype=np.int16)
    for second in (3, 11, 24):
        loud[second * RATE : second * RATE + RATE // 5] = 0
    clip = Clip(samples=loud, sample_rate=RATE)

    pieces = cut(clip)

    assert np.array_equal(join(pieces).samples, loud)
    ends = np.cumsum([piece.duration for piece in pieces]).tolist()
    assert ends[:2] == pytest.approx([11.1, 24.1], abs=0.1)
    assert max(piece.duration for piece in pieces) <= 15.0
