"""What goes to a runner and comes back, as msgpack."""

from __future__ import annotations

import msgspec
from msgspec import Struct


class Heard(Struct, frozen=True, kw_only=True):
    """The end of a turn."""

    pcm: bytes
    """Mono PCM16 at 16 kHz; the last 8 s of it count."""


class Judged(Struct, frozen=True, kw_only=True):
    """How likely it is that the turn is over, from 0 to 1."""

    probability: float


encode = msgspec.msgpack.Encoder().encode
decode_heard = msgspec.msgpack.Decoder(Heard).decode
decode_judged = msgspec.msgpack.Decoder(Judged).decode
