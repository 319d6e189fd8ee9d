"""Several speech-to-text models in a row: where one fails, the next goes on (row 206)."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from functools import partial

from msgspec import Struct

from agentd.aio.tasks import TaskOwner
from agentd.audio.frame import AudioFrame, FrameLike
from agentd.errors import APIConnectionError, APIError, ModelError
from agentd.given import NOT_GIVEN, NotGivenOr
from agentd.resilience import DEFAULT_API_CONNECT_OPTIONS, APIConnectOptions, Standby
from agentd.vad import VAD

from .adapter import StreamAdapter, VADListener, options_of_stream
from .audioqueue import Flush, Replay
from .base import STT, spoken_language
from .capabilities import STTCapabilities
from .events import FinalTranscript, RecognitionUsage, SpeechEvent
from .stream import RecognizeStream, report_failure


class AvailabilityChangedEvent(Struct, frozen=True, kw_only=True, eq=False):
    """What the event "stt_availability_changed" carries."""

    stt: STT
    available: bool


class FallbackAdapter(STT):
    """Asks the first STT that is well; one that failed is probed until it is well again.

    A stream that fails over gives the next STT the last of the audio that was not understood yet,
    and an utterance that one STT could not recognise is given to the next, so nothing is lost.
    Raises ValueError for no STT at all, and where some stream and some do not, and no VAD is given
    to those that do not. Needs to be closed; the STTs stay their owner's to close.
    """

    def __init__(
        self,
        stt: Sequence[STT],
        *,
        vad: VAD | None = None,
        attempt_timeout: float = 10.0,
        max_retry_per_stt: int = 1,
        retry_interval: float = 5.0,
    ) -> None:
        _check(stt, vad)
        rate = max(each.sample_rate for each in stt)
        super().__init__(capabilities=_common(stt, vad), sample_rate=rate)
        self._stts = tuple(stt)
        self._vad = vad
        self._options = APIConnectOptions(
            max_retry=max_retry_per_stt, retry_interval=retry_interval, timeout=attempt_timeout
        )
        self._standby = Standby(
            [each.label for each in stt],
            probe=self._probe,
            on_change=self._on_change,
            interval=retry_interval,
            circuit_of=lambda number: self._stts[number].circuit,
        )
        self._forward = partial(self.emit, "metrics_collected")
        for each in stt:
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
        """Of each STT whether it is well, as far as is known."""
        return self._standby.available

    def prewarm(self) -> None:
        """The first one; the others load when they are needed."""
        self._stts[0].prewarm()

    async def aclose(self) -> None:
        """End the probes and let go of the STTs."""
        for each in self._stts:
            each.off("metrics_collected", self._forward)
        await self._standby.aclose()

    # -- whole utterances ------------------------------------------------------------

    async def recognize(
        self,
        buffer: AudioFrame | FrameLike | Sequence[AudioFrame | FrameLike],
        *,
        language: NotGivenOr[str] = NOT_GIVEN,
        conn_options: APIConnectOptions = DEFAULT_API_CONNECT_OPTIONS,
    ) -> FinalTranscript:
        """See the base class; tries and time are those that the adapter was made with."""
        tried = {
            number
            for number, each in enumerate(self._stts)
            if not each.capabilities.offline_recognize
        }
        if len(tried) == len(self._stts):
            raise ModelError("none of the STTs takes whole utterances: use stream()")
        while (number := self._standby.choose(tried)) is not None:
            tried.add(number)
            try:
                final = await self._stts[number].recognize(
                    buffer, language=language, conn_options=self._options
                )
            except APIError as error:
                self._standby.failed(number, error)
            else:
                self._standby.worked(number)
                return final
        failure = self._all_failed()
        report_failure(self, failure, recoverable=False)
        raise failure

    # -- streams -----------------------------------------------------------------------

    def stream(
        self,
        *,
        language: NotGivenOr[str] = NOT_GIVEN,
        conn_options: APIConnectOptions = DEFAULT_API_CONNECT_OPTIONS,
    ) -> RecognizeStream:
        """See the base class; tries and time are those that the adapter was made with."""
        if not self.capabilities.streaming:
            return super().stream(language=language, conn_options=conn_options)
        each = options_of_stream(self._options)
        return RecognizeStream(
            self if self._any_streams() else VADListener(self, self, _given(self._vad), each),
            language=spoken_language(language),
            options=APIConnectOptions(max_retry=0, timeout=each.timeout * len(self._stts)),
        )

    async def transcribe(
        self, audio: AsyncIterator[AudioFrame | Flush], language: str
    ) -> AsyncIterator[SpeechEvent]:
        """See the base class."""
        relay = _Relay(audio)
        tried: set[int] = set()
        async with TaskOwner("stt-fallback") as owner:
            owner.start(relay.run(), name="relay")
            while (number := self._standby.choose(tried)) is not None:
                tried.add(number)
                try:
                    async with self._stream_of(number, language) as stream:
                        relay.attach(stream)
                        async for event in stream:
                            if isinstance(event, FinalTranscript):
                                self._standby.worked(number)
                                relay.forget()
                                tried = {number}
                            if not isinstance(event, RecognitionUsage):
                                yield event
                        return
                except APIError as error:
                    self._standby.failed(number, error)
        raise self._all_failed()

    def _stream_of(self, number: int, language: str) -> RecognizeStream:
        stt = self._stts[number]
        if not stt.capabilities.streaming:
            stt = StreamAdapter(stt, _given(self._vad))
        return stt.stream(language=language or NOT_GIVEN, conn_options=self._options)

    def _any_streams(self) -> bool:
        return any(each.capabilities.streaming for each in self._stts)

    # -- who is well ---------------------------------------------------------------------

    async def _probe(self, number: int) -> None:
        once = APIConnectOptions(max_retry=0, timeout=self._options.timeout)
        await self._stts[number].probe(once)

    def _on_change(self, number: int, available: bool) -> None:
        event = AvailabilityChangedEvent(stt=self._stts[number], available=available)
        self.emit("stt_availability_changed", event)

    def _all_failed(self) -> APIError:
        names = ", ".join(each.label for each in self._stts)
        return self._standby.mark(
            APIConnectionError(f"no speech-to-text model could be used: {names}")
        )


class _Relay:
    """Gives the audio to whichever stream is attached, and to a new one what it has missed."""

    def __init__(self, audio: AsyncIterator[AudioFrame | Flush]) -> None:
        self._audio = audio
        self._replay = Replay()
        self._stream: RecognizeStream | None = None
        self._position = 0.0
        """Seconds of audio that have come."""
        self._ended = False

    async def run(self) -> None:
        async for item in self._audio:
            self._replay.add(item)
            if isinstance(item, AudioFrame):
                self._position += item.duration
            self._give(item)
        self._ended = True
        if self._stream is not None:
            self._stream.end_input()

    def attach(self, stream: RecognizeStream) -> None:
        """From now on audio goes there."""
        stream.start_time_offset = self._position - self._replay.seconds
        self._stream = stream
        for item in self._replay.items():
            self._give(item)
        if self._ended:
            stream.end_input()

    def forget(self) -> None:
        """All audio so far is understood."""
        self._replay.clear()

    def _give(self, item: AudioFrame | Flush) -> None:
        stream = self._stream
        if stream is None or stream.closed:
            return
        if isinstance(item, AudioFrame):
            stream.push_frame(item)
        else:
            stream.flush()


def _given(vad: VAD | None) -> VAD:
    if vad is None:
        raise ValueError("an STT that does not stream needs a vad")
    return vad


def _check(stts: Sequence[STT], vad: VAD | None) -> None:
    if not stts:
        raise ValueError("a FallbackAdapter needs at least one STT")
    streaming = {each.capabilities.streaming for each in stts}
    if len(streaming) == 2 and vad is None:
        whole = ", ".join(each.label for each in stts if not each.capabilities.streaming)
        raise ValueError(f"these do not stream, so a FallbackAdapter needs a vad for them: {whole}")


def _common(stts: Sequence[STT], vad: VAD | None) -> STTCapabilities:
    """What can be relied on, whichever STT is used."""
    every = [each.capabilities for each in stts]
    aligned = {each.aligned_transcript for each in every}
    return STTCapabilities(
        streaming=vad is not None or all(each.streaming for each in every),
        interim_results=all(each.interim_results for each in every),
        offline_recognize=any(each.offline_recognize for each in every),
        diarization=all(each.diarization for each in every),
        aligned_transcript=aligned.pop() if len(aligned) == 1 else False,
        keyterms=all(each.keyterms for each in every),
        chat_context=all(each.chat_context for each in every),
        reports_usage=True,
    )
