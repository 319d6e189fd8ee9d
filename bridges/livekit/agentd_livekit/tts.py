"""A text-to-speech model of livekit.plugins."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import aclosing
from typing import Any

from livekit.agents.types import USERDATA_TIMED_TRANSCRIPT
from livekit.agents.utils import is_given

from agentd import tts
from agentd.audio.frame import AudioFrame, as_frame
from agentd.tts import SynthesizedAudio, TimedText, TTSCapabilities
from agentd.tts.segment import is_speakable

from .errors import translated
from .feeding import read_while_feeding
from .surroundings import DEFAULT_TIMEOUT, Surroundings, one_attempt
from .wrapped import Warmed


class TTS(Warmed, tts.TTS):
    """Speaks by the plugin; retries, deadlines and metrics are agentd's.

    `timeout` in seconds is what the plugin has to connect.
    """

    def __init__(self, plugin: Any, *, timeout: float = DEFAULT_TIMEOUT) -> None:
        capabilities = TTSCapabilities(
            streaming=plugin.capabilities.streaming,
            aligned_transcript=plugin.capabilities.aligned_transcript,
        )
        super().__init__(
            capabilities=capabilities,
            sample_rate=plugin.sample_rate,
            num_channels=plugin.num_channels,
        )
        self._plugin = plugin
        self._options = one_attempt(timeout)
        self._around = Surroundings()

    async def speak(self, text: str) -> AsyncIterator[AudioFrame | SynthesizedAudio]:
        """See the base class."""
        if not is_speakable(text):
            return
        with translated():
            stream = self._around.run(self._plugin.synthesize, text, conn_options=self._options)
            async with stream:
                async for audio in stream:
                    yield _audio(audio)

    async def speak_stream(
        self, text: AsyncIterator[str]
    ) -> AsyncIterator[AudioFrame | SynthesizedAudio]:
        """See the base class. The plugin is asked with the first text that can be spoken."""
        first = await _speakable_beginning(text)
        if not first:
            return
        with translated():
            stream = self._around.run(self._plugin.stream, conn_options=self._options)
            spoken = read_while_feeding(stream, _feed(stream, first, text), name="livekit-tts")
            async with aclosing(spoken):
                async for audio in spoken:
                    yield _audio(audio)


async def _speakable_beginning(text: AsyncIterator[str]) -> str:
    """The text up to the first letter; livekit's streams fail where there is nothing to say."""
    beginning = ""
    async for piece in text:
        beginning += piece
        if is_speakable(beginning):
            return beginning
    return ""


async def _feed(stream: Any, first: str, text: AsyncIterator[str]) -> None:
    stream.push_text(first)
    async for piece in text:
        stream.push_text(piece)
    stream.end_input()


def _audio(audio: Any) -> SynthesizedAudio:
    timed = audio.frame.userdata.get(USERDATA_TIMED_TRANSCRIPT) or []
    return SynthesizedAudio(
        frame=as_frame(audio.frame),
        request_id=audio.request_id,
        delta_text=audio.delta_text or "",
        timed_text=[_timed(word) for word in timed if is_given(word.start_time)],
    )


def _timed(word: Any) -> TimedText:
    end = word.end_time if is_given(word.end_time) else word.start_time
    return TimedText(text=str(word), start_time=word.start_time, end_time=end)
