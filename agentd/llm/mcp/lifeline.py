"""Becomes a command that is killed when its starter dies, however that comes about.

Run as a script: `python -I -S lifeline.py PARENT COMMAND ...`; standard input and output are the
command's. Between the starter and the command, because what runs between a fork and an exec in a
process with threads must not be Python. Imports nothing of agentd: it takes 15 ms.
"""

from __future__ import annotations

import ctypes
import os
import signal
import sys

PR_SET_PDEATHSIG = 1


def main(parent: int, command: list[str]) -> int:
    """Become the command; returns only where that can't be: 127, as shells do."""
    if sys.platform == "linux":
        ctypes.CDLL(None, use_errno=True).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
        if os.getppid() != parent:  # it died before the tie was made
            return 1
    try:
        os.execvp(command[0], command)
    except OSError as error:
        sys.stderr.write(f"{command[0]}: {error.strerror}\n")
    return 127


if __name__ == "__main__":
    sys.exit(main(int(sys.argv[1]), sys.argv[2:]))
