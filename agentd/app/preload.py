"""What an app wants done once, in the template, before children are forked."""

from __future__ import annotations

import importlib
import inspect

from agentd.errors import AppError

from .server import AgentServer


def run_preload(app: AgentServer) -> None:
    """Import the app's `preload_modules`, then call its `preload_fnc`; lets their errors out.

    Raises AppError where `preload_fnc` is a coroutine function: there is no event loop
    in the template.
    """
    for name in app.preload_modules:
        importlib.import_module(name)
    if app.preload_fnc is None:
        return
    if inspect.iscoroutinefunction(app.preload_fnc):
        raise AppError("preload_fnc is a coroutine function: define it with 'def'")
    app.preload_fnc()
