"""Types commands where no daemon runs, then where one runs that the user may not ask.

For tests/integration/test_bad_daemon.py: a process of its own, since it gives up being root. The
first round also imports what the second one needs, which that user may not be able to read.

    python -m tests.support.typed_badly EMPTY_FOLDER CLOSED_FOLDER < commands.json > results.json
"""

from __future__ import annotations

import io
import json
import os
import sys
from contextlib import redirect_stderr, redirect_stdout

from agentd.cli.main import main

NOBODY = 65534


def run(arguments: list[str], runtime: str) -> tuple[int, str, str]:
    """A command's exit code, and what it wrote."""
    os.environ["AGENTD_RUNTIME_DIR"] = runtime
    with redirect_stdout(io.StringIO()) as out, redirect_stderr(io.StringIO()) as err:
        code = main(arguments)
    return code, out.getvalue(), err.getvalue()


if __name__ == "__main__":
    commands: list[list[str]] = json.load(sys.stdin)
    empty, closed = sys.argv[1:]
    results = {"down": [run(arguments, empty) for arguments in commands]}
    if os.getuid() == 0:
        os.setgroups([])
        os.setuid(NOBODY)
    results["unreadable"] = [run(arguments, closed) for arguments in commands]
    json.dump(results, sys.stdout)
