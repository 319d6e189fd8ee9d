"""Both directions of the caller's sound."""

from __future__ import annotations

from agentd.audio.frame import AudioFrame
from agentd.audio.pcm import SAMPLE_BYTES, rms
from agentd.room.echo import CallerSound

from .microphone import Microphone
from .speaker import Speaker

SAMPLE_RATE = 24000


class Duplex:
    """What a sound card or a pair of WAV files drives, from any thread, each side from one."""

    def __init__(self) -> None:
        self.microphone = Microphone(SAMPLE_RATE)
        self.speaker = Speaker(SAMPLE_RATE)
        self.processing: CallerSound | None = None
        """Takes out the echo; set where a loudspeaker and a microphone share a room."""
        self.heard_level = 0.0
        """Of the last block, from 0 to 1 of full scale."""
        self.played_level = 0.0

    def hear(self, pcm: bytes) -> None:
        """What the microphone has heard."""
        if self.processing is not None:
            pcm = self.processing.heard(pcm, SAMPLE_RATE)
        self.heard_level = _level(pcm)
        self.microphone.push(pcm)

    def play(self, size: int) -> bytes:
        """The next bytes for the loudspeaker."""
        pcm = self.speaker.pull(size // SAMPLE_BYTES)
        if self.processing is not None:
            self.processing.played(pcm, SAMPLE_RATE)
        self.played_level = _level(pcm)
        return pcm


def _level(pcm: bytes) -> float:
    return rms(AudioFrame(data=pcm, sample_rate=SAMPLE_RATE).samples)
