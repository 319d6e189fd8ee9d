"""How a value is shown to people: secrets and passwords masked. Pure."""

from __future__ import annotations

import re

from .fields import FIELDS, Value

MASK = "********"

_PASSWORD = re.compile(r"(?<=://)([^/@\s]*):([^/@\s]*)@")


def plain_value(name: str, value: Value) -> Value:
    """The value of a field for programs: a number stays one, a secret is masked."""
    return shown_value(name, value) if isinstance(value, str) else value


def shown_value(name: str, value: Value) -> str:
    """The value of a field for a table, a log line or an error."""
    if value == "":
        return ""
    if FIELDS[name].secret:
        return MASK
    if isinstance(value, float):
        return f"{value:g}"
    return _PASSWORD.sub(rf"\1:{MASK}@", str(value))
