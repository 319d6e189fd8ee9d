"""Audio of any kind into the kind that a model wants: mono, at one rate."""

from __future__ import annotations

from collections.abc import Iterable

from .frame import AudioFrame, FrameLike, as_frame, join_frames, to_mono
from .resample import Resampler


class Conformer:
    """Makes one stream of audio mono and of one rate. Belongs to one stream.

    The source may change its format on the way, as a caller who switches microphones does. What
    fits already is handed through as it is. Raises AudioError for what is no PCM16.
    """

    def __init__(self, sample_rate: int) -> None:
        self._sample_rate = sample_rate
        self._resampler: Resampler | None = None

    def push(self, frame: AudioFrame | FrameLike) -> list[AudioFrame]:
        """Take the next audio; what is ready of it."""
        mono = to_mono(as_frame(frame))
        if self._resampler is None and mono.sample_rate == self._sample_rate:
            return [mono]
        ready = self._end_former(mono.sample_rate)
        if self._resampler is None:
            self._resampler = Resampler(mono.sample_rate, self._sample_rate)
        return ready + self._resampler.push(mono)

    def flush(self) -> list[AudioFrame]:
        """What was held back, since the audio pauses or ends here."""
        return [] if self._resampler is None else self._resampler.flush()

    def _end_former(self, input_rate: int) -> list[AudioFrame]:
        if self._resampler is None or self._resampler.input_rate == input_rate:
            return []
        last = self._resampler.flush()
        self._resampler = None
        return last


def conform(
    audio: AudioFrame | FrameLike | Iterable[AudioFrame | FrameLike], sample_rate: int
) -> AudioFrame:
    """A whole clip, in one frame or several, as one mono frame of a rate."""
    frames = audio if isinstance(audio, Iterable) else [audio]
    conformer = Conformer(sample_rate)
    parts = [part for frame in frames for part in conformer.push(frame)] + conformer.flush()
    return join_frames(parts) if parts else AudioFrame(data=b"", sample_rate=sample_rate)
