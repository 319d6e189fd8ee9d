"""Specs that can't be."""

from __future__ import annotations

import pytest

from agentd.errors import SupervisionError
from agentd.supervision.exits import Exit, describe
from agentd.supervision.policy import RestartPolicy
from agentd.supervision.spec import AutoShutdown, ChildSpec, Shutdown, SupervisorSpec
from agentd.supervision.tasks import task_child


async def nothing() -> None:
    """A child that is never started."""


def child(name: str = "a", **fields: object) -> ChildSpec:
    """A spec with these fields."""
    return ChildSpec(id=name, start=task_child(nothing, name=name), **fields)  # type: ignore[arg-type]


def test_ids_are_unique() -> None:
    """Or nobody could ask for one of them."""
    with pytest.raises(SupervisionError, match="two children of 'sup' have the id 'a'"):
        SupervisorSpec(name="sup", children=(child(), child()))


def test_a_worker_can_not_have_for_ever_to_stop() -> None:
    """Every wait has an end."""
    with pytest.raises(SupervisionError, match="'a' has shutdown 'infinity'.*so many seconds"):
        child(shutdown=Shutdown.INFINITY)


def test_a_significant_child_is_not_permanent() -> None:
    """It would never end."""
    with pytest.raises(SupervisionError, match="'a' is significant and permanent"):
        child(significant=True)


def test_a_significant_child_needs_a_supervisor_that_minds() -> None:
    """As OTP's bad_combination."""
    significant = child(significant=True, restart=RestartPolicy.TRANSIENT)

    with pytest.raises(SupervisionError, match="'a' is significant, but auto_shutdown of 'sup'"):
        SupervisorSpec(name="sup", children=(significant,))
    SupervisorSpec(name="sup", children=(significant,), auto_shutdown=AutoShutdown.ANY_SIGNIFICANT)


@pytest.mark.parametrize(
    ("error", "text"),
    [("lost", "lost"), (OSError("no disk"), "OSError: no disk"), (KeyError(), "KeyError")],
)
def test_errors_are_described_in_a_line(error: BaseException | str, text: str) -> None:
    """With the type, where there is one."""
    assert describe(error) == Exit.failed(error).text == text
