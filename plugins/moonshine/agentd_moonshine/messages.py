"""What goes to a runner and comes back, as msgpack."""

from __future__ import annotations

import msgspec
from msgspec import Struct

RATE = 16000
"""Hz of the audio that the model hears."""


class Heard(Struct, frozen=True, kw_only=True):
    """One utterance."""

    pcm: bytes
    """Mono PCM16 at RATE."""


class Understood(Struct, frozen=True, kw_only=True):
    """Its text; empty where nobody spoke."""

    text: str


encode = msgspec.msgpack.Encoder().encode
decode_heard = msgspec.msgpack.Decoder(Heard).decode
decode_understood = msgspec.msgpack.Decoder(Understood).decode
