"""Fields that go with every log record of the job in this process."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from agentd.protocol.frames import LogValue


class _Source:
    # Held for the whole process and not in a context variable: a process runs one job, and
    # threads that the user's libraries start inherit no context.
    fields: Callable[[], Mapping[str, Any]] | None = None


_source = _Source()


def current_fields() -> Mapping[str, LogValue]:
    """The job's fields at this moment; empty where no job runs. Callable from any thread."""
    if _source.fields is None:
        return {}
    return {str(name): _plain(value) for name, value in list(_source.fields().items())}


@contextmanager
def fields_from(source: Callable[[], Mapping[str, Any]]) -> Iterator[None]:
    """Take the fields from this function for the length of the block."""
    before, _source.fields = _source.fields, source
    try:
        yield
    finally:
        _source.fields = before


def _plain(value: Any) -> LogValue:
    if value is None or isinstance(value, bool | int | float | str):
        return value
    return str(value)
