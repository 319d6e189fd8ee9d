"""One text into speech, over as many attempts as it takes."""

from __future__ import annotations

import asyncio
import logging
from abc import ABC, abstractmethod
from collections.abc import AsyncGenerator, AsyncIterator, Callable
from contextlib import aclosing
from typing import Self
from uuid import uuid4

from agentd.aio.channel import Channel
from agentd.aio.progress import ProgressLimit
from agentd.aio.tasks import TaskOwner
from agentd.aio.timing import wall_time
from agentd.audio.frame import AudioFrame
from agentd.errors import (
    APIError,
    APITimeoutError,
    AudioError,
    ChannelClosed,
    ModelError,
    WouldBlock,
)
from agentd.resilience import APIConnectOptions, Retries, circuits
from agentd.tracing import Span, span
from agentd.tracing.genai import model_attributes

from .attempt import Attempt, Spoken, Voice
from .events import SynthesizedAudio, TTSError
from .segment import is_speakable, joined
from .text import SegmentText

logger = logging.getLogger("agentd.tts")


PIECES_WAITING = 600
"""Pieces of audio, a minute, that nobody has taken; the model then has to wait."""
SEGMENTS_WAITING = 1000
TEXT_WAITING = 1_000_000
"""Characters that are pushed and not spoken yet."""


class AudioStream(ABC):
    """Speech, piece by piece. Begins when it is entered or iterated; needs to be closed.

    An attempt fails that raises, gives no audio for a text that has something to say, or gives
    nothing more within the timeout although it has the whole text. It is tried again as long as
    nothing of its segment was given out; after that the failure is raised where the audio is
    taken, behind what there was.
    """

    def __init__(self, voice: Voice, *, options: APIConnectOptions, measured: bool = True) -> None:
        self._voice = voice
        self._options = options
        self._measured = measured
        self._audio: Channel[SynthesizedAudio] = Channel(PIECES_WAITING)
        self._owner = TaskOwner("tts-stream")
        self._request_id = f"tts_{uuid4().hex[:12]}"
        self._segment: SegmentText | None = None
        """The one that is being spoken."""
        self._limit = ProgressLimit(options.timeout, self._owes)
        self._started = False
        self._error: APIError | None = None

    # -- audio out -----------------------------------------------------------------

    async def collect(self) -> AudioFrame:
        """All of it as one frame; raises APIError as iterating does."""
        async with self:
            pieces = [audio async for audio in self]
        voice = self._voice
        return joined(pieces, sample_rate=voice.sample_rate, num_channels=voice.num_channels)

    async def aclose(self) -> None:
        """End it at once, without the audio that was to come. May be repeated."""
        await self._owner.aclose()
        self._audio.close()
        self._audio.clear()

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> SynthesizedAudio:
        self._start()
        try:
            return await self._audio.receive()
        except ChannelClosed:
            pass  # the end, which is told outside of this: the failure has a cause of its own
        if self._error is not None:
            raise self._error
        raise StopAsyncIteration

    async def __aenter__(self) -> Self:
        self._start()
        return self

    async def __aexit__(self, *exc: object) -> None:
        await self.aclose()

    def _start(self) -> None:
        if not self._started and not self._audio.closed:
            self._started = True
            self._owner.start(self._run(), name="speak", report=False)

    async def _run(self) -> None:
        try:
            await self._produce()
        except APIError as error:
            self._error = error
        finally:
            self._audio.close()

    @abstractmethod
    async def _produce(self) -> None:
        """Speak everything; raises APIError."""

    # -- attempts ------------------------------------------------------------------

    async def _speak(
        self,
        segment: SegmentText,
        speak: Callable[[Callable[[], None]], AsyncIterator[Spoken]],
        *,
        segment_id: str,
    ) -> None:
        """Speak one segment, with retries; `speak` makes an attempt."""
        self._segment = segment
        voice = self._voice
        about = model_attributes("text_to_speech", voice.model, voice.provider)
        with span("tts_request", {**about, "lk.tts.label": voice.label}, client=True) as asked:
            await self._try(segment, speak, segment_id, asked)

    async def _try(
        self,
        segment: SegmentText,
        speak: Callable[[Callable[[], None]], AsyncIterator[Spoken]],
        segment_id: str,
        asked: Span,
    ) -> None:
        retries = Retries(self._options, self._voice.circuit)
        while True:
            attempt = Attempt(self._voice, self._request_id, segment_id)
            try:
                with circuits().of(self._voice.circuit).attempt() as call:
                    attempt.on_audio = call.answered
                    return await self._attempt(attempt, segment, speak)
            except APIError as error:
                pause = None if attempt.audio.duration else retries.after(error)
                report_failure(self._voice, error, recoverable=pause is not None)
                asked.note("attempt_failed", {"error.type": type(error).__name__})
                if pause is None:
                    if attempt.audio.duration:
                        self._measure(attempt, segment, cancelled=False)
                    raise
            await asyncio.sleep(pause)

    async def _attempt(
        self,
        attempt: Attempt,
        segment: SegmentText,
        speak: Callable[[Callable[[], None]], AsyncIterator[Spoken]],
    ) -> None:
        limit: asyncio.Timeout | None = None
        try:
            async with self._limit.attempt() as limit:
                await self._pass_on(attempt, speak(attempt.begin))
            if not attempt.audio.duration and is_speakable(segment.text):
                raise APIError(
                    f"{self._voice.label} gave no audio for {len(segment.text)} characters"
                )
        except asyncio.CancelledError:
            self._measure(attempt, segment, cancelled=True)
            raise
        except TimeoutError as error:
            stalled = limit is not None and limit.expired()
            raise self._stalled() if stalled else APITimeoutError(str(error)) from error
        except APIError:
            raise
        except (ModelError, AudioError) as error:
            retryable = isinstance(error, ModelError) and error.retryable
            raise APIError(str(error), retryable=retryable) from error
        except Exception as error:  # the border to a plugin, which may raise anything
            raise APIError(f"{self._voice.label} failed: {error!r}") from error
        self._measure(attempt, segment, cancelled=False)

    async def _pass_on(self, attempt: Attempt, spoken: AsyncIterator[Spoken]) -> None:
        async with aclosing(_as_generator(spoken)) as pieces:
            async for piece in pieces:
                ready = attempt.audio.push(piece)  # raises for what is no audio
                self._note_format(piece)
                await self._hand_out(attempt, ready)
        await self._hand_out(attempt, attempt.audio.finish())

    async def _hand_out(self, attempt: Attempt, pieces: list[SynthesizedAudio]) -> None:
        self._limit.pause()  # meanwhile it is the listener who is waited for
        for piece in pieces:
            attempt.note_audio()
            await self._audio.send(piece)
        self._limit.resume()

    def _note_format(self, piece: Spoken) -> None:
        frame = piece.frame if isinstance(piece, SynthesizedAudio) else piece
        voice = self._voice
        if (frame.sample_rate, frame.num_channels) != (voice.sample_rate, voice.num_channels):
            voice.note_format(frame)

    def _owes(self) -> bool:
        # While its text is still being written a voice may well be silent.
        return self._segment is not None and self._segment.ended

    def _stalled(self) -> APIError:
        return APITimeoutError(
            f"{self._voice.label} gave nothing for {self._options.timeout} s, "
            "though it has the whole text"
        )

    def _measure(self, attempt: Attempt, segment: SegmentText, *, cancelled: bool) -> None:
        if self._measured and attempt.began_at is not None:
            metrics = attempt.metrics(segment.text, cancelled=cancelled, streamed=self._streamed)
            self._voice.emit("metrics_collected", metrics)

    _streamed = False


