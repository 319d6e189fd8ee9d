"""An STT that hears what a test tells it to, and misbehaves on command."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterable
from typing import Literal

from msgspec import Struct

from agentd.aio.timing import now
from agentd.audio.frame import AudioFrame
from agentd.audio.pcm import is_audible
from agentd.stt import STT, Flush, STTCapabilities
from agentd.stt.events import FinalTranscript, SpeechData, SpeechEvent

from .faults import Fault, FaultPlan, Misbehaviour
from .heard import Hearing, LoudnessHearing, Said, ScriptedHearing

Clock = Literal["audio", "loop"]


class Attempt(Struct, kw_only=True):
    """One stream, or one recognition, as the fake saw it."""

    language: str
    seconds: float = 0.0
    """Of audio that it was given."""
    flushes: int = 0
    ended: bool = False
    """Whether it was left in peace to its end."""


class FakeSTT(STT):
    """Deterministic, and at home on the virtual-time loop.

    Where it `hears` texts, it takes each stretch of audible sound for the next of them: one list
    for all streams and recognitions. Where it hears what was `Said`, each stream tells it at its
    instants, counted in seconds of audio or, with `clock="loop"`, of the loop. `finalise_after` is
    the silence after which a text is final, `latency` the loop time that a whole utterance takes.
    """

    def __init__(  # noqa: PLR0913 - knobs of a fake, all by name
        self,
        hears: Iterable[str | Said] = (),
        *,
        clock: Clock = "audio",
        finalise_after: float = 0.2,
        latency: float = 0.0,
        faults: Iterable[Fault | Misbehaviour | None] = (),
        capabilities: STTCapabilities | None = None,
        sample_rate: int = 16000,
        circuit: str = "",
    ) -> None:
        super().__init__(
            capabilities=capabilities or STTCapabilities(streaming=True, interim_results=True),
            sample_rate=sample_rate,
        )
        heard = list(hears)
        self.said = [entry for entry in heard if isinstance(entry, Said)]
        self.texts = [entry for entry in heard if isinstance(entry, str)]
        self.faults = FaultPlan(faults)
        """One entry for each attempt."""
        self.attempts: list[Attempt] = []
        """All that were made, the current one last."""
        self.prewarmed = 0
        self._clock = clock
        self._circuit = circuit
        self._finalise_after = finalise_after
        self._latency = latency

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

    async def recognize_once(self, audio: AudioFrame, language: str) -> SpeechData:
        """The next text for audible audio, else no text."""
        attempt = Attempt(language=language, seconds=audio.duration)
        self.attempts.append(attempt)
        fault = self.faults.next()
        if fault is not None:
            await fault.strike()
            return SpeechData(text="")
        if self._latency:
            await asyncio.sleep(self._latency)
        attempt.ended = True
        text = self.texts.pop(0) if self.texts and is_audible(audio.samples) else ""
        return SpeechData(text=text, end_time=audio.duration, confidence=0.9 if text else 0.0)

    async def transcribe(
        self, audio: AsyncIterator[AudioFrame | Flush], language: str
    ) -> AsyncIterator[SpeechEvent]:
        """See the base class."""
        attempt = Attempt(language=language)
        self.attempts.append(attempt)
        fault, hearing, began_at = self.faults.next(), self._hearing(), now()
        while True:
            if fault is not None and attempt.seconds >= fault.after:
                await fault.strike()
                if fault.kind is Misbehaviour.END_EARLY:
                    return
            try:
                item = await self._next(audio, hearing, began_at)
            except StopAsyncIteration:
                break
            for event in self._take(item, hearing, attempt, began_at):
                if not _is_held_back(event, fault):
                    yield event
        for event in hearing.flush(self._at(attempt, began_at)):
            if not _is_held_back(event, fault):
                yield event
        attempt.ended = True

    def _take(
        self, item: AudioFrame | Flush | None, hearing: Hearing, attempt: Attempt, began_at: float
    ) -> list[SpeechEvent]:
        if isinstance(item, Flush):
            attempt.flushes += 1
            return hearing.flush(self._at(attempt, began_at))
        if item is not None:
            attempt.seconds += item.duration
        return hearing.hear(item, self._at(attempt, began_at))

    async def _next(
        self, audio: AsyncIterator[AudioFrame | Flush], hearing: Hearing, began_at: float
    ) -> AudioFrame | Flush | None:
        """The next audio; None when it is time to tell something before it comes."""
        due = hearing.next_at()
        if self._clock == "audio" or due is None:
            return await anext(audio)
        try:
            async with asyncio.timeout_at(began_at + due):
                return await anext(audio)
        except TimeoutError:
            return None

    def _at(self, attempt: Attempt, began_at: float) -> float:
        # Rounded as the virtual clock is, so that sums of frames meet the script's instants.
        return round(attempt.seconds if self._clock == "audio" else now() - began_at, 6)

    def _hearing(self) -> Hearing:
        interim = self.capabilities.interim_results
        if self.said:
            return ScriptedHearing(self.said, finalise_after=self._finalise_after, interim=interim)
        return LoudnessHearing(self.texts, finalise_after=self._finalise_after, interim=interim)


def _is_held_back(event: SpeechEvent, fault: Fault | None) -> bool:
    never = fault is not None and fault.kind is Misbehaviour.NEVER_FINISH
    return never and isinstance(event, FinalTranscript)
