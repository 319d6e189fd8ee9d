"""WAV files in place of a sound card, for machines that have none."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator

from agentd.aio.timing import now
from agentd.audio.frame import AudioFrame, from_samples
from agentd.audio.pcm import SAMPLE_BYTES, Clip, audible_seconds
from agentd.audio.resample import resample
from agentd.audio.wav_writer import WavWriter

from .duplex import SAMPLE_RATE, Duplex

BLOCK = 0.02
"""Seconds moved on at once."""


class WavDeck:
    """Speaks a clip in real time, and keeps what the agent says, in step with it.

    Real time, since turns are: when one is over is told by the clock. There is silence before and
    after the clip, as on a telephone.
    """

    def __init__(self, duplex: Duplex, clip: Clip, output: str) -> None:
        """Raises AudioError where the output can't be written."""
        self._duplex = duplex
        spoken = resample(from_samples(clip.samples, clip.sample_rate), SAMPLE_RATE)
        self._blocks: Iterator[bytes] = _blocks(spoken.data)
        self._writer = (
            WavWriter(output, sample_rate=SAMPLE_RATE, num_channels=1) if output else None
        )
        self.is_audible = audible_seconds(clip) > 0.0
        self._begun = False
        self.spoken = asyncio.Event()
        """Set when the clip is over."""

    def begin(self) -> None:
        """Speak the clip from now on."""
        self._begun = True

    async def run(self) -> None:
        """Move on, until cancelled. Raises AudioError where the output can't be written."""
        silence = bytes(_size())
        at = now()
        while True:
            heard = next(self._blocks, None) if self._begun else silence
            if heard is None:
                self.spoken.set()
            self._duplex.hear(heard or silence)
            played = self._duplex.play(len(silence))
            if self._writer is not None:
                # A write is some 20 microseconds: into the system's cache.
                self._writer.write(AudioFrame(data=played, sample_rate=SAMPLE_RATE))
            at += BLOCK
            await asyncio.sleep(at - now())

    def close(self) -> None:
        """Let go of the output. May be repeated."""
        if self._writer is not None:
            self._writer.close()


def _size() -> int:
    return round(BLOCK * SAMPLE_RATE) * SAMPLE_BYTES


def _blocks(pcm: bytes) -> Iterator[bytes]:
    size = _size()
    for start in range(0, len(pcm), size):
        yield pcm[start : start + size].ljust(size, b"\0")
