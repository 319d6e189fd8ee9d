"""One stream of audio into text, over as many attempts as it takes."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing
from typing import Protocol

from agentd.aio.channel import Channel
from agentd.aio.progress import ProgressLimit
from agentd.aio.tasks import TaskOwner
from agentd.aio.timing import now, wall_time
from agentd.audio.conform import Conformer
from agentd.audio.frame import AudioFrame, FrameLike
from agentd.errors import (
    APIConnectionError,
    APIError,
    APITimeoutError,
    ChannelClosed,
    ModelError,
)
from agentd.metrics import STTMetrics
from agentd.resilience import APIConnectOptions, Attempt, Retries, circuits

from .audioqueue import FLUSH, AudioQueue, AudioReader, Flush
from .capabilities import STTCapabilities
from .events import FinalTranscript, RecognitionUsage, SpeechEvent, STTError
from .shift import shift_event

logger = logging.getLogger("agentd.stt")

ANSWERS_AFTER = 3.0
"""Seconds that an attempt takes audio without a fault, for its service to count as answering: where
nobody speaks there is nothing to be told."""

EVENTS_WAITING = 256
"""Events that nobody has taken; the model then has to wait, and its audio with it."""


class Transcriber(Protocol):
    """What a stream has to know of its STT."""

    @property
    def label(self) -> str: ...
    @property
    def model(self) -> str: ...
    @property
    def provider(self) -> str: ...
    @property
    def circuit(self) -> str: ...
    @property
    def sample_rate(self) -> int: ...
    @property
    def capabilities(self) -> STTCapabilities: ...
    def transcribe(
        self, audio: AsyncIterator[AudioFrame | Flush], language: str
    ) -> AsyncIterator[SpeechEvent]: ...
    def emit(self, event: str, *args: object) -> None: ...


class RecognizeStream:
    """Takes audio, gives events. Begins when it is entered or iterated; needs to be closed.

    The audio that waits, and the last of what was not understood yet, outlive an attempt that
    fails: the next one goes on with it. An attempt fails that raises, ends before the audio does,
    or makes no progress within the timeout although there is audio. What no attempt takes in
    time is dropped, the oldest first; instants told after it are too early by as much, until the
    next attempt.
    """

    def __init__(self, stt: Transcriber, *, language: str, options: APIConnectOptions) -> None:
        self.start_time_offset = 0.0
        """Seconds that are added to every instant of the events."""
        self._stt = stt
        self._language = language
        self._options = options
        self._conformer = Conformer(stt.sample_rate, prompt=True)
        self._queue = AudioQueue(self._on_taken)
        self._limit = ProgressLimit(options.timeout, lambda: self._queue.owing)
        self._dropping = False
        self._made: Attempt | None = None
        self._made_at = 0.0
        self._understood = False
        """Whether the current attempt has given a final text."""
        self._reported = 0.0
        """Seconds of taken audio that were told as used."""
        self._events: Channel[SpeechEvent] = Channel(EVENTS_WAITING)
        self._owner = TaskOwner("stt-stream")
        self._started = False
        self._error: APIError | None = None

    @property
    def dropped(self) -> float:
        """Seconds of audio that were dropped."""
        return self._queue.dropped

    @property
    def closed(self) -> bool:
        """Whether it takes no more audio."""
        return self._queue.ended

    # -- audio in ------------------------------------------------------------------

    def push_frame(self, frame: AudioFrame | FrameLike) -> None:
        """Give it the next audio, of any rate and any number of channels.

        Returns at once. Raises AudioError for what is no PCM16, and ChannelClosed after
        `end_input` or `aclose`.
        """
        self._refuse_after_end()
        for part in self._conformer.push(frame):
            self._put(part)

    def flush(self) -> None:
        """Ask for a final transcript of what was pushed so far. More may be pushed after."""
        self._refuse_after_end()
        for part in self._conformer.flush():
            self._put(part)
        self._queue.put(FLUSH)
        self._limit.came()

    def end_input(self) -> None:
        """Say that no more audio comes; the stream then ends with its last event.

        May be repeated.
        """
        if not self._queue.ended:
            self.flush()
            self._queue.end()
            self._limit.came()

    async def aclose(self) -> None:
        """End it at once, without the events that were to come. May be repeated."""
        self._queue.end()
        await self._owner.aclose()
        self._events.close()
        self._events.clear()

    def _refuse_after_end(self) -> None:
        if self._queue.ended:
            raise ChannelClosed("no audio can be pushed after end_input or aclose")

    def _put(self, frame: AudioFrame) -> None:
        lost = self._queue.put(frame)
        self._limit.came()
        if lost and not self._dropping:
            logger.warning(
                "speech recognition does not keep up: the oldest audio is dropped",
                extra={
                    "action": "stt_audio_dropped",
                    "stt": self._stt.label,
                    "waiting": round(self._queue.waiting, 1),
                    "dropped": round(self._queue.dropped, 1),
                },
            )
        self._dropping = lost > 0

    def _on_taken(self) -> None:
        self._limit.progressed()
        if self._made is not None and now() >= self._made_at + ANSWERS_AFTER:
            self._made.answered()
            self._made = None

    # -- events out ----------------------------------------------------------------

    def __aiter__(self) -> RecognizeStream:
        return self

    async def __anext__(self) -> SpeechEvent:
        """The next event; raises APIError when all tries have failed."""
        self._start()
        try:
            return await self._events.receive()
        except ChannelClosed:
            if self._error is not None:
                raise self._error from None
            raise StopAsyncIteration from None

    async def __aenter__(self) -> RecognizeStream:
        self._start()
        return self

    async def __aexit__(self, *exc: object) -> None:
        await self.aclose()

    def _start(self) -> None:
        if not self._started and not self._events.closed:
            self._started = True
            self._owner.start(self._run(), name=self._stt.label)

    async def _run(self) -> None:
        try:
            await self._try_until_the_end()
        except APIError as error:
            self._error = error
        finally:
            self._events.close()

    # -- attempts ------------------------------------------------------------------

    async def _try_until_the_end(self) -> None:
        retries = Retries(self._options, self._stt.circuit)
        while True:
            try:
                with circuits().of(self._stt.circuit).attempt() as attempt:
                    return await self._attempt(attempt)
            except APIError as error:
                if self._understood:
                    # It worked for a while: this is a new fault. Less than a final text is no
                    # proof, since the next attempt gets the same audio to stumble over.
                    retries.begin()
                pause = retries.after(error)
                report_failure(self._stt, error, recoverable=pause is not None)
                if pause is None:
                    raise
            await asyncio.sleep(pause)

    async def _attempt(self, attempt: Attempt) -> None:
        """One attempt, which goes well only to the end of the audio; raises APIError."""
        self._queue.rewind()
        self._made, self._made_at = attempt, now()
        self._understood = False
        offset = self._queue.position
        reader = self._queue.read()
        timeout: asyncio.Timeout | None = None
        try:
            async with self._limit.attempt() as timeout:
                await self._pass_on(reader, offset, attempt)
        except APIError:
            raise
        except TimeoutError as error:
            stalled = timeout is not None and timeout.expired()
            raise self._stalled() if stalled else APITimeoutError(str(error)) from error
        except ModelError as error:
            raise APIError(str(error), retryable=error.retryable) from error
        except Exception as error:  # the border to a plugin, which may raise anything
            raise APIError(f"{self._stt.label} failed: {error!r}") from error
        finally:
            reader.stop()
            self._made = None
        if not reader.reached_end:
            raise APIConnectionError(f"{self._stt.label} ended before the audio did")

    async def _pass_on(self, reader: AudioReader, offset: float, attempt: Attempt) -> None:
        async with aclosing(_as_generator(self._stt.transcribe(reader, self._language))) as events:
            async for event in events:
                _note_answer(event, attempt)
                self._limit.pause()  # meanwhile it is the listener who is waited for
                await self._hand_out(
                    shift_event(event, offset + self.start_time_offset, self._language)
                )
                self._limit.resume()
        self._limit.pause()
        await self._report_usage()

    async def _hand_out(self, event: SpeechEvent) -> None:
        await self._events.send(event)
        match event:
            case FinalTranscript():
                self._understood = True
                self._queue.forget()
                await self._report_usage()
            case RecognitionUsage() if self._stt.capabilities.reports_usage:
                self._measure(event.audio_duration, event.request_id)
            case _:
                pass

    def _stalled(self) -> APIError:
        return APITimeoutError(
            f"{self._stt.label} has made no progress for {self._options.timeout} s, "
            f"with {self._queue.waiting:.1f} s of audio waiting"
        )

    # -- what it has cost, and what went wrong -----------------------------------------

    async def _report_usage(self) -> None:
        seconds = self._queue.taken - self._reported
        if seconds > 0 and not self._stt.capabilities.reports_usage:
            self._reported = self._queue.taken
            self._measure(seconds, "")
            await self._events.send(RecognitionUsage(audio_duration=seconds))

    def _measure(self, seconds: float, request_id: str) -> None:
        metrics = STTMetrics(
            label=self._stt.label,
            timestamp=wall_time(),
            model=self._stt.model,
            provider=self._stt.provider,
            request_id=request_id,
            audio_duration=seconds,
            streamed=True,
        )
        self._stt.emit("metrics_collected", metrics)


def report_failure(stt: Transcriber, error: APIError, *, recoverable: bool) -> None:
    """Log a try that has failed, and emit it as the STT's event "error"."""
    logger.warning(
        "a try to recognise speech failed",
        extra={
            "action": "stt_failed",
            "stt": stt.label,
            "error": str(error),
            "recoverable": recoverable,
        },
    )
    told = STTError(timestamp=wall_time(), label=stt.label, error=error, recoverable=recoverable)
    stt.emit("error", told)


def _note_answer(event: SpeechEvent, attempt: Attempt) -> None:
    # A stream may last for hours: what it has understood so far is a success each time.
    if isinstance(event, FinalTranscript):
        attempt.succeeded()
    else:
        attempt.answered()


async def _as_generator(events: AsyncIterator[SpeechEvent]) -> AsyncGenerator[SpeechEvent]:
    """A plugin may give any iterator; one that can be closed is closed with this one."""
    try:
        async for event in events:
            yield event
    finally:
        aclose = getattr(events, "aclose", None)
        if aclose is not None:
            await aclose()
