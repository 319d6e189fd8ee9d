"""What a reply says in one step: its text in segments, each spoken, played and written.

Text is made to speech as soon as it comes; it is played once the speech has the floor. Where there
is no voice, or it fails, the text is written at once.
"""

from __future__ import annotations

import logging
from collections.abc import AsyncIterable, Callable
from functools import partial

from agentd.aio.channel import Channel
from agentd.aio.tasks import TaskOwner, cancel_and_wait
from agentd.aio.timing import now, wall_time
from agentd.app.usererror import error_fields
from agentd.io.base import PlaybackFinishedEvent
from agentd.voice.default_nodes import FlushSentinel
from agentd.voice.speaking.playback import PlaybackClock
from agentd.voice.speaking.stage import Stage
from agentd.voice.speaking.transcript import TranscriptWriter
from agentd.voice.speech import Speech

from .outlet import Outlet
from .segment import Segment

logger = logging.getLogger("agentd.voice")

SEGMENTS_AHEAD = 2
"""Segments that are made to speech while another is played."""


class Delivery:
    """One step of a speech. `prepare` and `play` are run side by side, both once."""

    def __init__(
        self,
        outlet: Outlet,
        stage: Stage,
        *,
        on_voice_failed: Callable[[BaseException], object],
        on_sentence: Callable[[], None],
    ) -> None:
        self._outlet = outlet
        self._stage = stage
        self._on_voice_failed = on_voice_failed
        self._on_sentence = on_sentence
        self._segments: Channel[Segment] = Channel(SEGMENTS_AHEAD)
        self._played: list[str] = []
        self._under_way: tuple[Segment, TranscriptWriter, PlaybackClock] | None = None
        self.tts_ttfb: float | None = None
        self.playback_latency: float | None = None
        self.heard_seconds = 0.0
        """Of its audio that were played."""
        self.started_speaking_at: float | None = None
        """Wall time of the first sound."""
        self.stopped_speaking_at: float | None = None
        self.first_audible_at: float | None = None
        """The same as the first sound, on the loop's clock."""

    @property
    def _is_spoken(self) -> bool:
        """Whether there is a voice and somewhere to be heard; else the text is only written."""
        return self._outlet.audio is not None and self._outlet.voice is not None

    @property
    def owes_sound(self) -> bool:
        """Whether there is text for its voice, which has given nothing."""
        under_way = self._under_way is not None and self._under_way[0].ttfb is None
        return self._is_spoken and self._outlet.voiced and under_way

    @property
    def text(self) -> str:
        """What was heard, or read, so far."""
        return "".join(self._played)

    def so_far(self, at: float) -> tuple[str, str]:
        """What was heard up to an instant, and what is known of the rest."""
        if self._under_way is None:
            return self.text, ""
        segment, _, clock = self._under_way
        heard = segment.spoken.heard_at(clock.position(at))
        return self.text + heard, segment.spoken.text[len(heard) :]

    async def prepare(self, pieces: AsyncIterable[str | FlushSentinel], owner: TaskOwner) -> None:
        """Divide the text into segments and have each made to speech."""
        segment: Segment | None = None
        try:
            async for piece in pieces:
                if isinstance(piece, FlushSentinel):
                    _end(segment)
                    segment = None
                    continue
                if segment is None:
                    segment = self._open(owner)
                    await self._segments.send(segment)
                await segment.write(piece, voiced=self._outlet.voiced)
        finally:
            _end(segment)
            self._segments.close()

    async def play(self, speech: Speech, owner: TaskOwner) -> None:
        """Play and write one segment after the other. Cancelled by an interruption: see `cut`."""
        async for segment in self._segments:
            await speech.unheld()
            clock = PlaybackClock()
            clock.subscribe(partial(self._note_sound, clock))
            writer = TranscriptWriter(
                segment.spoken, self._outlet.text, clock, on_sentence=self._on_sentence
            )
            segment.on_text = writer.text_changed
            self._under_way = (segment, writer, clock)
            await self._play(segment, writer, clock, owner)

    async def cut(self) -> None:
        """It is interrupted: stop the sound at once, and keep what was heard."""
        event = await self._stage.stop()
        if self._under_way is not None:
            segment, writer, _ = self._under_way
            self._keep_heard(segment, writer, event)

    def _open(self, owner: TaskOwner) -> Segment:
        outlet = self._outlet
        segment = Segment(outlet.rate, aligned=outlet.aligned and outlet.voice is not None)
        owner.start(self._transcribe(segment), name="transcript")
        if outlet.voice is None or not self._is_spoken:
            segment.mute()
        else:
            owner.start(segment.synthesize(outlet.voice), name="voice")
        return segment

    async def _transcribe(self, segment: Segment) -> None:
        try:
            await segment.transcribe(self._outlet.transcript)
        except Exception as error:  # noqa: BLE001 - the user's node; the voice goes on without it
            logger.error(
                "the transcription node failed: the rest of the text is not written",
                extra={"action": "transcription_node_failed", **error_fields(error)},
            )

    async def _play(
        self, segment: Segment, writer: TranscriptWriter, clock: PlaybackClock, owner: TaskOwner
    ) -> None:
        event = await self._sound(segment, writer, clock, owner)
        if segment.error is not None:
            self._on_voice_failed(segment.error)
        elif event is not None and event.interrupted:
            # Not by us: the user's code has cleared the output, or its track has ended.
            self._keep_heard(segment, writer, event)
            return
        # What can't be heard is to be read, at least.
        await writer.finish()
        self._keep(segment.spoken.text)

    async def _sound(
        self, segment: Segment, writer: TranscriptWriter, clock: PlaybackClock, owner: TaskOwner
    ) -> PlaybackFinishedEvent | None:
        output = self._outlet.audio
        if output is None or not self._is_spoken:
            return None
        writing = owner.start(writer.run(), name="writing")
        try:
            event = await self._stage.play(output, segment.frames, clock)
        except Exception as error:  # noqa: BLE001 - an output of others; the text goes on
            segment.error = error
            return None
        finally:
            await cancel_and_wait(writing)
        if self.tts_ttfb is None:
            self.tts_ttfb = segment.ttfb
        if event is not None:
            self._note_end(event)
        return event

    def _keep_heard(
        self, segment: Segment, writer: TranscriptWriter, event: PlaybackFinishedEvent | None
    ) -> None:
        writer.cut()
        if event is not None:
            self._note_end(event)
        self._keep(_heard(segment, event) if self._is_spoken else writer.written)

    def _note_end(self, event: PlaybackFinishedEvent) -> None:
        self.stopped_speaking_at = wall_time()
        self.heard_seconds += event.playback_position

    def _keep(self, text: str) -> None:
        self._under_way = None
        self._played.append(text)

    def _note_sound(self, clock: PlaybackClock) -> None:
        if self.first_audible_at is None and clock.started_at is not None:
            self.first_audible_at = now()
            self.started_speaking_at = wall_time()
            self.playback_latency = clock.latency


def _end(segment: Segment | None) -> None:
    if segment is not None:
        segment.end()


def _heard(segment: Segment, event: PlaybackFinishedEvent | None) -> str:
    if event is None:
        return ""
    if event.synchronized_transcript is not None:
        return event.synchronized_transcript
    return segment.spoken.heard_at(event.playback_position)
