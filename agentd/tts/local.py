"""Voices that are computed on this machine: what goes to a runner, and the TTS around one.

The runner (`agentd.models.ModelRunner`) is blocking code; it speaks one part of a text at a time,
so the first part is heard while the next is computed, and closing a stream stops after one.
"""

from __future__ import annotations

from collections.abc import AsyncIterator

import msgspec
from msgspec import Struct

from agentd.audio.frame import AudioFrame
from agentd.errors import ModelError
from agentd.models import LocalModel

from .base import TTS
from .capabilities import TTSCapabilities
from .parts import spoken_parts
from .segment import is_speakable


class Say(Struct, frozen=True, kw_only=True):
    """The request to a runner: one part of a text."""

    text: str


class Said(Struct, frozen=True, kw_only=True):
    """Its answer."""

    pcm: bytes
    """Mono PCM16."""
    sample_rate: int


_encoder = msgspec.msgpack.Encoder()
_say_decoder = msgspec.msgpack.Decoder(Say)
_said_decoder = msgspec.msgpack.Decoder(Said)


def decode_say(request: bytes) -> Say:
    """What a runner is asked; raises ModelError for bytes that are nothing of the kind."""
    try:
        return _say_decoder.decode(request)
    except msgspec.DecodeError as error:
        raise ModelError(f"this is no text to be spoken: {error}") from error


def encode_said(frame: AudioFrame) -> bytes:
    """A runner's answer."""
    return _encoder.encode(Said(pcm=frame.data, sample_rate=frame.sample_rate))


class LocalTTS(TTS):
    """Speaks whole texts by a local model that answers `Say` with `Said`, part by part.

    Nothing is loaded before `prewarm`, `load` or the first text. Needs to be closed.
    """

    def __init__(self, model: LocalModel, *, sample_rate: int) -> None:
        super().__init__(capabilities=TTSCapabilities(streaming=False), sample_rate=sample_rate)
        self._local = model

    def prewarm(self) -> None:
        """Load the voice in the background."""
        self._local.prewarm()

    def load(self) -> None:
        """Load the voice and wait for it: for an app's prewarm function. Raises ModelError."""
        self._local.load()

    async def speak(self, text: str) -> AsyncIterator[AudioFrame]:
        """See the base class."""
        for part in spoken_parts(text):
            if is_speakable(part):
                answer = await self._local.run(_encoder.encode(Say(text=part)))
                said = _said_decoder.decode(answer)
                yield AudioFrame(data=said.pcm, sample_rate=said.sample_rate)

    async def aclose(self) -> None:
        """Let the model go, and what it has of threads. May be repeated."""
        self._local.close()
