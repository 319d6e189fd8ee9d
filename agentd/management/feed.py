"""What happens, told to those who watch: the last lines of the log that have an `action`.

One ring for all readers, and each has a place in it: whoever is so slow that his place has fallen
out of it is dropped, so that no reader costs memory of his own. A message is encoded when it is
first read, once for all; without a reader nothing is encoded at all.
"""

from __future__ import annotations

import asyncio
import logging
import threading
from collections import deque
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from importlib.metadata import version
from uuid import uuid4

from msgspec import Struct

from agentd.aio.timing import now
from agentd.journal.loghandler import LOGGER
from agentd.journal.records import EventRecord
from agentd.logs.record import Entry, entry_of

from .answers import as_json
from .controls import Controls
from .history import event_entry
from .views import FeedEntry, FeedHello

logger = logging.getLogger("agentd.management")

RING_SIZE = 1000
"""Messages that are kept for those who come again."""

PAGE_SIZE = 100
"""Messages that a reader is given at once."""

MAX_MESSAGE = 16 * 1024
"""Bytes of one message; the fields of a longer one are left out."""

MAX_READERS = 16

GATHER_INTERVAL = 0.05
"""Seconds in which messages are gathered before readers are woken: a burst wakes them once."""

STATUS_INTERVAL = 0.25
"""Seconds between two views of the status while things change."""

KEEP_ALIVE = 15.0
"""Seconds after which the status is sent although nothing has changed, with a comment before it."""


class FeedView(Struct, frozen=True, kw_only=True):
    """The feed at one moment."""

    readers: int
    dropped: int
    """Readers that were too slow."""
    last: int
    """Messages since the start."""


class TooSlow(Exception):
    """What a reader has not read yet is not kept any more."""


class _Message:
    __slots__ = ("encoded", "entry", "number")

    def __init__(self, number: int, entry: Entry) -> None:
        self.number = number
        self.entry = entry
        self.encoded = b""


class EventFeed:
    """The ring, and who reads it. Lives as long as the daemon; tells while `serving`."""

    def __init__(self) -> None:
        self.boot = uuid4().hex[:8]
        self._version = version("agentd")
        self._lock = threading.Lock()
        self._ring: deque[_Message] = deque(maxlen=RING_SIZE)
        self._last = 0
        self._readers: set[Reader] = set()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._gathering = False
        self._status = _StatusTeller(self.wake)
        self.dropped = 0

    # -- what happens --------------------------------------------------------------------

    @asynccontextmanager
    async def serving(self, controls: Controls) -> AsyncIterator[None]:
        """Listen to the log, and let readers come; on leaving they are sent away."""
        self._loop = asyncio.get_running_loop()
        handler = FeedHandler(self)
        logging.getLogger(LOGGER).addHandler(handler)
        self._status.begin(controls)
        try:
            yield
        finally:
            logging.getLogger(LOGGER).removeHandler(handler)
            self._loop = None
            self._status.end()
            self.wake()

    def put(self, entry: Entry) -> None:
        """Something has happened. May come from any thread."""
        with self._lock:
            self._last += 1
            self._ring.append(_Message(self._last, entry))
            loop = self._loop
            if loop is None or self._gathering or not self._readers:
                return
            self._gathering = True
        loop.call_soon_threadsafe(loop.call_later, GATHER_INTERVAL, self._gathered)

    def _gathered(self) -> None:
        with self._lock:
            self._gathering = False
        self.wake()

    def wake(self) -> None:
        """Have every reader look."""
        for reader in self._readers:
            reader.woken.set()

    # -- those who watch -----------------------------------------------------------------

    @property
    def serves(self) -> bool:
        """Whether readers may come."""
        return self._loop is not None

    @property
    def has_room(self) -> bool:
        return len(self._readers) < MAX_READERS

    def view(self) -> FeedView:
        """The feed at this moment."""
        return FeedView(readers=len(self._readers), dropped=self.dropped, last=self._last)

    def join(self, after: str) -> Reader:
        """A new reader, who has seen what came up to `after`; nothing of before where it is empty.

        To be let go with `leave`.
        """
        with self._lock:
            oldest = self._ring[0].number if self._ring else self._last + 1
            seen, missed = place_of(after, boot=self.boot, oldest=oldest, last=self._last)
        hello = FeedHello(
            boot=self.boot, version=self._version, replayed=self._last - seen, missed=missed
        )
        reader = Reader(seen, message("hello", as_json(hello)))
        self._readers.add(reader)
        if len(self._readers) == 1:
            self._status.resume()
        return reader

    def leave(self, reader: Reader) -> None:
        """A reader has gone."""
        self._readers.discard(reader)
        if not self._readers:
            self._status.pause()

    def read(self, reader: Reader) -> bytes:
        """What is new for a reader; empty for nothing. Raises TooSlow."""
        reader.woken.clear()
        parts, reader.first = [reader.first], b""
        status = self._status
        if reader.status_seen != status.number:
            reader.status_seen = status.number
            parts.append(status.encoded)
        with self._lock:
            fresh = self._after(reader.seen)
        parts += map(self._encoded, fresh)
        if fresh:
            reader.seen = fresh[-1].number
            if reader.seen < self._last:
                reader.woken.set()  # there is more
        return b"".join(parts)

    def _after(self, seen: int) -> list[_Message]:
        if seen >= self._last:
            return []
        oldest = self._ring[0].number
        if seen < oldest - 1:
            raise TooSlow
        begin = seen + 1 - oldest
        return [self._ring[at] for at in range(begin, min(begin + PAGE_SIZE, len(self._ring)))]

    def _encoded(self, one: _Message) -> bytes:
        if not one.encoded:
            one.encoded = encode(f"{self.boot}-{one.number}", one.entry)
        return one.encoded


