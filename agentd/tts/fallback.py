"""Several text-to-speech models in a row: where one fails, the next goes on (row 211)."""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator, Sequence
from contextlib import aclosing
from functools import partial

from msgspec import Struct
from msgspec.structs import replace

from agentd.audio.conform import Conformer
from agentd.audio.frame import AudioFrame
from agentd.errors import APIConnectionError, APIError
from agentd.resilience import DEFAULT_API_CONNECT_OPTIONS, APIConnectOptions, Standby
from agentd.tokenize import SentenceTokenizer, basic

from .base import TTS
from .capabilities import TTSCapabilities
from .events import SynthesizedAudio, TimedText
from .remainder import Heard
from .sentences import SentenceVoice, later, options_of_stream
from .stream import ChunkedStream, SynthesizeStream


class AvailabilityChangedEvent(Struct, frozen=True, kw_only=True, eq=False):
    """What the event "tts_availability_changed" carries."""

    tts: TTS
    available: bool


class FallbackAdapter(TTS):
    """Speaks with the first TTS that is well; one that failed is probed until it is well again.

    Every TTS is given one sentence at a time, so another can take over between two. Where one
    breaks off in the middle of a sentence, the next says the rest of it: nothing is said twice but
    a word or so. All give audio of one rate, the highest of them unless said otherwise, resampled
    where need be. Raises ValueError for no TTS at all, and where their channels differ. Needs to be
    closed; the TTSs stay their owner's to close.
    """

    def __init__(
        self,
        tts: Sequence[TTS],
        *,
        max_retry_per_tts: int = 2,
        sample_rate: int | None = None,
        attempt_timeout: float = 10.0,
        retry_interval: float = 2.0,
        sentence_tokenizer: SentenceTokenizer | None = None,
    ) -> None:
        _check(tts)
        super().__init__(
            capabilities=TTSCapabilities(
                streaming=True,
                aligned_transcript=all(each.capabilities.aligned_transcript for each in tts),
            ),
            sample_rate=sample_rate or max(each.sample_rate for each in tts),
            num_channels=tts[0].num_channels,
        )
        self._ttss = tuple(tts)
        self._tokenizer = sentence_tokenizer or basic.SentenceTokenizer()
        self._options = APIConnectOptions(
            max_retry=max_retry_per_tts, retry_interval=retry_interval, timeout=attempt_timeout
        )
        self._standby = Standby(
            [each.label for each in tts],
            probe=self._probe,
            on_change=self._on_change,
            interval=retry_interval,
            circuit_of=lambda number: self._ttss[number].circuit,
        )
        self._forward = partial(self.emit, "metrics_collected")
        for each in tts:
            each.on("metrics_collected", self._forward)

    @property
    def model(self) -> str:
        """Its own name: metrics and events tell which model was used."""
        return "FallbackAdapter"

    @property
    def provider(self) -> str:
        """agentd."""
        return "agentd"

    @property
    def available(self) -> tuple[bool, ...]:
        """Of each TTS whether it is well, as far as is known."""
        return self._standby.available

    def synthesize(
        self, text: str, *, conn_options: APIConnectOptions = DEFAULT_API_CONNECT_OPTIONS
    ) -> ChunkedStream:
        """See the base class; tries and time are those that the adapter was made with."""
        return ChunkedStream(self, text, options=self._all_in_turn(), measured=False)

    def stream(
        self, *, conn_options: APIConnectOptions = DEFAULT_API_CONNECT_OPTIONS
    ) -> SynthesizeStream:
        """See the base class; tries and time are those that the adapter was made with."""
        return SynthesizeStream(self._voice(), options=self._all_in_turn(), measured=False)

    async def speak(self, text: str) -> AsyncIterator[SynthesizedAudio]:
        """See the base class."""
        for sentence in self._tokenizer.tokenize(text):
            async with aclosing(self._say(sentence)) as pieces:
                async for audio in pieces:
                    yield audio

    def speak_stream(
        self, text: AsyncIterator[str]
    ) -> AsyncIterator[AudioFrame | SynthesizedAudio]:
        """See the base class."""
        return self._voice().speak_stream(text)

    def prewarm(self) -> None:
        """The first one; the others load when they are needed."""
        self._ttss[0].prewarm()

    async def aclose(self) -> None:
        """End the probes and let go of the TTSs."""
        for each in self._ttss:
            each.off("metrics_collected", self._forward)
        await self._standby.aclose()

    def _voice(self) -> SentenceVoice:
        return SentenceVoice(self, self._say, self._tokenizer)

    def _all_in_turn(self) -> APIConnectOptions:
        once = options_of_stream(self._options)
        return replace(once, timeout=once.timeout * len(self._ttss))

    async def _say(self, sentence: str) -> AsyncGenerator[SynthesizedAudio]:
        """Speak a sentence, whoever can; raises APIConnectionError when none could."""
        tried: set[int] = set()
        rest, elapsed = sentence, 0.0
        while rest and (number := self._standby.choose(tried)) is not None:
            tried.add(number)
            heard = Heard()
            try:
                async with aclosing(self._said_by(number, rest)) as pieces:
                    async for audio in pieces:
                        yield replace(audio, timed_text=later(heard.add(audio), elapsed))
                if heard.to_come():
                    yield _words_only(later(heard.to_come(), elapsed), self)
                self._standby.worked(number)
                return
            except APIError as error:
                self._standby.failed(number, error)
                rest = heard.rest_of(rest)
                elapsed += heard.seconds
        if rest:
            names = ", ".join(each.label for each in self._ttss)
            failure = APIConnectionError(
                f"no text-to-speech model could be used: {names}", retryable=False
            )
            raise self._standby.mark(failure)

    async def _said_by(self, number: int, text: str) -> AsyncGenerator[SynthesizedAudio]:
        conformer = Conformer(self.sample_rate, self.num_channels)
        tts = self._ttss[number]
        async with tts.synthesize(text, conn_options=self._options) as stream:
            async for audio in stream:
                told = audio
                for part in conformer.push(audio.frame):
                    yield replace(told, frame=part)
                    told = replace(told, delta_text="", timed_text=[])
            for part in conformer.flush():
                yield SynthesizedAudio(frame=part)

    # -- who is well ---------------------------------------------------------------------

    async def _probe(self, number: int) -> None:
        await self._ttss[number].probe(replace(self._options, max_retry=0))

    def _on_change(self, number: int, available: bool) -> None:
        event = AvailabilityChangedEvent(tts=self._ttss[number], available=available)
        self.emit("tts_availability_changed", event)


def _words_only(words: list[TimedText], form: TTS) -> SynthesizedAudio:
    nothing = AudioFrame(data=b"", sample_rate=form.sample_rate, num_channels=form.num_channels)
    return SynthesizedAudio(frame=nothing, timed_text=words)


def _check(ttss: Sequence[TTS]) -> None:
    if not ttss:
        raise ValueError("a FallbackAdapter needs at least one TTS")
    channels = {each.num_channels for each in ttss}
    if len(channels) > 1:
        raise ValueError(
            f"the TTSs of a FallbackAdapter have different numbers of channels: {sorted(channels)}"
        )
