"""A text that is still being written, spoken sentence by sentence."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Callable
from contextlib import aclosing
from typing import TypeAlias

from msgspec.structs import replace

from agentd.aio.channel import Channel
from agentd.aio.tasks import TaskOwner
from agentd.aio.timing import now
from agentd.errors import ChannelClosed, WouldBlock
from agentd.resilience import APIConnectOptions
from agentd.tokenize import SentenceTokenizer

from .base import TTS
from .events import SynthesizedAudio, TimedText
from .pacing import Pace, SentenceStreamPacer
from .segment import is_speakable

Say: TypeAlias = Callable[[str], AsyncIterator[SynthesizedAudio]]

SENTENCES_WAITING = 1000
"""Sentences that are written and not spoken; then the text has to wait."""


class SentenceVoice:
    """One stream's voice: cuts sentences and has each spoken, in their order.

    It goes by the name of another one, the adapter that the user knows. What each sentence costs
    is measured where it is spoken.
    """

    def __init__(
        self,
        known_as: TTS,
        say: Say,
        tokenizer: SentenceTokenizer,
        pacer: SentenceStreamPacer | None = None,
    ) -> None:
        self.label = known_as.label
        self.model = known_as.model
        self.provider = known_as.provider
        self.circuit = ""  # the TTS that speaks has its own
        self.sample_rate = known_as.sample_rate
        self.num_channels = known_as.num_channels
        self.emit = known_as.emit
        self.note_format = known_as.note_format
        self.speak = say
        self._tokenizer = tokenizer
        self._pacer = pacer

    async def speak_stream(self, text: AsyncIterator[str]) -> AsyncIterator[SynthesizedAudio]:
        """See TTS."""
        sentences: Channel[str] = Channel(SENTENCES_WAITING)
        async with TaskOwner("tts-sentences") as owner:
            cutting = owner.start(self._cut(text, sentences), name="cut", report=False)
            pace = None if self._pacer is None else Pace(self._pacer)
            elapsed = 0.0
            async for sentence in _paced(sentences, pace):
                async with aclosing(_spoken(self.speak, sentence, elapsed)) as pieces:
                    async for piece in pieces:
                        elapsed += piece.frame.duration
                        if pace is not None:
                            pace.spoke(piece.frame.duration, now())
                        yield piece
            await cutting

    async def _cut(self, text: AsyncIterator[str], sentences: Channel[str]) -> None:
        stream = self._tokenizer.stream()
        try:
            async for piece in text:
                for token in stream.push_text(piece):
                    await sentences.send(token.token)
            for token in stream.flush():
                await sentences.send(token.token)
        finally:
            sentences.close()


async def _paced(sentences: Channel[str], pace: Pace | None) -> AsyncIterator[str]:
    """The sentences as they come; with a pace later ones when it is time, and several at once."""
    waiting: str | None = None
    while True:
        try:
            text = waiting if waiting is not None else await sentences.receive()
        except ChannelClosed:
            return
        waiting = None
        if pace is not None and (next_at := pace.next_at()) is not None:
            await asyncio.sleep(max(0.0, next_at - now()))
            text, waiting = _gathered(text, sentences, pace)
        yield text


def _gathered(text: str, sentences: Channel[str], pace: Pace) -> tuple[str, str | None]:
    """What is spoken at once, and the sentence that did not fit."""
    while True:
        try:
            more = sentences.receive_nowait()
        except (WouldBlock, ChannelClosed):
            return text, None
        if not pace.fits(text, more):
            return text, more
        text = f"{text} {more}"


async def _spoken(say: Say, sentence: str, elapsed: float) -> AsyncGenerator[SynthesizedAudio]:
    """The audio of a sentence; its first piece carries its text, its words' times are shifted."""
    if not is_speakable(sentence):
        return
    delta_text = sentence
    pieces = say(sentence)
    try:
        async for piece in pieces:
            yield replace(
                piece,
                is_final=False,
                delta_text=delta_text,
                timed_text=later(piece.timed_text, elapsed),
            )
            delta_text = ""
    finally:
        aclose = getattr(pieces, "aclose", None)
        if aclose is not None:
            await aclose()


def later(words: list[TimedText], seconds: float) -> list[TimedText]:
    """The words with their times after so many seconds of other audio."""
    return [
        replace(word, start_time=word.start_time + seconds, end_time=word.end_time + seconds)
        for word in words
    ]


def options_of_stream(each: APIConnectOptions) -> APIConnectOptions:
    """A stream's options where each sentence in it has tries and time of its own.

    The stream is not tried again, and has the time that all tries of a sentence may take.
    """
    tries = each.max_retry + 1
    return APIConnectOptions(max_retry=0, timeout=tries * (each.timeout + each.retry_interval))
