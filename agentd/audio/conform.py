"""Audio of any kind into the one kind that a stage wants."""

from __future__ import annotations

from collections.abc import Iterable

from .frame import AudioFrame, FrameLike, as_frame, join_frames, with_channels
from .resample import Resampler


class Conformer:
    """Makes one stream of audio of one rate, and mono or of other channels. Belongs to one stream.

    The source may change its format on the way, as a caller who switches microphones does. What
    fits already is handed through as it is. For `prompt` see the Resampler.
    Raises AudioError for what is no PCM16.
    """

    def __init__(self, sample_rate: int, num_channels: int = 1, *, prompt: bool = False) -> None:
        self.sample_rate = sample_rate
        self.num_channels = num_channels
        self._prompt = prompt
        self._resampler: Resampler | None = None

    def push(self, frame: AudioFrame | FrameLike) -> list[AudioFrame]:
        """Take the next audio; what is ready of it."""
        fitting = with_channels(as_frame(frame), self.num_channels)
        if self._resampler is None and fitting.sample_rate == self.sample_rate:
            return [fitting]
        ready = self._end_former(fitting.sample_rate)
        if self._resampler is None:
            self._resampler = Resampler(
                fitting.sample_rate, self.sample_rate, self.num_channels, prompt=self._prompt
            )
        return ready + self._resampler.push(fitting)

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
