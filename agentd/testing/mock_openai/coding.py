"""Sound in the forms of the speech API that are neither samples nor WAV. Needs PyAV."""

from __future__ import annotations

import importlib
from fractions import Fraction
from io import BytesIO
from typing import Any

from msgspec import Struct

from agentd.audio.frame import AudioFrame

from .endpoint import Refused


class Form(Struct, frozen=True):
    """A container and what is in it, by FFmpeg's names."""

    container: str
    codec: str


FORMS = {
    "mp3": Form("mp3", "libmp3lame"),
    "opus": Form("ogg", "libopus"),
    "aac": Form("adts", "aac"),
    "flac": Form("flac", "flac"),
}


def encoded(frame: AudioFrame, name: str) -> bytes:
    """A sound in a form; raises Refused where PyAV is not there. Takes some milliseconds."""
    try:
        av: Any = importlib.import_module("av")
    except ImportError:
        raise Refused(f"without PyAV this mock gives no {name}", param="response_format") from None
    form = FORMS[name]
    written = BytesIO()
    with av.open(written, "w", format=form.container) as container:
        stream = container.add_stream(form.codec, rate=frame.sample_rate, layout="mono")
        sound = av.AudioFrame.from_ndarray(
            frame.samples.reshape(1, -1), format="s16", layout="mono"
        )
        sound.sample_rate = frame.sample_rate
        sound.time_base = Fraction(1, frame.sample_rate)
        sound.pts = 0
        for part in (sound, None):
            container.mux(stream.encode(part))
    return written.getvalue()
