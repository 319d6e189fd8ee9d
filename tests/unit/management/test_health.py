"""What is healthy and what is not."""

from __future__ import annotations

import msgspec
import pytest

from agentd.management.health import DaemonView, LinkView, judge_health
from agentd.supervision.view import Trouble
from agentd.supervisor.snapshot import PoolView, TemplateView

WELL = DaemonView(
    template=TemplateView(alive=True, pid=7, generation=1, last_error=""),
    pool=PoolView(
        slots=4,
        children=[],
        idle=2,
        starting=0,
        busy=1,
        waiting=0,
        idle_target=2,
        start_method="fork",
        failures=0,
        last_error="",
    ),
    link=LinkView(phase="registered", worker_id="AW_1"),
    jobs=1,
)
DEAD = msgspec.structs.replace(WELL.template, alive=False, last_error="the template was killed")
COLD = msgspec.structs.replace(WELL.pool, idle=0, failures=3, last_error="prewarm raised")


FAILING = msgspec.structs.replace(
    WELL.pool, last_error="prewarm raised", failing="children failed too often: prewarm raised"
)
LINK_TROUBLE = Trouble(
    path="daemon/link", state="backoff", failures=2, last_error="KeyError: 1", next_start_in=0.3
)


def view(**changes: object) -> DaemonView:
    """A healthy daemon but for these changes."""
    return msgspec.structs.replace(WELL, **changes)


def test_a_healthy_daemon_is_200() -> None:
    """With the figures that a monitor wants."""
    health = judge_health(WELL)

    assert (health.http_status, health.status, health.problems) == (200, "ok", [])
    assert (health.slots, health.idle, health.jobs, health.link) == (4, 2, 1, "registered")


@pytest.mark.parametrize(
    ("changes", "path", "message"),
    [
        ({"template": DEAD}, "daemon/template", "the template was killed"),
        ({"pool": FAILING}, "daemon/pool", "children failed too often: prewarm raised"),
        ({"troubles": (LINK_TROUBLE,)}, "daemon/link", "KeyError: 1"),
        (
            {"pool": COLD},
            "daemon/pool",
            "no warm child: 3 starts in a row have failed, the last one: prewarm raised",
        ),
        ({"link": LinkView(phase="refused", error="wrong key")}, "daemon/link", "wrong key"),
    ],
)
def test_what_is_wrong_is_503_and_named(
    changes: dict[str, object], path: str, message: str
) -> None:
    """The child of the tree and the reason, in one line each."""
    health = judge_health(view(**changes))

    assert (health.http_status, health.status) == (503, "unhealthy")
    assert [(problem.path, problem.message) for problem in health.problems] == [(path, message)]


def test_all_that_is_wrong_is_named() -> None:
    """Not only the first."""
    health = judge_health(view(template=DEAD, pool=COLD))

    assert [problem.part for problem in health.problems] == ["template", "pool"]


@pytest.mark.parametrize(
    "changes",
    [
        {"template": msgspec.structs.replace(WELL.template, last_error="SyntaxError")},
        {"pool": msgspec.structs.replace(COLD, idle=1)},
        {"pool": msgspec.structs.replace(WELL.pool, idle=0, starting=1)},
        {"link": LinkView(phase="connecting", error="no answer")},
        {"template": DEAD, "pool": COLD, "draining": True},
        {"troubles": (msgspec.structs.replace(LINK_TROUBLE, state="running"),)},
    ],
    ids=["reload failed", "one is warm", "all are taken", "reconnecting", "draining", "restarted"],
)
def test_what_serves_on_is_not_ill(changes: dict[str, object]) -> None:
    """A restart would cost calls and mend nothing."""
    assert judge_health(view(**changes)).http_status == 200
