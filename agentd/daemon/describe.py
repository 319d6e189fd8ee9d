"""Asks an app what it says of itself, without a daemon: for `agentd config APP`."""

from __future__ import annotations

import msgspec

from agentd.errors import TemplateError
from agentd.protocol.app import AppInfo, AppRef, BootArgs
from agentd.protocol.frames import Description
from agentd.settings.load import environment
from agentd.supervisor.spawn import run_python
from agentd.supervisor.template import app_error


def describe_app(ref: AppRef, timeout: float) -> AppInfo:
    """Import the app in a process of its own and return what it says.

    What it prints goes to our standard error. Raises AppError for what is wrong with the
    app and TemplateError when the process failed or took longer than `timeout` seconds.
    """
    boot = BootArgs(app=ref, describe=True)
    arguments = ["-m", "agentd.template", msgspec.json.encode(boot).decode()]
    try:
        done = run_python(arguments, environment(), timeout)
    except TimeoutError as error:
        raise TemplateError(f"'{ref}' was not imported within {timeout:g} s") from error
    try:
        answer = msgspec.json.decode(done.output, type=Description)
    except msgspec.DecodeError as error:
        raise TemplateError(
            f"the process ended with code {done.code} while it imported '{ref}'"
        ) from error
    if answer.failure is not None:
        raise app_error(answer.failure)
    assert answer.app is not None
    return answer.app
