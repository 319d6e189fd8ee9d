"""The daemon as /metrics shows it, read when it is asked for."""

from __future__ import annotations

from collections import Counter
from importlib.metadata import version
from typing import Protocol

from agentd.dispatch.link import Link
from agentd.management.feed import EventFeed
from agentd.management.health import DaemonView, judge_health
from agentd.management.metrics_view import LinkFigures, MetricsView
from agentd.management.readiness import judge_readiness
from agentd.supervision.view import TreeView

from .base import Base

VERSION = version("agentd")  # a file to read, and not at every look


class Seen(Protocol):
    """The daemon's parts, as far as figures need them."""

    @property
    def base(self) -> Base: ...

    @property
    def link(self) -> Link: ...

    @property
    def feed(self) -> EventFeed: ...

    def view(self) -> DaemonView: ...

    def tree_view(self) -> TreeView: ...


def view_metrics(parts: Seen) -> MetricsView:
    """All of it at this moment."""
    base, seen = parts.base, parts.view()
    pool, link = base.pool, parts.link.state()
    return MetricsView(
        version=VERSION,
        healthy=not judge_health(seen).problems,
        ready=judge_readiness(seen).ready,
        draining=seen.draining,
        jobs=Counter(job.state for job in base.desk.view()),
        slots_used=pool.busy + base.desk.running.homeless,
        pool=seen.pool,
        memory=_memory(base),
        refusals=base.desk.refusals.view(),
        link=LinkFigures(up=link.phase == "registered", dropped=link.dropped),
        journal=base.journal.view(),
        tree=parts.tree_view(),
        feed=parts.feed.view(),
        circuits=pool.circuits.view(),
        circuits_opened=pool.circuits.opened,
    )


def _memory(base: Base) -> dict[int, float]:
    health = base.pool.roster.health
    known = ((child.slot, health.memory_mb(child.id)) for child in base.pool.children)
    return {int(slot): used for slot, used in known if used is not None}
