"""The interface that a VAD plugin implements."""

from __future__ import annotations

from abc import ABC, abstractmethod

from .events import Activity, VADEvent


class VAD(ABC):
    """A voice activity detector. Made once a process, usually in `prewarm`; holds no audio.

    Each one knows 16 kHz.
    """

    @abstractmethod
    def stream(self, *, sample_rate: int = 16000) -> VADStream:
        """Start to listen to one source of mono audio at a rate in Hz.

        Raises ValueError for a rate that this detector does not know.
        """


class VADStream(ABC):
    """Listens to one source. Belongs to one task; needs no closing."""

    @abstractmethod
    def push(self, pcm: bytes | bytearray | memoryview) -> list[VADEvent]:
        """Take the next mono PCM16 audio, of any length, and say what it has changed.

        It returns at once: a detector that takes longer than the audio lasts is not one. What
        does not fill one of the detector's own frames waits for the next call. Samples may come
        as bytes or as what `rtc.AudioFrame.data` is.
        """

    @abstractmethod
    def flush(self) -> list[VADEvent]:
        """End the speech that is going on, if any. May be repeated; more may be pushed after."""

    @property
    @abstractmethod
    def activity(self) -> Activity:
        """What is known now, after the last `push`. Costs nothing while nobody asks."""
