"""Tests of what is particular to agentd-piper, with its real voice."""

from __future__ import annotations

import asyncio
import subprocess
import sys
import threading
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import pytest

from agentd.aio.timing import now
from agentd.audio.pcm import audible_seconds
from agentd.errors import APIError, ModelError
from agentd.models import RunnerThreads
from agentd.plugins import piper
from agentd.tts import TTS
from agentd.tts.local import decode_say
from agentd_piper import TTS as Piper
from agentd_piper import PiperRunner, voice_settings
from tests.plugins.tts_contract import SENTENCE, TTSContract, clip_of, spoken

pytestmark = pytest.mark.timeout(120)  # a test loads the voice, and a busy machine is slow

LOADED = RunnerThreads(partial(PiperRunner, voice_settings()), name="shared-piper")
"""One copy of the voice for all tests that need no own: it takes a second to load."""


class Sharing(Piper):
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


class TestContract(TTSContract):
    """Joe."""

    def make(self) -> TTS:
        """One that has the voice loaded."""
        return Sharing()


async def test_it_loads_with_the_first_text_and_is_closed_after() -> None:
    """Without `prewarm` too; then it says that it is closed."""
    async with piper.TTS() as tts:
        frame = await spoken(tts, "Yes.")

    assert frame.sample_rate == tts.sample_rate == 22050
    assert (tts.model, tts.provider) == ("en_US-joe-medium", "piper")
    with pytest.raises(APIError, match="piper is closed"):
        await spoken(tts, "Yes.")


def test_an_app_may_wait_until_it_is_loaded() -> None:
    """In its prewarm function, where no loop runs."""
    tts = piper.TTS()
    tts.load()

    assert "piper_0" in [thread.name for thread in threading.enumerate()]
    asyncio.run(tts.aclose())


async def test_a_speed_of_two_takes_about_half_the_time() -> None:
    """It is a factor."""
    async with piper.TTS(speed=2.0) as quick:
        fast, usual = await spoken(quick, SENTENCE), await spoken(Sharing(), SENTENCE)

    ratio = audible_seconds(clip_of(usual)) / audible_seconds(clip_of(fast))
    # Each time it is spoken a little differently, and pauses do not shrink as words do.
    assert 1.3 < ratio < 2.7


def test_a_missing_voice_is_named() -> None:
    """When the TTS is made, not in the first call."""
    with pytest.raises(ModelError, match="needs the file '/nowhere/voice.onnx'"):
        piper.TTS("/nowhere/voice.onnx")


def test_a_voice_needs_its_description(tmp_path: Path) -> None:
    """The file beside it, and what is in it."""
    voice = tmp_path / "voice.onnx"
    voice.write_bytes(b"")
    with pytest.raises(ModelError, match=r"needs the file '.*voice.onnx.json'"):
        piper.TTS(voice)

    (tmp_path / "voice.onnx.json").write_text('{"audio": {}}')
    with pytest.raises(ModelError, match="does not describe a voice"):
        piper.TTS(voice)


async def test_a_broken_voice_is_an_error_of_the_call(tmp_path: Path) -> None:
    """It is not tried again: it would be the same."""
    voice = tmp_path / "voice.onnx"
    voice.write_bytes(b"this is no model")
    (tmp_path / "voice.onnx.json").write_text('{"audio": {"sample_rate": 16000}}')

    async with piper.TTS(voice) as tts:
        with pytest.raises(APIError, match="is no voice of Piper") as caught:
            await tts.synthesize("Hello").collect()

    assert not caught.value.retryable


@pytest.mark.parametrize("speed", [0.0, -1.0])
def test_a_speed_that_is_none_is_refused(speed: float) -> None:
    """The error names it."""
    with pytest.raises(ValueError, match="speed must be positive"):
        piper.TTS(speed=speed)


def test_bytes_that_are_no_request_are_refused() -> None:
    """A runner may be behind a socket."""
    with pytest.raises(ModelError, match="no text to be spoken"):
        decode_say(b"\xc1 nonsense")


def test_importing_it_loads_no_model_library() -> None:
    """Onnxruntime and Piper are loaded by who speaks, not by who only names the plugin."""
    code = "import sys, agentd_piper; print(sys.modules.keys() & {'onnxruntime', 'piper'})"

    loaded = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60
    )

    assert loaded.stdout.strip() == "set()"


async def test_what_is_computed_is_stopped_with_its_stream() -> None:
    """Of a text that takes seconds, without a clause to cut at, the next one sees little."""
    long = " ".join(f"item number {number}" for number in range(60, 80))
    tts = Sharing()
    await spoken(tts, "Yes.")
    began = now()
    usual = (await spoken(tts, long), now() - began)[1]

    async with tts.synthesize(long) as stream:
        waiting = asyncio.ensure_future(anext(stream))
        await asyncio.sleep(0.1 * usual)
        began = now()
    await spoken(tts, "Yes.")
    took = now() - began
    waiting.cancel()
    await asyncio.wait([waiting])

    assert took < 0.6 * usual
