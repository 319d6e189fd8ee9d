"""Claims in the journal: what a kill between two calls must not make us forget."""

from __future__ import annotations

import logging
from typing import Protocol

import msgspec

from agentd.journal.records import ClaimRecord

from .claim import Begun

logger = logging.getLogger("agentd.dispatch")

_encoder = msgspec.msgpack.Encoder()
_decoder = msgspec.msgpack.Decoder(Begun)


class ClaimJournal(Protocol):
    """The journal, as far as claims need it. None of it raises."""

    def record_claim(self, dispatch: str, data: bytes) -> None: ...

    def record_event(self, kind: str, text: str = "") -> None: ...

    async def flush(self) -> bool: ...

    async def claims(self) -> list[ClaimRecord]: ...


class ClaimBook:
    """Claims that are not over."""

    def __init__(self, journal: ClaimJournal) -> None:
        self._journal = journal

    async def begin(self, begun: Begun) -> None:
        """Write a claim down; returns when it is on disk, or can't be.

        Without a disk the dispatch is made again all the same: a caller waits for it.
        """
        old = begun.dispatch
        text = f"dispatch {old.id} for {old.agent_name!r} in room {old.room!r}"
        self._journal.record_event("dispatch_claimed", text)
        self._journal.record_claim(old.id, _encoder.encode(begun))
        await self._journal.flush()

    def over(self, begun: Begun) -> None:
        """Nothing is left to do about a claim."""
        self._journal.record_claim(begun.dispatch.id, b"")

    async def left(self) -> list[Begun]:
        """Those that an earlier daemon has left, oldest first."""
        read = [self._read(record) for record in await self._journal.claims()]
        return [begun for begun in read if begun is not None]

    def _read(self, record: ClaimRecord) -> Begun | None:
        try:
            return _decoder.decode(record.data)
        except msgspec.MsgspecError as error:
            note_dropped(record.dispatch, f"its record can't be read: {error}")
            self._journal.record_claim(record.dispatch, b"")
            return None


def note_dropped(dispatch_id: str, reason: str, **told: str) -> None:
    """Say why a claim that an earlier daemon has left is not gone on with."""
    logger.warning(
        "a claim that an earlier daemon has left needs nothing more",
        extra={"action": "claim_dropped", "dispatch": dispatch_id, "reason": reason, **told},
    )
