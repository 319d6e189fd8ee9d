"""The machine's microphone and loudspeaker, by PortAudio (the extra `console`)."""

from __future__ import annotations

import asyncio
import importlib
from collections.abc import Callable
from typing import Any

from agentd.errors import SoundUnavailable
from agentd.room.echo import STEPS, CallerSound

from .duplex import SAMPLE_RATE, Duplex

FIX_PACKAGE = "pip install 'agentd[console]'"
AHEAD = 0.1
"""Seconds that the loudspeaker is ahead: Python may be late by some of them without a gap."""

FIX_LIBRARY = "apt-get install libportaudio2 (macOS and Windows have it in the package)"


def sounddevice() -> Any:
    """The library; raises SoundUnavailable, which says what to install."""
    try:
        return importlib.import_module("sounddevice")
    except ImportError as error:
        raise SoundUnavailable(f"sound needs the package sounddevice: {FIX_PACKAGE}") from error
    except OSError as error:
        raise SoundUnavailable(f"sound needs PortAudio ({error}): {FIX_LIBRARY}") from error


def device_list() -> str:
    """The devices there are, a line each: number, name, channels in and out; `>` and `<` mark the
    system's own choice. Raises SoundUnavailable."""
    library = sounddevice()
    try:
        return str(library.query_devices())
    except library.PortAudioError as error:
        raise SoundUnavailable(f"the sound devices can't be listed: {error}") from error


class SoundCard:
    """A microphone and a loudspeaker at work. `lost` is called on the loop if they end of
    themselves, as when they are unplugged."""

    def __init__(
        self,
        duplex: Duplex,
        *,
        input_device: str,
        output_device: str,
        processing: bool,
        lost: Callable[[], None],
    ) -> None:
        self._duplex = duplex
        self._devices = (_device(input_device), _device(output_device))
        self._processing = processing
        self._lost = lost
        self._loop = asyncio.get_running_loop()
        self._streams: list[Any] = []
        self._stopping = False

    def start(self) -> None:
        """Open both; raises SoundUnavailable. Blocks for the fraction of a second that takes."""
        library = sounddevice()
        self._stopping = False
        # Two streams, not one of both: where they are different devices, or behind a sound
        # server, PortAudio (19.6) loses audio in keeping one in step with the other.
        try:
            heard = self._open(library.RawInputStream, self._devices[0], self._hear, "low")
            played = self._open(library.RawOutputStream, self._devices[1], self._play, AHEAD)
        except (library.PortAudioError, ValueError) as error:
            self.stop()
            raise SoundUnavailable(
                f"the microphone and the loudspeaker can't be opened: {error}; choose others with "
                "--input-device and --output-device (--list-devices shows them)"
            ) from error
        self._duplex.speaker.latency = played.latency
        self._duplex.processing = CallerSound() if self._processing else None
        if self._duplex.processing is not None:
            self._duplex.processing.set_delay(heard.latency + played.latency)
        for stream in self._streams:
            stream.start()

    def stop(self) -> None:
        """Close both. May be repeated."""
        self._stopping = True
        while self._streams:
            self._streams.pop().close()

    def _open(
        self,
        kind: Any,
        device: int | str | None,
        callback: Callable[..., None],
        latency: float | str,
    ) -> Any:
        stream = kind(
            samplerate=SAMPLE_RATE,
            blocksize=SAMPLE_RATE // STEPS,
            device=device,
            channels=1,
            dtype="int16",
            latency=latency,
            callback=callback,
            finished_callback=self._finished,
        )
        self._streams.append(stream)
        return stream

    # -- in PortAudio's threads --------------------------------------------------------------

    def _hear(self, heard: Any, _frames: int, _time: Any, _status: Any) -> None:
        self._duplex.hear(bytes(heard))

    def _play(self, played: Any, _frames: int, _time: Any, _status: Any) -> None:
        played[:] = self._duplex.play(len(played))

    def _finished(self) -> None:
        if self._stopping:
            return
        try:
            self._loop.call_soon_threadsafe(self._lost)
        except RuntimeError:
            return  # the loop has ended


def _device(name: str) -> int | str | None:
    if not name:
        return None
    return int(name) if name.isdigit() else name
