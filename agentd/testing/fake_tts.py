"""A TTS that hums what it is given to say, and misbehaves on command."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterable, Iterator

from msgspec import Struct

from agentd.audio.frame import AudioFrame, with_channels
from agentd.audio.tone import tone
from agentd.tokenize.basic import WordTokenizer
from agentd.tts import TTS, SynthesizedAudio, TimedText, TTSCapabilities

from .faults import Fault, FaultPlan, Misbehaviour


class Utterance(Struct, kw_only=True):
    """One attempt to speak, as the fake saw it."""

    text: str = ""
    """What it was given."""
    seconds: float = 0.0
    """Of audio that it gave."""
    ended: bool = False
    """Whether it was left in peace to its end."""


class FakeTTS(TTS):
    """Deterministic, and at home on the virtual-time loop.

    Each character takes `seconds_per_character` of a tone of `pitch` Hz, given in chunks of
    `chunk` seconds. `latency` is the loop time before the first of them and `chunk_delay` the one
    before each other. A stream speaks each word when it is complete. `gives_sample_rate` and
    `gives_num_channels` are for a model that does not keep what it promises. A fault's `after` is
    in seconds of audio: to yield nothing is to END_EARLY after none.
    """

    def __init__(  # noqa: PLR0913 - knobs of a fake, all by name
        self,
        *,
        seconds_per_character: float = 0.05,
        chunk: float = 0.1,
        latency: float = 0.0,
        chunk_delay: float = 0.0,
        pitch: float = 440.0,
        timed_words: bool = False,
        faults: Iterable[Fault | Misbehaviour | None] = (),
        capabilities: TTSCapabilities | None = None,
        sample_rate: int = 24000,
        gives_sample_rate: int | None = None,
        gives_num_channels: int = 1,
        circuit: str = "",
    ) -> None:
        super().__init__(
            capabilities=capabilities
            or TTSCapabilities(streaming=True, aligned_transcript=timed_words),
            sample_rate=sample_rate,
        )
        self.faults = FaultPlan(faults)
        """One entry for each attempt."""
        self.attempts: list[Utterance] = []
        """All that were made, the current one last."""
        self.prewarmed = 0
        self._seconds_per_character = seconds_per_character
        self._circuit = circuit
        self._chunk = chunk
        self._latency = latency
        self._chunk_delay = chunk_delay
        self._pitch = pitch
        self._timed_words = timed_words
        self._rate = gives_sample_rate or sample_rate
        self._channels = gives_num_channels

    @property
    def model(self) -> str:
        """It has none."""
        return "fake"

    @property
    def provider(self) -> str:
        """This room."""
        return "agentd.testing"

    @property
    def circuit(self) -> str:
        """As it was made with; none unless told."""
        return self._circuit

    def prewarm(self) -> None:
        """Counted."""
        self.prewarmed += 1

    def duration_of(self, text: str) -> float:
        """Seconds that a text takes."""
        return len(text) * self._seconds_per_character

    def speak(self, text: str) -> AsyncIterator[AudioFrame | SynthesizedAudio]:
        """See the base class."""
        utterance = Utterance(text=text)
        return self._perform(_at_once(text), utterance)

    def speak_stream(
        self, text: AsyncIterator[str]
    ) -> AsyncIterator[AudioFrame | SynthesizedAudio]:
        """See the base class."""
        utterance = Utterance()
        return self._perform(_word_by_word(text, utterance), utterance)

    async def _perform(
        self, texts: AsyncIterator[str], utterance: Utterance
    ) -> AsyncIterator[AudioFrame | SynthesizedAudio]:
        self.attempts.append(utterance)
        fault = self.faults.next()
        wait = self._latency
        async for text in texts:
            for chunk in self._chunks(text, utterance.seconds):
                if fault is not None and utterance.seconds >= fault.after:
                    await fault.strike()
                    if fault.kind is Misbehaviour.END_EARLY:
                        return
                if wait:
                    await asyncio.sleep(wait)
                wait = self._chunk_delay
                # Rounded as the virtual clock is, so that sums of chunks meet a fault's instant.
                utterance.seconds = round(utterance.seconds + chunk.frame.duration, 6)
                yield chunk
        if fault is not None and fault.kind is not Misbehaviour.END_EARLY:
            await _for_ever() if fault.kind is Misbehaviour.NEVER_FINISH else await fault.strike()
        utterance.ended = True

    def _chunks(self, text: str, start: float) -> Iterator[SynthesizedAudio]:
        first, count = round(start * self._rate), round(self.duration_of(text) * self._rate)
        timed = self._timed(text, start)
        size = max(1, round(self._chunk * self._rate))
        for begin in range(0, count, size):
            part = tone(self._pitch, min(size, count - begin), self._rate, start=first + begin)
            yield SynthesizedAudio(
                frame=with_channels(part, self._channels), timed_text=timed if begin == 0 else []
            )

    def _timed(self, text: str, start: float) -> list[TimedText]:
        if not self._timed_words:
            return []
        return [
            TimedText(
                text=word.token,
                start_time=start + self.duration_of(text[: word.start]),
                end_time=start + self.duration_of(text[: word.end]),
            )
            for word in WordTokenizer(ignore_punctuation=False).tokenize_with_places(text)
        ]


async def _at_once(text: str) -> AsyncIterator[str]:
    yield text


async def _word_by_word(text: AsyncIterator[str], utterance: Utterance) -> AsyncIterator[str]:
    words = WordTokenizer(retain_format=True).stream()
    async for piece in text:
        utterance.text += piece
        for word in words.push_text(piece):
            yield word.token
    for word in words.flush():
        yield word.token


async def _for_ever() -> None:
    await asyncio.get_running_loop().create_future()
