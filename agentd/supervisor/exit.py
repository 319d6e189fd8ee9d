"""Why a process ended, from its wait status and what had happened before. Pure."""

from __future__ import annotations

import signal
from typing import Literal

from msgspec import Struct

ExitKind = Literal[
    "normal",
    "shutdown",
    "crashed",
    "signalled",
    "killed",
    "boot_failed",
    "unknown",
]


class WaitStatus(Struct, frozen=True):
    """What the kernel says of a dead process."""

    code: int | None = None
    """Exit code, if it exited."""
    signal: int | None = None
    """Signal number, if one ended it."""
    core_dumped: bool = False

    @property
    def clean(self) -> bool:
        return self.code == 0


class ExitReason(Struct, frozen=True, kw_only=True):
    """Why a process ended, in the supervisor's words."""

    kind: ExitKind
    text: str
    status: WaitStatus = WaitStatus()

    @property
    def abnormal(self) -> bool:
        return self.kind not in ("normal", "shutdown")


def describe_status(status: WaitStatus) -> str:
    """One phrase for people: `exited with code 3`, `was ended by SIGKILL`."""
    if status.signal is not None:
        name = signal_name(status.signal)
        hint = " (perhaps by the kernel's out-of-memory killer)" if status.signal == 9 else ""
        core = ", core dumped" if status.core_dumped else ""
        return f"was ended by {name}{core}{hint}"
    if status.code is not None:
        return f"exited with code {status.code}"
    return "ended, and its exit status is not known"


def signal_name(number: int) -> str:
    """`SIGTERM` for 15; the number itself for one without a name."""
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"signal {number}"


def judge_exit(
    status: WaitStatus,
    *,
    ready: bool,
    asked_to_stop: bool,
    killed_because: str,
    failure: str,
    job_ended: bool = False,
) -> ExitReason:
    """The reason for an end.

    `ready`: whether it had come so far. `killed_because`: why we killed it, if we did.
    `job_ended`: whether it had told the end of its job, after which it exits by itself; the
    status of one that is not our own child can't be known.
    `failure`: what had gone wrong before it was ready (a failed prewarm, a bad frame), if
    anything had.
    """
    how = f"was killed: {killed_because}" if killed_because else describe_status(status)
    if asked_to_stop and not ready:  # nobody waits to hear how far it would have come
        return ExitReason(kind="shutdown", text=how, status=status)
    if killed_because:
        return ExitReason(kind="killed", text=how, status=status)
    if not ready:
        text = failure or f"{how} before it was ready"
        if failure and status.signal == signal.SIGKILL:
            status = WaitStatus()  # ours, to clear away what had failed: it explains nothing
        return ExitReason(kind="boot_failed", text=text, status=status)
    if status.clean:
        return ExitReason(kind="shutdown" if asked_to_stop else "normal", text=how, status=status)
    if status.signal is not None:
        return ExitReason(kind="signalled", text=how, status=status)
    if status.code is None and job_ended:
        return ExitReason(kind="normal", text="exited after its job", status=status)
    if status.code is not None:
        return ExitReason(kind="crashed", text=how, status=status)
    return ExitReason(kind="unknown", text=how, status=status)
