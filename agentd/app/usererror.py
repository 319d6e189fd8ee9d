"""Errors of the user's code as the user wants to read them: without our own frames."""

from __future__ import annotations

from pathlib import Path
from traceback import FrameSummary, StackSummary, TracebackException

from agentd.logs.record import EXCEPTION
from agentd.masking import masked

_PACKAGE = str(Path(__file__).resolve().parent.parent) + "/"

_IMPORT_MACHINERY = ("<frozen importlib", "<frozen runpy")


def user_traceback(exc: BaseException, *, verbose: bool = False) -> str:
    """The formatted traceback with only the frames that are outside of agentd.

    Causes, contexts and the members of exception groups are trimmed likewise. An error
    that no foreign frame has a part in is shown whole, and so is every error with `verbose`.
    """
    shown = TracebackException.from_exception(exc)
    if not verbose:
        _trim(shown)
    return masked("".join(shown.format()).rstrip("\n"))


def one_line(exc: BaseException) -> str:
    """`ExcType: message` on one line, known secrets masked."""
    message = masked(" ".join(str(exc).split()))
    return f"{type(exc).__name__}: {message}" if message else type(exc).__name__


def error_fields(exc: BaseException) -> dict[str, str]:
    """The error as a log record's `extra`: one line, and the traceback's trimmed text."""
    return {"error": one_line(exc), EXCEPTION: user_traceback(exc)}


def _trim(shown: TracebackException) -> None:
    kept = [frame for frame in shown.stack if not _is_ours(frame)]
    if kept or issubclass(shown.exc_type, SyntaxError):  # its text has the line itself
        shown.stack = StackSummary.from_list(kept)
    for related in (shown.__cause__, shown.__context__, *(shown.exceptions or ())):
        if related is not None:
            _trim(related)


def _is_ours(frame: FrameSummary) -> bool:
    return frame.filename.startswith((_PACKAGE, *_IMPORT_MACHINERY))