class ChunkedStream(AudioStream):
    """The speech of one whole text."""

    def __init__(
        self, voice: Voice, text: str, *, options: APIConnectOptions, measured: bool = True
    ) -> None:
        super().__init__(voice, options=options, measured=measured)
        self._text = text

    @property
    def input_text(self) -> str:
        """What is spoken."""
        return self._text

    async def _produce(self) -> None:
        segment = SegmentText(self._limit.came)
        segment.push(self._text)
        segment.end()

        def speak(begin: Callable[[], None]) -> AsyncIterator[Spoken]:
            begin()
            return self._voice.speak(self._text)

        await self._speak(segment, speak, segment_id=self._request_id)


class SynthesizeStream(AudioStream):
    """The speech of a text that is still being written. A segment is what lies between flushes."""

    _streamed = True

    def __init__(self, voice: Voice, *, options: APIConnectOptions, measured: bool = True) -> None:
        super().__init__(voice, options=options, measured=measured)
        self._segments: Channel[SegmentText] = Channel(SEGMENTS_WAITING)
        self._written: SegmentText | None = None
        """The one whose text is not complete."""
        self._waiting = 0

    def push_text(self, text: str) -> None:
        """Give it the next piece of text, cut anywhere. Returns at once.

        Raises ChannelClosed after `end_input` or `aclose`, and WouldBlock when a million characters
        wait to be spoken.
        """
        if self._segments.closed:
            raise ChannelClosed("no text can be pushed after end_input or aclose")
        if not text:
            return
        if self._waiting + len(text) > TEXT_WAITING:
            raise WouldBlock(f"more than {TEXT_WAITING} characters wait to be spoken")
        if self._written is None:
            segment = SegmentText(self._limit.came)
            self._segments.send_nowait(segment)
            self._written = segment
        self._waiting += len(text)
        self._written.push(text)

    def flush(self) -> None:
        """The segment's text is complete; the next piece begins another."""
        if self._written is not None:
            self._written.end()
            self._written = None

    def end_input(self) -> None:
        """Say that no more text comes; the stream then ends with its last audio.

        May be repeated.
        """
        self.flush()
        self._segments.close()

    async def aclose(self) -> None:
        """See AudioStream."""
        self._segments.close()
        await super().aclose()

    async def _produce(self) -> None:
        number = 0
        async for segment in self._segments:
            number += 1

            def speak(
                begin: Callable[[], None], segment: SegmentText = segment
            ) -> AsyncIterator[Spoken]:
                return self._voice.speak_stream(segment.read(begin))

            await self._speak(segment, speak, segment_id=f"{self._request_id}_{number}")
            self._waiting -= len(segment.text)


def report_failure(voice: Voice, error: APIError, *, recoverable: bool) -> None:
    """Log a try that has failed, and emit it as the TTS's event "error"."""
    logger.warning(
        "a try to speak failed",
        extra={
            "action": "tts_failed",
            "tts": voice.label,
            "error": str(error),
            "recoverable": recoverable,
        },
    )
    told = TTSError(timestamp=wall_time(), label=voice.label, error=error, recoverable=recoverable)
    voice.emit("error", told)


async def _as_generator(spoken: AsyncIterator[Spoken]) -> AsyncGenerator[Spoken]:
    """A plugin may give any iterator; one that can be closed is closed with this one."""
    try:
        async for piece in spoken:
            yield piece
    finally:
        aclose = getattr(spoken, "aclose", None)
        if aclose is not None:
            await aclose()
