"""OTP's table of restart types."""

from __future__ import annotations

import pytest

from agentd.supervision.policy import Decision, RestartPolicy, decide_restart


@pytest.mark.parametrize(
    ("policy", "abnormal", "decision"),
    [
        (RestartPolicy.PERMANENT, False, Decision.RESTART),
        (RestartPolicy.PERMANENT, True, Decision.RESTART),
        (RestartPolicy.TRANSIENT, False, Decision.FORGET),
        (RestartPolicy.TRANSIENT, True, Decision.RESTART),
        (RestartPolicy.TEMPORARY, False, Decision.FORGET),
        (RestartPolicy.TEMPORARY, True, Decision.FORGET),
    ],
)
def test_who_is_restarted(policy: RestartPolicy, abnormal: bool, decision: Decision) -> None:
    """Each restart type against each way to end."""
    assert decide_restart(policy, abnormal=abnormal) is decision