class Reader:
    """One who watches."""

    def __init__(self, seen: int, first: bytes) -> None:
        self.woken = asyncio.Event()
        """Set when there may be something to read."""
        self.woken.set()
        self.seen = seen
        self.first = first
        self.status_seen = 0


class FeedHandler(logging.Handler):
    """Puts each line that has an `action` into the feed; never waits."""

    def __init__(self, feed: EventFeed, level: int = logging.INFO) -> None:
        super().__init__(level)
        self._feed = feed

    def emit(self, record: logging.LogRecord) -> None:
        """Called under the handler's lock, by any thread."""
        if "action" in record.__dict__:
            self._feed.put(entry_of(record))


class _StatusTeller:
    """The status, encoded once for all readers, and not too often."""

    def __init__(self, wake: Callable[[], None]) -> None:
        self._wake = wake
        self._controls: Controls | None = None
        self._unsubscribe: Callable[[], None] | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._due_at = 0.0
        self._made_at = 0.0
        self.number = 0
        self.encoded = b""

    def begin(self, controls: Controls) -> None:
        self._controls = controls

    def end(self) -> None:
        self.pause()
        self._controls = None

    def resume(self) -> None:
        """The first reader has come."""
        if self._controls is not None and self._unsubscribe is None:
            self._unsubscribe = self._controls.subscribe(self._note_change)
            self._make()

    def pause(self) -> None:
        """The last reader has gone."""
        if self._unsubscribe is not None:
            self._unsubscribe()
            self._unsubscribe = None
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _note_change(self) -> None:
        due_at = max(now(), self._made_at + STATUS_INTERVAL)
        if due_at < self._due_at:
            self._arm(due_at, self._make)

    def _arm(self, due_at: float, call: Callable[[], None]) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self._due_at = due_at
        self._timer = asyncio.get_running_loop().call_at(due_at, call)

    def _keep_alive(self) -> None:
        self._make(b": keep-alive\n\n")

    def _make(self, before: bytes = b"") -> None:
        if self._controls is None:
            return
        self._made_at = now()
        self._arm(self._made_at + KEEP_ALIVE, self._keep_alive)
        try:
            status = self._controls.status()
        except Exception:
            # The border to the daemon's views: a fault there must not end the stream of events.
            logger.exception(
                "the status could not be made; readers of /events keep the one before",
                extra={"action": "feed_status_failed"},
            )
            return
        self.encoded = before + message("status", as_json(status))
        self.number += 1
        self._wake()


# -- rules -------------------------------------------------------------------------------


def place_of(after: str, *, boot: str, oldest: int, last: int) -> tuple[int, bool]:
    """The number of the last message that was seen, and whether others were missed.

    An id of an earlier start, or one that was never given, has seen nothing of this one.
    """
    if not after:
        return last, False
    of_boot, _, number = after.rpartition("-")
    seen = int(number)
    if of_boot != boot or seen > last:
        return oldest - 1, True
    return max(seen, oldest - 1), seen < oldest - 1


def is_id(text: str) -> bool:
    """Whether text looks like an id that we have given."""
    boot, dash, number = text.rpartition("-")
    digits = number.isascii() and number.isdigit() and len(number) < 16
    return bool(dash) and boot.isalnum() and len(boot) <= 32 and digits


def encode(number: str, entry: Entry) -> bytes:
    """One message of an event."""
    fields = dict(entry.fields)
    kind, job, child = (str(fields.pop(name, "")) for name in ("action", "job", "child"))
    fields["level"] = entry.level
    if entry.exception:
        fields["exception"] = entry.exception
    record = EventRecord(time=entry.time, kind=kind, text=entry.message, child=child, fields=fields)
    shown = event_entry(record)
    found = FeedEntry(
        id=number,
        time=shown.time,
        kind=shown.kind,
        text=shown.text,
        job=job,
        child=shown.child,
        fields=shown.fields,
    )
    data = as_json(found)
    if len(data) > MAX_MESSAGE:
        left_out = {"level": entry.level, "left_out": sorted(fields)[:50]}
        short = FeedEntry(
            id=number,
            time=shown.time,
            kind=shown.kind[:200],
            text=shown.text[:2000],
            job=job[:200],
            child=shown.child[:200],
            fields=left_out,
        )
        data = as_json(short)
    return message("event", data, number)


def message(kind: str, data: bytes, number: str = "") -> bytes:
    """One message of a stream of server-sent events; JSON has no line breaks of its own."""
    head = f"id: {number}\n" if number else ""
    return f"{head}event: {kind}\n".encode() + b"data: " + data + b"\n\n"
