"""A stream of audio into a stream of events, by recognising one utterance after the other."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable

from msgspec.structs import replace

from agentd.aio.channel import Channel
from agentd.aio.tasks import TaskOwner
from agentd.audio.frame import AudioFrame
from agentd.errors import APIError
from agentd.vad import SpeechEnded, SpeechStarted, VADEvent, VADStream

from .audioqueue import Flush
from .events import EndOfSpeech, FinalTranscript, SpeechData, SpeechEvent, StartOfSpeech
from .shift import shift_data

Recognize = Callable[[AudioFrame], Awaitable[FinalTranscript]]

PENDING = 8
"""Utterances that are being recognised, or wait until those before them are told. Who speaks
further ahead than that has to wait, which means that his audio does."""

EVENTS_WAITING = 64


class Utterances:
    """Listens with a VAD, has each utterance recognised, and tells the texts in their order."""

    def __init__(self, vad: VADStream, recognize: Recognize) -> None:
        self._vad = vad
        self._recognize = recognize
        self._pending: Channel[tuple[SpeechEnded, asyncio.Task[FinalTranscript]]] = Channel(PENDING)
        self._events: Channel[SpeechEvent] = Channel(EVENTS_WAITING)

    async def transcribe(
        self, audio: AsyncIterator[AudioFrame | Flush]
    ) -> AsyncIterator[SpeechEvent]:
        """The events, until the audio has ended; raises the APIError of a failed recognition."""
        async with TaskOwner("utterances") as owner:
            work = owner.start(self._work(audio), name="work", report=False)
            async for event in self._events:
                yield event
            await work

    async def _work(self, audio: AsyncIterator[AudioFrame | Flush]) -> None:
        try:
            async with asyncio.TaskGroup() as group:
                group.create_task(self._tell_in_order())
                async for item in audio:
                    for event in self._judge(item):
                        await self._act(event, group)
                for event in self._vad.flush():
                    await self._act(event, group)
                self._pending.close()
        except* APIError as failed:
            raise _first(failed) from None
        finally:
            self._events.close()

    def _judge(self, item: AudioFrame | Flush) -> list[VADEvent]:
        return self._vad.push(item.data) if isinstance(item, AudioFrame) else self._vad.flush()

    async def _act(self, event: VADEvent, group: asyncio.TaskGroup) -> None:
        if isinstance(event, SpeechStarted):
            await self._events.send(StartOfSpeech())
            return
        await self._events.send(EndOfSpeech())
        frame = AudioFrame(data=event.pcm, sample_rate=event.sample_rate)
        await self._pending.send((event, group.create_task(_as_coroutine(self._recognize(frame)))))

    async def _tell_in_order(self) -> None:
        async for utterance, recognition in self._pending:
            final = await recognition
            if final.text:
                data = placed(final.data, utterance)
                await self._events.send(replace(final, data=data))


def placed(data: SpeechData, utterance: SpeechEnded) -> SpeechData:
    """Put the text of an utterance where the utterance was in the stream."""
    if data.end_time <= data.start_time:  # the model tells no instants
        return replace(data, start_time=utterance.started_at, end_time=utterance.ended_at)
    length = AudioFrame(data=utterance.pcm, sample_rate=utterance.sample_rate).duration
    return shift_data(data, utterance.ended_at - length)


async def _as_coroutine(awaitable: Awaitable[FinalTranscript]) -> FinalTranscript:
    return await awaitable


def _first(failed: BaseExceptionGroup[APIError]) -> APIError:
    """One of the failures: the others are the same, or followed from it."""
    error = failed.exceptions[0]
    return _first(error) if isinstance(error, BaseExceptionGroup) else error
