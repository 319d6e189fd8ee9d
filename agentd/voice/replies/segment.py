"""One segment of a reply: text that is spoken in one stretch, from the model to the audio."""

from __future__ import annotations

import logging
from collections.abc import AsyncIterable, Callable
from typing import Any, TypeAlias

from agentd.aio.channel import Channel
from agentd.aio.timing import now
from agentd.audio.frame import AudioFrame, as_frame
from agentd.errors import ChannelClosed
from agentd.llm.clean_text import CleanPieces
from agentd.tracing import said, span
from agentd.tts.events import SynthesizedAudio
from agentd.tts.segment import is_speakable
from agentd.voice.default_nodes import SpokenFrame, as_spoken
from agentd.voice.node_stream import stream_of
from agentd.voice.speaking.spoken_text import SpeakingRate, SpokenText

logger = logging.getLogger("agentd.voice")

MAX_PIECES = 1024
"""Pieces of text that wait for the voice."""
MAX_FRAMES = 1024
"""Frames that wait to be played; a voice that is further ahead is made to wait."""

TextNode: TypeAlias = Callable[[AsyncIterable[str]], Any]
"""From text to what a node gives: the voice, or the transcript."""


class Segment:
    """Text goes in by `write`, frames come out; `spoken` knows what of it was heard when."""

    def __init__(self, rate: SpeakingRate, *, aligned: bool) -> None:
        """`aligned`: the transcript is made of the words whose times the voice tells."""
        self.frames: Channel[AudioFrame] = Channel(MAX_FRAMES)
        self.spoken = SpokenText(rate)
        self.error: BaseException | None = None
        """What its voice failed of."""
        self.ttfb: float | None = None
        """Seconds from its first text to its first audio."""
        self.on_text: Callable[[], None] = _nothing
        self._aligned = aligned
        self._to_voice: Channel[str] = Channel(MAX_PIECES)
        self._to_read: Channel[str] = Channel(MAX_PIECES)
        self._began_at: float | None = None
        self._written = ""
        self._is_speakable = False

    async def write(self, piece: str, *, voiced: bool) -> None:
        """The next piece of text; waits while the voice is behind."""
        if self._began_at is None:
            self._began_at = now()
        if self._aligned:
            self._written += piece
        else:
            await self._to_read.send(piece)
        if voiced and not self._to_voice.closed:
            self._is_speakable = self._is_speakable or is_speakable(piece)
            await _send(self._to_voice, piece)

    def end(self) -> None:
        """Its text is complete. May be repeated."""
        self._to_read.close()
        self._to_voice.close()

    def mute(self) -> None:
        """Nobody speaks it: it is only written, and nothing waits for a voice."""
        self._to_voice.close()
        self._to_voice.clear()
        self.spoken.end_audio()
        self.frames.close()

    async def transcribe(self, node: TextNode) -> None:
        """Let the transcript's node see the text. Raises what the node raises."""
        pieces = CleanPieces()
        try:
            async for text in stream_of(node(self._to_read), "transcription_node"):
                self.spoken.push_text(pieces.push(text))
                self.on_text()
            self.spoken.push_text(pieces.finish())
        finally:
            if not self._aligned:
                self.spoken.end_text()
                self.on_text()

    async def synthesize(self, node: TextNode) -> None:
        """Have the text spoken. Never raises: what goes wrong is `error`."""
        with span("tts_node") as speaking:
            await self._synthesize(node)
            if self.error is not None:
                speaking.fail(self.error)
            text = said(lambda: self.spoken.text)
            speaking.set({"lk.response.ttfb": self.ttfb, "lk.pii.input_text": text})

    async def _synthesize(self, node: TextNode) -> None:
        try:
            async for audio in stream_of(node(self._to_voice), "tts_node"):
                await self._take(_as_frame(audio))
            self._look_for_sound()
        except Exception as error:  # noqa: BLE001 - the user's node, or a model: told by the reply
            self.error = error
        finally:
            self.spoken.end_audio()
            self._to_voice.close()
            if self._aligned:
                if not self.spoken.word_count:  # the voice has told nothing
                    self.spoken.push_text(self._written)
                self.spoken.end_text()
            self.on_text()
            self.frames.close()

    def _look_for_sound(self) -> None:
        # A model that gives none has failed, and said so; a node of the user's may mean it.
        if self._is_speakable and not self.spoken.audio_duration:
            logger.warning(
                "a voice gave no audio for a text: it is only written",
                extra={"action": "voice_silent"},
            )

    async def _take(self, frame: AudioFrame) -> None:
        if self.ttfb is None and self._began_at is not None:
            self.ttfb = now() - self._began_at
        self.spoken.push_audio(frame.duration)
        if self._aligned and isinstance(frame, SpokenFrame):
            self.spoken.push_timed(list(frame.timed_text))
            self.on_text()
        await self.frames.send(frame)


async def _send(channel: Channel[str], piece: str) -> None:
    try:
        await channel.send(piece)
    except ChannelClosed:  # the voice has ended; what is left is only read
        return


def _as_frame(audio: Any) -> AudioFrame:
    return as_spoken(audio) if isinstance(audio, SynthesizedAudio) else as_frame(audio)


def _nothing() -> None:
    """Nobody listens yet."""
