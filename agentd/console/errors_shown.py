"""Tracebacks in the log as the user wants to read them: without agentd's own frames."""

from __future__ import annotations

import logging

from agentd.app.usererror import user_traceback
from agentd.logs.record import EXCEPTION


def show_users_frames(*, verbose: bool) -> None:
    """Trim the traceback of every record that is written from now on."""
    for handler in logging.getLogger().handlers:
        handler.addFilter(_Trim(verbose=verbose))


class _Trim(logging.Filter):
    def __init__(self, *, verbose: bool) -> None:
        super().__init__()
        self._verbose = verbose

    def filter(self, record: logging.LogRecord) -> bool:
        if record.exc_info and record.exc_info[1] is not None:
            record.__dict__[EXCEPTION] = user_traceback(record.exc_info[1], verbose=self._verbose)
            record.exc_info = None
        return True
