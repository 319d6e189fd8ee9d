"""Words and figures for a terminal. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from typing import Any

import msgspec
from msgspec import Struct


def as_json(shown: Struct) -> str:
    """For programs: the same document that the control API gives, indented."""
    return msgspec.json.format(msgspec.json.encode(shown), indent=2).decode()


def safe_line(text: str) -> str:
    """One line that can't steer the terminal: room names and errors come from outside."""
    return "".join(letter if letter.isprintable() else _escaped(letter) for letter in text)


def safe_lines(text: str) -> list[str]:
    """The same for a text of several lines, such as a stack."""
    return [safe_line(line.replace("\t", "    ")) for line in text.split("\n")]


def _escaped(letter: str) -> str:
    return letter.encode("unicode_escape").decode()


def duration(seconds: float) -> str:
    """To a precision that people care for."""
    if seconds < 60:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    days, hours = divmod(hours, 24)
    if days:
        return f"{days} d {hours} h"
    return f"{hours} h {minutes} min" if hours else f"{minutes} min {rest} s"


def clock(time: float | None) -> str:
    """An instant of the journal in the machine's time zone; empty for none."""
    if time is None:
        return ""
    return f"{datetime.fromtimestamp(time, UTC).astimezone():%Y-%m-%d %H:%M:%S}"


def fine_clock(time: float) -> str:
    """The time of day to the millisecond: what follows what within a second matters."""
    return f"{datetime.fromtimestamp(time, UTC).astimezone():%H:%M:%S.%f}"[:-3]


def plural(count: int, noun: str) -> str:
    """`1 job`, `2 jobs`."""
    return f"{count} {noun}" if count == 1 else f"{count} {noun}s"


def short_fields(fields: Mapping[str, Any]) -> str:
    """Details of one line each, as `name=value`."""
    return " ".join(
        f"{name}={safe_line(_value(value))}" for name, value in fields.items() if not _long(value)
    )


def long_fields(fields: Mapping[str, Any]) -> Iterator[tuple[str, list[str]]]:
    """Details that need lines of their own: stacks, last log lines."""
    for name, value in fields.items():
        if isinstance(value, str) and _long(value):
            yield name, safe_lines(value.strip("\n"))
        elif _long(value):
            yield name, [line for item in value for line in safe_lines(_value(item))]


def _long(value: Any) -> bool:
    if isinstance(value, str):
        return "\n" in value.strip("\n")
    return isinstance(value, list) and bool(value) and all(isinstance(one, str) for one in value)


def _value(value: Any) -> str:
    return value if isinstance(value, str) else msgspec.json.encode(value).decode()
