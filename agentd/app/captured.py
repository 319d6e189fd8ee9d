"""How a script that ends in `cli.run_app(server)` hands its app to the template.

The template runs such a script as `__main__` inside `capturing()`. There `cli.run_app`
calls `hand_over`, which ends the script by an exception that carries the app; elsewhere
`hand_over` does nothing and `cli.run_app` goes on to start the daemon.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from .find import as_server
from .options import WorkerOptions
from .server import AgentServer


class AppCaptured(SystemExit):
    """Ends a script that has handed over its app.

    A SystemExit, so that a script's own `except Exception` does not stop it.
    """

    def __init__(self, app: AgentServer) -> None:
        super().__init__(0)
        self.app = app


class _Capture:
    active = False


_capture = _Capture()


@contextmanager
def capturing() -> Iterator[None]:
    """Make `hand_over` end the script, for the length of the block."""
    before, _capture.active = _capture.active, True
    try:
        yield
    finally:
        _capture.active = before


def is_capturing() -> bool:
    """Whether a script is being run for its app only."""
    return _capture.active


def hand_over(app: AgentServer | WorkerOptions) -> None:
    """Raise AppCaptured with the app if a script is run for it; otherwise do nothing."""
    if _capture.active:
        raise AppCaptured(as_server(app))
