"""A model that speaks whole texts, behind a tokenizer that cuts sentences out of a stream."""

from __future__ import annotations

from collections.abc import AsyncIterator
from functools import partial

from msgspec.structs import replace

from agentd.audio.frame import AudioFrame
from agentd.resilience import DEFAULT_API_CONNECT_OPTIONS, APIConnectOptions
from agentd.tokenize import SentenceTokenizer, basic

from .base import TTS
from .events import SynthesizedAudio
from .pacing import SentenceStreamPacer
from .sentences import SentenceVoice, options_of_stream
from .stream import ChunkedStream, SynthesizeStream


class StreamAdapter(TTS):
    """Makes a stream of a TTS that has none: one synthesis for each sentence (row 210).

    Sentences are spoken ahead of the listener, up to a minute, so there is no gap between them;
    with `text_pacing` only as far as the pacer says. Each has the tries of the stream's options;
    when they are used up the stream fails, after the sentences before.
    """

    def __init__(
        self,
        tts: TTS,
        *,
        sentence_tokenizer: SentenceTokenizer | None = None,
        text_pacing: SentenceStreamPacer | bool = False,
    ) -> None:
        super().__init__(
            capabilities=replace(tts.capabilities, streaming=True),
            sample_rate=tts.sample_rate,
            num_channels=tts.num_channels,
        )
        self.wrapped_tts = tts
        self._tokenizer = sentence_tokenizer or basic.SentenceTokenizer()
        self._pacer = _pacer(text_pacing)
        # What a sentence has cost is measured where it is spoken.
        self._forward = partial(self.emit, "metrics_collected")
        tts.on("metrics_collected", self._forward)

    @property
    def label(self) -> str:
        """That of the TTS behind it."""
        return self.wrapped_tts.label

    @property
    def model(self) -> str:
        """That of the TTS behind it."""
        return self.wrapped_tts.model

    @property
    def provider(self) -> str:
        """That of the TTS behind it."""
        return self.wrapped_tts.provider

    @property
    def circuit(self) -> str:
        """That of the TTS behind it."""
        return self.wrapped_tts.circuit

    def synthesize(
        self, text: str, *, conn_options: APIConnectOptions = DEFAULT_API_CONNECT_OPTIONS
    ) -> ChunkedStream:
        """That of the TTS behind it."""
        return self.wrapped_tts.synthesize(text, conn_options=conn_options)

    def stream(
        self, *, conn_options: APIConnectOptions = DEFAULT_API_CONNECT_OPTIONS
    ) -> SynthesizeStream:
        """See the base class; the options are those of each sentence."""
        voice = SentenceVoice(self, partial(self._say, conn_options), self._tokenizer, self._pacer)
        return SynthesizeStream(voice, options=options_of_stream(conn_options), measured=False)

    def speak(self, text: str) -> AsyncIterator[AudioFrame | SynthesizedAudio]:
        """See the base class."""
        return self.wrapped_tts.speak(text)

    def prewarm(self) -> None:
        """See the base class."""
        self.wrapped_tts.prewarm()

    async def aclose(self) -> None:
        """Let go of the TTS, which stays its owner's to close."""
        self.wrapped_tts.off("metrics_collected", self._forward)

    async def _say(self, options: APIConnectOptions, text: str) -> AsyncIterator[SynthesizedAudio]:
        async with self.wrapped_tts.synthesize(text, conn_options=options) as stream:
            async for audio in stream:
                yield audio


def _pacer(text_pacing: SentenceStreamPacer | bool) -> SentenceStreamPacer | None:
    if isinstance(text_pacing, SentenceStreamPacer):
        return text_pacing
    return SentenceStreamPacer() if text_pacing else None
