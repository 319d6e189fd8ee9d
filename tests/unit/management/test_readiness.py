"""When jobs can come to a daemon, and when they can't."""

from __future__ import annotations

import pytest
from msgspec.structs import replace

from agentd.management.health import DaemonView, LinkView
from agentd.management.readiness import judge_readiness
from tests.support.http_client import VIEW

POOL = VIEW.pool
COLD = replace(POOL, idle=0)
FAILING = replace(COLD, failing="children failed too often: prewarm raised", failures=5)
FULL = replace(COLD, busy=POOL.slots)


@pytest.mark.parametrize(
    "view",
    [VIEW, replace(VIEW, pool=COLD), replace(VIEW, pool=replace(POOL, failures=2))],
    ids=["well", "a slot is free and a child can be had", "one is warm all the same"],
)
def test_a_job_can_come(view: DaemonView) -> None:
    """With a warm child, or where an offer can wait for one."""
    readiness = judge_readiness(view)

    assert (readiness.ready, readiness.reasons, readiness.http_status) == (True, (), 200)


@pytest.mark.parametrize(
    ("changes", "codes"),
    [
        ({"link": LinkView(phase="connecting")}, ["not_registered"]),
        ({"link": LinkView(phase="refused", error="wrong key")}, ["not_registered"]),
        ({"draining": True}, ["draining"]),
        ({"draining": True, "pool": FAILING}, ["draining"]),
        ({"pool": FULL}, ["full"]),
        ({"jobs": POOL.slots}, ["full"]),
        ({"pool": FAILING}, ["crash_loop"]),
        ({"pool": replace(COLD, failures=3, last_error="prewarm raised")}, ["no_warm_child"]),
        ({"pool": replace(COLD, start_method="none")}, ["no_warm_child"]),
        ({"link": LinkView(phase="lost"), "pool": FULL}, ["not_registered", "full"]),
    ],
)
def test_no_job_can_come_and_each_reason_is_told(
    changes: dict[str, object], codes: list[str]
) -> None:
    """With a stable word and a sentence."""
    readiness = judge_readiness(replace(VIEW, **changes))

    assert [reason.code for reason in readiness.reasons] == codes
    assert all(len(reason.message) > 10 for reason in readiness.reasons)
    assert (readiness.ready, readiness.http_status) == (False, 503)
