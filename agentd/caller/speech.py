"""The caller's mouth and ear: a clip into an audio source, an audio track into a clip."""

from __future__ import annotations

import asyncio

import numpy as np
from livekit import rtc

from agentd.aio.timing import now
from agentd.audio.pcm import Clip, is_audible
from agentd.errors import AudioError

from .answer import AnswerWatch

CHUNK_SECONDS = 0.02

SOURCE_QUEUE_MS = 100
"""What the source may hold ahead of real time: enough to bridge a busy loop, too little to
matter for when the speech ended."""

STREAM_QUEUE_FRAMES = 500
"""5 s of 10 ms frames, in case the loop is held up; beyond that the oldest are lost."""


def microphone(sample_rate: int) -> rtc.AudioSource:
    """A source for mono audio; raises AudioError for a rate that WebRTC can't frame."""
    if sample_rate % 100:
        raise AudioError(
            f"a sample rate of '{sample_rate}' has no whole number of samples in 10 ms: "
            f"convert the recording to 16000 Hz (ffmpeg -i speech.wav -ar 16000 out.wav)"
        )
    return rtc.AudioSource(sample_rate, 1, queue_size_ms=SOURCE_QUEUE_MS)


async def speak(source: rtc.AudioSource, clip: Clip) -> None:
    """Say a clip in real time; returns when its last sample has been played out."""
    for samples in clip.chunks(CHUNK_SECONDS):
        frame = rtc.AudioFrame(samples.tobytes(), clip.sample_rate, 1, len(samples))
        await source.capture_frame(frame)
    await source.wait_for_playout()


class Ear:
    """Records a track and tells the watch what is heard. `run` is the one task that does it."""

    def __init__(self, watch: AnswerWatch, sample_rate: int, max_seconds: float) -> None:
        self._watch = watch
        self._sample_rate = sample_rate
        self._max_samples = round(max_seconds * sample_rate)
        self._samples = bytearray()
        self.replied = asyncio.Event()
        """Set once the agent is heard after the caller had ended."""
        self.over = asyncio.Event()
        """Set once the answer is over, or can't go on."""

    async def run(self, track: rtc.Track) -> None:
        """Listen until the track ends, or until cancelled."""
        stream = rtc.AudioStream(
            track,
            capacity=STREAM_QUEUE_FRAMES,
            sample_rate=self._sample_rate,
            num_channels=1,
        )
        try:
            async for event in stream:
                self._hear(event.frame)
        finally:
            self.over.set()
            await stream.aclose()

    def _hear(self, frame: rtc.AudioFrame) -> None:
        data = frame.data.cast("B")
        if len(self._samples) // 2 < self._max_samples:
            self._samples += data
        at = now()
        self._watch.hear(at, is_audible(np.frombuffer(data, dtype=np.int16)))
        if self._watch.has_replied:
            self.replied.set()
        if self._watch.is_over(at):
            self.over.set()

    def recording(self) -> Clip:
        """What has been heard so far, from the moment the track came."""
        samples = np.frombuffer(bytes(self._samples), dtype=np.int16)
        return Clip(samples=samples, sample_rate=self._sample_rate)
