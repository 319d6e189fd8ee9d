"""PCM16 audio on numpy: frames, formats, files, mixing, loudness and likeness.

Computational but for files, and for `stream_decoder`, which waits for bytes on the event loop.
Nothing here knows rtc or a model; what cuts speech out of audio lives in `agentd.vad`. The public
names are loaded on first use: who needs frames needs no decoder.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .array_buffer import AudioArrayBuffer as AudioArrayBuffer
    from .byte_stream import AudioByteStream as AudioByteStream
    from .clips import BuiltinAudioClip as BuiltinAudioClip
    from .codecs import OggOpusWriter as OggOpusWriter
    from .combine import AudioBuffer as AudioBuffer
    from .combine import calculate_audio_duration as calculate_audio_duration
    from .combine import combine_frames as combine_frames
    from .combine import silence_frame as silence_frame
    from .combine import silence_frame_like as silence_frame_like
    from .files import audio_frames_from_file as audio_frames_from_file
    from .frame import AudioFrame as AudioFrame
    from .mixer import Mixer as Mixer
    from .resample import Resampler as Resampler
    from .sounds import AudioConfig as AudioConfig
    from .stream_decoder import AudioStreamDecoder as AudioStreamDecoder
    from .timeline import Timeline as Timeline
    from .wav_writer import WavWriter as WavWriter

_NAMES = {
    "AudioArrayBuffer": "array_buffer",
    "AudioBuffer": "combine",
    "AudioByteStream": "byte_stream",
    "AudioConfig": "sounds",
    "AudioFrame": "frame",
    "AudioStreamDecoder": "stream_decoder",
    "BuiltinAudioClip": "clips",
    "Mixer": "mixer",
    "OggOpusWriter": "codecs",
    "Resampler": "resample",
    "Timeline": "timeline",
    "WavWriter": "wav_writer",
    "audio_frames_from_file": "files",
    "calculate_audio_duration": "combine",
    "combine_frames": "combine",
    "silence_frame": "combine",
    "silence_frame_like": "combine",
}
"""The module of each public name."""

__all__ = [*_NAMES]  # noqa: PLE0604 - the table above is the list


def __getattr__(name: str) -> Any:
    if name not in _NAMES:
        raise AttributeError(f"module '{__name__}' has no attribute '{name}'")
    value = getattr(importlib.import_module(f"{__name__}.{_NAMES[name]}"), name)
    globals()[name] = value
    return value
