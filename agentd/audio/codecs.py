"""Coded audio by PyAV (FFmpeg), which only this module knows: MP3, Opus, AAC, FLAC and the like.

PyAV is the extra `codecs`, and is loaded when something is decoded or encoded: it costs 0.1 s and
20 MB, and most agents never need it.
"""

from __future__ import annotations

import importlib
import threading
from pathlib import Path
from typing import Any, Protocol

from agentd.errors import AudioError

from .frame import AudioFrame, with_channels

OGG_RATE = 48000
"""Opus has this rate inside, whatever went in."""
OGG_BIT_RATE = 32000
"""Bits a second for each channel: speech without a flaw to the ear."""
OGG_PAGE = 0.5
"""Seconds of audio after which a page is in the file, and so survives the writer."""

FILE_OPTIONS: dict[str, Any] = {}
LIVE_OPTIONS = {"buffer_size": 1024, "options": {"probesize": "4096", "analyzeduration": "100000"}}
"""To hear what is still being sent FFmpeg must be satisfied with a look at its start: of MP3 it
then wants the first 2 kB (0.3 s), else 11 kB. It gives the same audio, and loses nothing."""

MAX_CODED = 64 * 1024 * 1024
"""Bytes that may wait for the decoder: over an hour of MP3."""


class Readable(Protocol):
    """What a decoder takes bytes from: an open file, or one that is still coming in."""

    def read(self, size: int, /) -> bytes: ...


class CodedBytes:
    """A file of bytes that are still coming in: the decoder's thread waits for them."""

    def __init__(self) -> None:
        self._rest = bytearray()
        self._ended = False
        self._changed = threading.Condition()

    def write(self, data: bytes | bytearray | memoryview) -> None:
        """Add bytes; raises AudioError where the decoder is too far behind."""
        with self._changed:
            if len(self._rest) + len(data) > MAX_CODED:
                raise AudioError(f"more than {MAX_CODED} bytes of coded audio wait to be decoded")
            if not self._ended:
                self._rest += memoryview(data).cast("B")
            self._changed.notify_all()

    def end(self) -> None:
        """No more bytes come. May be repeated."""
        with self._changed:
            self._ended = True
            self._changed.notify_all()

    def abandon(self) -> None:
        """Nobody wants the rest: the decoder finds the end at once."""
        with self._changed:
            self._rest.clear()
        self.end()

    def read(self, size: int) -> bytes:
        """Up to so many bytes, waiting for the first; none at the end."""
        with self._changed:
            # No deadline of its own: whoever closes the decoder abandons this first.
            self._changed.wait_for(lambda: self._rest or self._ended)
            data = bytes(self._rest[:size])
            del self._rest[:size]
            return data


class CodedDecoder:
    """Decodes one file, in whatever thread calls it; one at a time.

    Raises AudioError where PyAV is missing, and for bytes that are no audio it knows.
    """

    def __init__(
        self,
        source: Readable,
        *,
        sample_rate: int,
        num_channels: int,
        container_format: str | None = None,
    ) -> None:
        self._av = _load_av()
        self._source = source
        self._sample_rate = sample_rate
        self._num_channels = num_channels
        self._container_format = container_format
        self._container: Any = None
        self._frames: Any = None
        self._resampler: Any = None

    def next_frame(self) -> AudioFrame | None:
        """The next piece of audio, waiting for bytes where need be; None at the end."""
        try:
            if self._container is None:
                self._open()
            # A resampler may swallow a frame, and has something left after the last.
            while (frame := next(self._frames, None)) is not None:
                if (audio := self._converted(frame)) is not None:
                    return audio
            return self._converted(None)
        except self._av.FFmpegError as error:
            raise AudioError(f"the audio could not be decoded: {error}") from error

    def close(self) -> None:
        """Let go of the decoder. May be repeated."""
        if self._container is not None:
            self._container.close()

    def _open(self) -> None:
        options = LIVE_OPTIONS if isinstance(self._source, CodedBytes) else FILE_OPTIONS
        self._container = self._av.open(self._source, format=self._container_format, **options)
        if not self._container.streams.audio:
            raise AudioError("there is no audio in what was to be decoded")
        self._frames = self._container.decode(audio=0)
        self._resampler = self._av.AudioResampler(
            format="s16",
            layout="mono" if self._num_channels == 1 else "stereo",
            rate=self._sample_rate,
        )

    def _converted(self, frame: Any) -> AudioFrame | None:
        if self._resampler is None:
            return None
        if frame is None:
            resampler, self._resampler = self._resampler, None
            parts = resampler.resample(None)
        else:
            parts = self._resampler.resample(frame)
        data = b"".join(
            bytes(part.planes[0])[: 2 * len(part.layout.channels) * part.samples] for part in parts
        )
        if not data:
            return None
        return AudioFrame(
            data=data, sample_rate=self._sample_rate, num_channels=min(2, self._num_channels)
        )


class OggOpusWriter:
    """Writes Opus in OGG. What was written half a second ago is readable, also after a crash.

    Blocking: a second of stereo costs some 5 ms, so it is for a thread where it is much. Raises
    AudioError where PyAV is missing and where the file can't be written.
    """

    def __init__(self, path: str | Path, *, num_channels: int = 2) -> None:
        av = _load_av()
        self._av = av
        self._path = path
        self._num_channels = num_channels
        options = {"flush_packets": "1", "page_duration": str(round(OGG_PAGE * 1e6))}
        layout = "mono" if num_channels == 1 else "stereo"
        try:
            self._file = av.open(str(path), "w", format="ogg", options=options)
            self._stream = self._file.add_stream("libopus", rate=OGG_RATE, layout=layout)
            self._stream.bit_rate = OGG_BIT_RATE * num_channels
            self._file.start_encoding()  # opens the file, so that what is wrong with it is said
        except (av.FFmpegError, OSError) as error:
            raise AudioError(f"'{path}' could not be written: {error}") from error
        self._written = 0
        self._closed = False

    @property
    def duration(self) -> float:
        """Seconds written."""
        return self._written / OGG_RATE

    def write(self, frame: AudioFrame) -> None:
        """Add audio of 48 kHz; its channels are adapted."""
        if frame.sample_rate != OGG_RATE:
            raise AudioError(f"an OGG file takes {OGG_RATE} Hz, not {frame.sample_rate} Hz")
        samples = with_channels(frame, self._num_channels).samples
        layout = "mono" if self._num_channels == 1 else "stereo"
        picture = self._av.AudioFrame.from_ndarray(
            samples.reshape(1, -1), format="s16", layout=layout
        )
        picture.sample_rate = OGG_RATE
        picture.pts = self._written
        self._written += frame.samples_per_channel
        self._encode(picture)

    def close(self) -> None:
        """Write what is left and let go of the file. May be repeated."""
        if self._closed:
            return
        self._closed = True
        try:
            self._encode(None)
        finally:
            self._file.close()

    def _encode(self, frame: Any) -> None:
        try:
            for packet in self._stream.encode(frame):
                self._file.mux(packet)
        except (self._av.FFmpegError, OSError) as error:
            raise AudioError(f"'{self._path}' could not be written: {error}") from error


def _load_av() -> Any:
    try:
        return importlib.import_module("av")
    except ImportError:
        raise AudioError("only WAV is known without PyAV: pip install 'agentd[codecs]'") from None
