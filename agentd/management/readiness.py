"""Whether the daemon can take a job, and what keeps it from that. Pure.

Not the same as health: one that drains or is full is well, and a restart would mend nothing.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Literal

from msgspec import Struct

from agentd.supervisor.snapshot import PoolView

from .health import DaemonView, LinkView


class Reason(Struct, frozen=True, kw_only=True):
    """One thing that keeps jobs away."""

    code: Literal["not_registered", "no_warm_child", "draining", "crash_loop", "full"]
    """A stable word, for programs."""
    message: str


class Readiness(Struct, frozen=True, kw_only=True):
    """The answer of /readyz."""

    ready: bool
    reasons: tuple[Reason, ...] = ()

    @property
    def http_status(self) -> int:
        """200, or 503 when no job can come."""
        return 200 if self.ready else 503


def judge_readiness(view: DaemonView) -> Readiness:
    """Whether jobs can come to a daemon that looks so."""
    reasons = tuple(_reasons(view))
    return Readiness(ready=not reasons, reasons=reasons)


def _reasons(view: DaemonView) -> Iterator[Reason]:
    if view.draining:
        yield Reason(code="draining", message="it takes no new job and ends after the last one")
    if view.link.phase != "registered":
        yield Reason(code="not_registered", message=_link_message(view.link))
    if view.pool.failing and not view.draining:
        yield Reason(code="crash_loop", message=view.pool.failing)
    yield from _room_reasons(view.pool, view.draining)


def _room_reasons(pool: PoolView, draining: bool) -> Iterator[Reason]:
    """A job needs a free slot, and a child in it: a warm one, or one that can be expected."""
    if draining or pool.failing:
        return  # that says more
    if pool.busy >= pool.slots:
        yield Reason(code="full", message=f"a job has each of the {pool.slots} slots")
    elif not pool.idle and pool.start_method == "none":
        yield Reason(code="no_warm_child", message="no child is warm, and no template to fork one")
    elif not pool.idle and pool.failures:
        yield Reason(
            code="no_warm_child",
            message=(
                f"no child is warm: {pool.failures} starts in a row have failed, the last one: "
                f"{pool.last_error}"
            ),
        )


def _link_message(link: LinkView) -> str:
    told = f": {link.error}" if link.error else ""
    return f"LiveKit does not know this worker ({link.phase}){told}"
