"""Entry point of the template: `python -m agentd.template BOOT_ARGS_AS_JSON`."""

from __future__ import annotations

import os
import sys

import msgspec

from agentd.app.describe import describe
from agentd.child.entrypoint import load_app
from agentd.child.life import ChildPlan, run_child
from agentd.errors import AppError
from agentd.protocol.app import BootArgs
from agentd.protocol.frames import Description

from .serve import failure_frame, serve


def main() -> int:
    boot = msgspec.json.decode(sys.argv[1], type=BootArgs)
    if boot.describe:
        return _describe(boot)
    forked = serve(boot)
    if forked is None:
        return 0
    app, child_id = forked
    # Here we are in a child: its life begins with the template's stack unwound, and ends
    # like any Python process, with exit handlers and all.
    return run_child(
        ChildPlan(child_id=child_id, socket=boot.socket, verbose=boot.verbose), lambda: app
    )


def _describe(boot: BootArgs) -> int:
    """Print what the app says of itself, for `agentd config`."""
    answer = os.dup(1)
    os.dup2(2, 1)  # what the app prints while it is imported is not part of the answer
    try:
        description = Description(app=describe(load_app(boot.app, verbose=boot.verbose)))
    except AppError as error:
        description = Description(failure=failure_frame(error))
    os.write(answer, msgspec.json.encode(description))
    return 0


if __name__ == "__main__":
    sys.exit(main())
