"""Why a process ended, in words."""

from __future__ import annotations

import signal

import pytest

from agentd.supervisor.exit import ExitKind, WaitStatus, describe_status, judge_exit, signal_name

CLEAN = WaitStatus(code=0)
CODE_3 = WaitStatus(code=3)
KILLED = WaitStatus(signal=signal.SIGKILL)
UNKNOWN = WaitStatus()


def judge(
    status: WaitStatus,
    *,
    ready: bool = True,
    asked: bool = False,
    killed: str = "",
    failure: str = "",
) -> tuple[ExitKind, str, bool]:
    """The kind, the text, and whether it is a failure."""
    reason = judge_exit(
        status, ready=ready, asked_to_stop=asked, killed_because=killed, failure=failure
    )
    return reason.kind, reason.text, reason.abnormal


@pytest.mark.parametrize(
    ("status", "text"),
    [
        (CLEAN, "exited with code 0"),
        (CODE_3, "exited with code 3"),
        (WaitStatus(signal=signal.SIGTERM), "was ended by SIGTERM"),
        (KILLED, "was ended by SIGKILL (perhaps by the kernel's out-of-memory killer)"),
        (WaitStatus(signal=11, core_dumped=True), "was ended by SIGSEGV, core dumped"),
        (UNKNOWN, "ended, and its exit status is not known"),
    ],
)
def test_a_wait_status_in_words(status: WaitStatus, text: str) -> None:
    """One phrase that fits behind `the process`."""
    assert describe_status(status) == text


def test_a_signal_without_a_name_is_a_number() -> None:
    """Real-time signals have none."""
    assert signal_name(40) == "signal 40"


@pytest.mark.parametrize(
    ("status", "kind", "abnormal"),
    [
        (CLEAN, "normal", False),
        (CODE_3, "crashed", True),
        (KILLED, "signalled", True),
        (UNKNOWN, "unknown", True),
    ],
)
def test_an_end_that_nobody_asked_for(status: WaitStatus, kind: str, abnormal: bool) -> None:
    """Only a clean exit is no failure."""
    assert judge(status) == (kind, describe_status(status), abnormal)


def test_a_clean_end_as_asked_is_a_shutdown() -> None:
    """The usual way out."""
    assert judge(CLEAN, asked=True) == ("shutdown", "exited with code 0", False)


def test_a_crash_while_shutting_down_is_still_a_crash() -> None:
    """A job may have been lost in it."""
    assert judge(CODE_3, asked=True)[0] == "crashed"


def test_why_it_was_killed_wins_over_how_it_died() -> None:
    """SIGKILL by us is not the kernel's out-of-memory killer."""
    assert judge(KILLED, killed="it hangs") == ("killed", "was killed: it hangs", True)


def test_a_shutdown_that_took_too_long_is_a_failure() -> None:
    """Somebody's clean-up was cut off."""
    assert judge(KILLED, asked=True, killed="too slow") == ("killed", "was killed: too slow", True)


def test_a_failed_prewarm_is_told_rather_than_the_exit_code() -> None:
    """The code only says that it failed."""
    assert judge(WaitStatus(code=1), ready=False, failure="prewarm raised X") == (
        "boot_failed",
        "prewarm raised X",
        True,
    )


def test_the_kill_that_clears_a_failed_start_away_is_no_part_of_the_reason() -> None:
    """It was ours; a report would else show it as what had ended the child."""
    failed = judge_exit(
        KILLED,
        ready=False,
        asked_to_stop=False,
        killed_because="",
        failure="prewarm raised X",
    )

    assert (failed.text, failed.status) == ("prewarm raised X", UNKNOWN)


@pytest.mark.parametrize("status", [CLEAN, CODE_3, KILLED, UNKNOWN])
def test_a_death_before_ready_is_a_failure_however_it_came(status: WaitStatus) -> None:
    """A child that exits with 0 in prewarm would else be started again for ever."""
    text = f"{describe_status(status)} before it was ready"

    assert judge(status, ready=False) == ("boot_failed", text, True)


def test_being_stopped_while_starting_is_no_failure() -> None:
    """A daemon that stops has no use for a child that is only half there."""
    assert judge(KILLED, ready=False, asked=True, killed="the daemon is stopping") == (
        "shutdown",
        "was killed: the daemon is stopping",
        False,
    )
