"""Runs a command that ends when its starter does, however the starter ends.

Run as a script: `python -I -S lifeline.py COMMAND ...`, with a pipe as standard input.
The command is killed when that pipe closes, which the kernel sees to also when the
starter is killed with SIGKILL; each byte written to the pipe is a signal to pass on.

Why not PR_SET_PDEATHSIG from the starter itself: it follows the *thread* that started
the process, so a server that was started from a pool thread would die with the pool.
Here it is set between this script and the command; this script has one thread.

Imports nothing of agentd, so that it starts in 20 ms and knows no coverage hooks.
"""

from __future__ import annotations

import ctypes
import os
import select
import signal
import sys

PR_SET_PDEATHSIG = 1


def main(command: list[str]) -> int:
    """Run the command; returns its exit code, or 128 + the signal that ended it."""
    ours = os.getpid()
    pid = os.fork()
    if pid == 0:
        become(command, parent=ours)
    pass_signals_on(pid)
    code = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
    return code if code >= 0 else 128 - code


def become(command: list[str], *, parent: int) -> None:
    """Turn this process into the command, tied to its parent's life; does not return."""
    try:
        ctypes.CDLL(None, use_errno=True).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
        if os.getppid() != parent:  # it died before the tie was made
            os._exit(1)
        with open(os.devnull) as nothing:
            os.dup2(nothing.fileno(), 0)
        os.execv(command[0], command)
    except OSError as error:
        print(f"{command[0]}: {error.strerror}", file=sys.stderr, flush=True)
    finally:
        os._exit(127)


def pass_signals_on(pid: int) -> None:
    """Return when the command has ended, or has been killed because the pipe closed."""
    ended = os.pidfd_open(pid)
    poll = select.poll()
    poll.register(0, select.POLLIN)
    poll.register(ended, select.POLLIN)
    while ended not in {descriptor for descriptor, _ in poll.poll()}:
        numbers = os.read(0, 16)
        for number in numbers or [signal.SIGKILL]:
            os.kill(pid, number)
        if not numbers:
            return


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
