"""What the realtime service is told to say and hear, and how it misbehaves."""

from __future__ import annotations

from collections.abc import Iterable
from enum import StrEnum

import numpy as np
from msgspec import Struct

from agentd.testing.fake_llm import FakeCall, FakeReply

RATE = 24000
LOUDNESS = 8000


class RealtimeFaultKind(StrEnum):
    """What goes wrong with one response."""

    LATE = "late"
    """It begins `seconds` later."""
    OUT_OF_ORDER = "out_of_order"
    """Events that tell of an item come after what the item says."""
    DUPLICATED = "duplicated"
    """Each event comes twice."""
    CUT_TEXT = "cut_text"
    """After `after` pieces of audio one event is cut in the middle, and is no JSON."""
    CUT_FRAME = "cut_frame"
    """After `after` pieces half a WebSocket frame comes, and the connection is reset."""
    ODD_BYTES = "odd_bytes"
    """Pieces of audio end in the middle of a sample."""
    ERROR = "error"
    """After `after` pieces an event `error` comes, and all goes on."""
    FAILED = "failed"
    """After `after` pieces the response is over, and has failed with `code`."""
    SLOW = "slow"
    """Pieces of audio come `seconds` apart."""
    STALL = "stall"
    """After `after` pieces nothing more comes of it; the connection stays open."""
    NEVER = "never"
    """It never begins."""
    CLOSE = "close"
    """After `after` pieces the connection is closed with `close_code`; 1006 resets it."""
    EXPIRED = "expired"
    """After `after` pieces the session is over: its time limit is reached."""


class RealtimeFault(Struct, frozen=True, kw_only=True):
    """A misbehaviour of one response."""

    kind: RealtimeFaultKind
    after: int = 1
    """Pieces of audio (of text, in text mode) that come before it; 0 for none."""
    seconds: float = 0.2
    code: str = "server_error"
    close_code: int = 1011


class Unheard:
    """Stands for a transcription of which nothing ever comes."""


UNHEARD = Unheard()


class RealtimeScript:
    """The next responses, what the user is understood to say, and what goes wrong.

    Each response says the next of `replies`, else `default`; a character takes
    `seconds_per_character` of a tone, which comes in pieces of `piece` seconds, as fast as it can
    unless `pause` seconds are to lie between. What the user says is the next of `hears`, else
    nothing; None stands for a transcription that fails, and UNHEARD for one that never comes.
    """

    def __init__(self) -> None:
        self.replies: list[str | FakeCall | FakeReply] = []
        self.default: str | FakeCall | FakeReply = "Yes."
        self.hears: list[str | Unheard | None] = []
        self.faults: list[RealtimeFault | None] = []
        """One for each response, in their order."""
        self.seconds_per_character = 0.05
        self.piece = 0.1
        self.pause = 0.0
        self.time_limit: float | None = None
        """Seconds after which a session is over, as it is after an hour."""

    def set(
        self,
        replies: Iterable[str | FakeCall | FakeReply] = (),
        *,
        hears: Iterable[str | Unheard | None] = (),
        faults: Iterable[RealtimeFault | None] = (),
    ) -> None:
        """Add to what comes next."""
        self.replies += replies
        self.hears += hears
        self.faults += faults

    def next_reply(self) -> FakeReply:
        """What the response that begins now says."""
        reply = self.replies.pop(0) if self.replies else self.default
        if isinstance(reply, str):
            return FakeReply(text=reply)
        return FakeReply(calls=(reply,)) if isinstance(reply, FakeCall) else reply

    def next_heard(self) -> str | Unheard | None:
        """What the user has said."""
        return self.hears.pop(0) if self.hears else ""

    def next_fault(self) -> RealtimeFault | None:
        """How the response that begins now fails."""
        return self.faults.pop(0) if self.faults else None

    def pieces(self, text: str) -> list[bytes]:
        """A text as sound, PCM16."""
        count = round(len(text) * self.seconds_per_character * RATE)
        tone = LOUDNESS * np.sin(2 * np.pi * 500 * np.arange(count) / RATE)
        samples = np.rint(tone).astype("<i2")
        size = round(self.piece * RATE)
        return [samples[at : at + size].tobytes() for at in range(0, count, size)]


def misaligned(pieces: list[bytes]) -> list[bytes]:
    """The same bytes in pieces that end in the middle of a sample."""
    whole = b"".join(pieces)
    size = max(1, len(pieces[0]) - 1) if pieces else 1
    return [whole[at : at + size] for at in range(0, len(whole), size)]
