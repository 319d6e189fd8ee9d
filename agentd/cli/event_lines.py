"""Events as lines of a log. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

import msgspec
from msgspec.structs import replace

from agentd.management.views import EventEntry

from .jobs_table import event_lines
from .shown_text import clock, fine_clock

MILLISECONDS = -4
"""Where a time of day to the millisecond has its last part."""


def log_lines(event: EventEntry, *, show_job: bool) -> Iterator[str]:
    """One event: when, how bad, what, whose, and its details."""
    fields = dict(event.fields)
    level = str(fields.pop("level", ""))
    moment = clock(event.time) + fine_clock(event.time)[MILLISECONDS:]
    job = event.job if show_job else ""
    yield from event_lines(replace(event, fields=fields), f"{moment}  {level:<8}", whose=job)


def event_json(event: EventEntry) -> str:
    """One event as a line of JSON."""
    return msgspec.json.encode(event).decode()


class Printed:
    """What was shown of the journal, so that the stream's beginning is not shown again.

    The two give an event different numbers, and times that differ by less than a millisecond.
    """

    def __init__(self) -> None:
        self._events: Counter[tuple[str, str, str, str, str]] = Counter()
        self._last = 0.0

    def note(self, event: EventEntry) -> None:
        """It was shown."""
        self._events[_key(event)] += 1
        self._last = max(self._last, event.time)

    def has(self, event: EventEntry) -> bool:
        """Whether it is one of those; each counts for one."""
        if event.time > self._last + 1.0 or not self._events[_key(event)]:
            return False
        self._events[_key(event)] -= 1
        return True


def _key(event: EventEntry) -> tuple[str, str, str, str, str]:
    fields = msgspec.json.encode(event.fields, order="sorted").decode()
    return event.kind, event.text, event.job, event.child, fields
