"""Coded audio into frames while it comes in, as voice services send it."""

from __future__ import annotations

import asyncio
from collections import deque
from concurrent.futures import ThreadPoolExecutor

from agentd.errors import AudioError

from .codecs import MAX_CODED, CodedBytes, CodedDecoder
from .conform import Conformer
from .frame import AudioFrame
from .wav_decoder import WavDecoder, is_wav

START_BYTES = 12
"""What is needed to tell a WAV file from others."""


class AudioStreamDecoder:
    """Takes the bytes of one audio file, gives frames of one form; iterated by one task.

    WAV is decoded as it is pushed; everything else by PyAV (the extra `codecs`) in a thread of its
    own, which ends with `aclose`. `format` is FFmpeg's name of the container, for the few that
    can't be told by their start. Iterating raises AudioError for bytes that are no audio.
    """

    def __init__(
        self,
        *,
        sample_rate: int = 48000,
        num_channels: int = 1,
        format: str | None = None,
    ) -> None:
        self._sample_rate = sample_rate
        self._num_channels = num_channels
        self._format = format
        self._start = bytearray()
        self._ended = False
        self._source: _WavSource | _CodedSource | None = None
        self._chosen = asyncio.Event()

    def push(self, chunk: bytes | bytearray | memoryview) -> None:
        """Add bytes; raises AudioError when 64 MB of them wait, and after `end_input`."""
        if self._ended:
            raise AudioError("no bytes can be added after the end of the input")
        if self._source is not None:
            self._source.push(chunk)
            return
        self._start += memoryview(chunk).cast("B")
        if len(self._start) >= START_BYTES:
            self._choose()

    def end_input(self) -> None:
        """No more bytes come; the iteration ends with the last audio. May be repeated."""
        self._ended = True
        if self._source is None and self._start:
            self._choose()
        if self._source is not None:
            self._source.end()
        self._chosen.set()

    async def aclose(self) -> None:
        """End it at once. May be repeated."""
        self.end_input()
        if self._source is not None:
            await self._source.aclose()

    def __aiter__(self) -> AudioStreamDecoder:
        return self

    async def __anext__(self) -> AudioFrame:
        await self._chosen.wait()
        frame = await self._source.next_frame() if self._source is not None else None
        if frame is None:
            raise StopAsyncIteration
        return frame

    async def __aenter__(self) -> AudioStreamDecoder:
        return self

    async def __aexit__(self, *exc: object) -> None:
        await self.aclose()

    def _choose(self) -> None:
        if self._format == "wav" or is_wav(self._start):
            self._source = _WavSource(Conformer(self._sample_rate, self._num_channels))
        else:
            self._source = _CodedSource(self._sample_rate, self._num_channels, self._format)
        self._source.push(self._start)
        self._start = bytearray()
        self._chosen.set()


class _WavSource:
    """Decodes at once, and keeps what nobody has asked for yet."""

    def __init__(self, conformer: Conformer) -> None:
        self._decoder = WavDecoder()
        self._conformer = conformer
        self._frames: deque[AudioFrame] = deque()
        self._waiting = 0
        self._error: AudioError | None = None
        self._ended = False
        self._changed = asyncio.Event()

    def push(self, data: bytes | bytearray | memoryview) -> None:
        if self._waiting > MAX_CODED:
            raise AudioError(f"more than {MAX_CODED} bytes of audio wait to be taken")
        if self._error is None:
            try:
                self._keep(self._decoder.push(data))
            except AudioError as error:  # told where the audio is asked for, as with other kinds
                self._error = error
        self._changed.set()

    def end(self) -> None:
        if not self._ended and self._error is None:
            try:
                self._keep(self._decoder.flush())
                self._frames.extend(self._conformer.flush())
            except AudioError as error:  # as above
                self._error = error
        self._ended = True
        self._changed.set()

    async def next_frame(self) -> AudioFrame | None:
        while not self._frames:
            if self._error is not None:
                raise self._error
            if self._ended:
                return None
            self._changed.clear()
            await self._changed.wait()
        frame = self._frames.popleft()
        self._waiting -= len(frame.data)
        return frame

    async def aclose(self) -> None:
        self._ended = True
        self._frames.clear()

    def _keep(self, frames: list[AudioFrame]) -> None:
        for frame in frames:
            self._frames.extend(self._conformer.push(frame))
        self._waiting = sum(len(frame.data) for frame in self._frames)


class _CodedSource:
    """Decodes in a thread, a frame at a time, when it is asked."""

    def __init__(self, sample_rate: int, num_channels: int, container_format: str | None) -> None:
        self._bytes = CodedBytes()
        self._decoder = CodedDecoder(
            self._bytes,
            sample_rate=sample_rate,
            num_channels=num_channels,
            container_format=container_format,
        )
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="agentd-decoder")
        self._running: asyncio.Future[AudioFrame | None] | None = None
        self._closed = False

    def push(self, data: bytes | bytearray | memoryview) -> None:
        self._bytes.write(data)

    def end(self) -> None:
        self._bytes.end()

    async def next_frame(self) -> AudioFrame | None:
        if self._closed:
            return None
        if self._running is None:
            loop = asyncio.get_running_loop()
            self._running = loop.run_in_executor(self._thread, self._decoder.next_frame)
        # Shielded: where the caller is cancelled the thread goes on, and the next call gets this.
        frame = await asyncio.shield(self._running)
        self._running = None
        return frame

    async def aclose(self) -> None:
        if self._closed:
            return
        self._closed = True
        self._bytes.abandon()
        if self._running is not None:
            await asyncio.gather(self._running, return_exceptions=True)
        loop = asyncio.get_running_loop()
        await loop.run_in_executor(self._thread, self._decoder.close)
        self._thread.shutdown(wait=False)
