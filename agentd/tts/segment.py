"""The audio of one segment, from what a model gives to what a listener gets. Pure."""

from __future__ import annotations

from msgspec.structs import replace

from agentd.audio.conform import Conformer
from agentd.audio.frame import AudioFrame, as_frame, join_frames
from agentd.audio.pcm import SAMPLE_BYTES

from .events import SynthesizedAudio

PIECE = 0.1
"""Seconds of audio that are given out at once, at most: so much can't be taken back any more."""
TAIL = 0.01
"""Seconds that wait for the next audio, since the last piece of a segment has to say so."""


class SegmentAudio:
    """Makes pieces of the promised form, the last of them marked as such.

    What a model tells about words goes with the next piece.
    """

    def __init__(
        self, sample_rate: int, num_channels: int, *, request_id: str, segment_id: str
    ) -> None:
        self._conformer = Conformer(sample_rate, num_channels)
        self._sample_bytes = SAMPLE_BYTES * num_channels
        self._piece = self._sample_bytes * round(PIECE * sample_rate)
        self._tail = self._sample_bytes * round(TAIL * sample_rate)
        self._held = b""
        self._told = SynthesizedAudio(
            frame=AudioFrame(data=b"", sample_rate=sample_rate, num_channels=num_channels),
            request_id=request_id,
            segment_id=segment_id,
        )
        """What the next piece carries beside its audio."""
        self.duration = 0.0
        """Seconds given out."""

    def push(self, audio: AudioFrame | SynthesizedAudio) -> list[SynthesizedAudio]:
        """Take what the model gave; what is ready. Raises AudioError for what is no PCM16."""
        if isinstance(audio, SynthesizedAudio):
            self._told = replace(
                self._told,
                request_id=audio.request_id or self._told.request_id,
                delta_text=self._told.delta_text + audio.delta_text,
                timed_text=[*self._told.timed_text, *audio.timed_text],
            )
            audio = audio.frame
        self._held += b"".join(part.data for part in self._conformer.push(as_frame(audio)))
        return self._cut(len(self._held) - self._tail)

    def finish(self) -> list[SynthesizedAudio]:
        """The segment is over: the rest of it."""
        self._held += b"".join(part.data for part in self._conformer.flush())
        pieces = self._cut(len(self._held))
        if pieces:
            pieces[-1] = replace(pieces[-1], is_final=True)
        return pieces

    def _cut(self, until: int) -> list[SynthesizedAudio]:
        pieces = []
        start = 0
        while start < until:
            data = self._held[start : min(until, start + self._piece)]
            pieces.append(self._made(data))
            start += len(data)
        self._held = self._held[start:]
        return pieces

    def _made(self, data: bytes) -> SynthesizedAudio:
        piece = replace(self._told, frame=replace(self._told.frame, data=data))
        self._told = replace(self._told, delta_text="", timed_text=[])
        self.duration += piece.frame.duration
        return piece


def joined(pieces: list[SynthesizedAudio], *, sample_rate: int, num_channels: int) -> AudioFrame:
    """All audio of some pieces, which may be none."""
    frames = [piece.frame for piece in pieces]
    empty = AudioFrame(data=b"", sample_rate=sample_rate, num_channels=num_channels)
    return join_frames(frames) if frames else empty


def is_speakable(text: str) -> bool:
    """Whether there is anything in a text that a voice could say."""
    return any(map(str.isalnum, text))
