"""The interface of a text-to-speech model, and what a plugin implements of it."""

from __future__ import annotations

import logging
from abc import ABC
from collections.abc import AsyncIterator
from typing import Self

from agentd.aio.emitter import EventEmitter
from agentd.audio.frame import AudioFrame
from agentd.errors import ModelError
from agentd.resilience import DEFAULT_API_CONNECT_OPTIONS, APIConnectOptions

from .capabilities import TTSCapabilities
from .events import SynthesizedAudio
from .stream import ChunkedStream, SynthesizeStream

logger = logging.getLogger("agentd.tts")


PROBE = "Yes."
"""What a model is asked to say, to see whether it answers at all."""


class TTS(ABC, EventEmitter):
    """A text-to-speech model. Inert until it is used; belongs to one event loop.

    A plugin gives its capabilities and implements `speak`, `speak_stream`, or both: one attempt
    each, that raises APIError. Retries, deadlines, the stated sample rate and the cost are seen to
    here. Emits "metrics_collected" (TTSMetrics) and "error" (TTSError).
    """

    def __init__(
        self, *, capabilities: TTSCapabilities, sample_rate: int, num_channels: int = 1
    ) -> None:
        super().__init__()
        self._capabilities = capabilities
        self._sample_rate = sample_rate
        self._num_channels = num_channels
        self._forms_told: set[tuple[int, int]] = set()

    @property
    def capabilities(self) -> TTSCapabilities:
        """What it can do."""
        return self._capabilities

    @property
    def sample_rate(self) -> int:
        """Hz of the audio that streams give, whatever the model does."""
        return self._sample_rate

    @property
    def num_channels(self) -> int:
        """Channels of the audio that streams give."""
        return self._num_channels

    @property
    def label(self) -> str:
        """Which class it is, for logs and metrics."""
        return f"{type(self).__module__}.{type(self).__qualname__}"

    @property
    def model(self) -> str:
        """The model's name; "unknown" where a plugin tells none."""
        return "unknown"

    @property
    def provider(self) -> str:
        """Whose model it is; "unknown" where a plugin tells none."""
        return "unknown"

    @property
    def circuit(self) -> str:
        """Key of the service's circuit breaker, `provider/model`; empty for none (`resilience`)."""
        return ""

    # -- for users ---------------------------------------------------------------

    def synthesize(
        self, text: str, *, conn_options: APIConnectOptions = DEFAULT_API_CONNECT_OPTIONS
    ) -> ChunkedStream:
        """Speak a whole text; iterating what is returned raises APIError when all tries failed."""
        return ChunkedStream(self, text, options=conn_options)

    def stream(
        self, *, conn_options: APIConnectOptions = DEFAULT_API_CONNECT_OPTIONS
    ) -> SynthesizeStream:
        """Speak a text while it is written; raises ModelError where the model does not stream."""
        if not self.capabilities.streaming:
            raise ModelError(
                f"{self.label} speaks whole texts only: put a tts.StreamAdapter around it"
            )
        return SynthesizeStream(self, options=conn_options)

    async def probe(self, conn_options: APIConnectOptions) -> None:
        """Speak a word; raises APIError while the model is not well."""
        await self.synthesize(PROBE, conn_options=conn_options).collect()

    def prewarm(self) -> None:
        """Get ready in the background, so that the first call is quick. May be repeated."""

    async def aclose(self) -> None:
        """Let go of what it holds. May be repeated; open streams are their users' to close."""

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *exc: object) -> None:
        await self.aclose()

    # -- for plugins -------------------------------------------------------------

    def speak(self, text: str) -> AsyncIterator[AudioFrame | SynthesizedAudio]:
        """One attempt at one utterance: an async generator of its audio, piece by piece.

        The first piece comes as early as the model can; closing the generator stops the work soon.
        Raises APIError. Without one of its own a model is given the text as a stream of one piece.
        """
        return self.speak_stream(_one(text))

    def speak_stream(
        self, text: AsyncIterator[str]
    ) -> AsyncIterator[AudioFrame | SynthesizedAudio]:
        """One attempt at one segment, whose text comes piece by piece and ends with the segment.

        An async generator that ends when all of it is spoken. Raises APIError.
        """
        raise NotImplementedError

    def note_format(self, frame: AudioFrame) -> None:
        """The model has given audio of another form than it promised: say so, once for each."""
        form = (frame.sample_rate, frame.num_channels)
        if form in self._forms_told:
            return
        self._forms_told.add(form)
        logger.warning(
            "a voice gives audio of another form than it says; it is converted",
            extra={
                "action": "tts_format_differs",
                "tts": self.label,
                "sample_rate": frame.sample_rate,
                "num_channels": frame.num_channels,
                "promised_sample_rate": self.sample_rate,
                "promised_num_channels": self.num_channels,
            },
        )


async def _one(text: str) -> AsyncIterator[str]:
    yield text
