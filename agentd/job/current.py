"""Which job the running code belongs to."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Literal, overload

from agentd.errors import NotInJob

from .context import JobContext

_current: ContextVar[JobContext] = ContextVar("agentd_job")


@contextmanager
def current_job(context: JobContext) -> Iterator[None]:
    """Make this the job that `get_job_context` returns, here and in tasks started here."""
    token = _current.set(context)
    try:
        yield
    finally:
        _current.reset(token)


@overload
def get_job_context(*, required: Literal[True] = True) -> JobContext: ...


@overload
def get_job_context(*, required: bool) -> JobContext | None: ...


def get_job_context(*, required: bool = True) -> JobContext | None:
    """The job that this code runs in.

    Outside of a job it raises NotInJob or, with `required=False`, returns None.
    """
    context = _current.get(None)
    if context is None and required:
        raise NotInJob
    return context


get_current_job_context = get_job_context
