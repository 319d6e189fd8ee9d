"""What /metrics is made of, beside what is counted: the daemon at one moment."""

from __future__ import annotations

from collections.abc import Mapping

from msgspec import Struct

from agentd.journal.journal import JournalView
from agentd.supervision.view import TreeView
from agentd.supervisor.snapshot import CircuitView, PoolView

from .feed import FeedView


class LinkFigures(Struct, frozen=True, kw_only=True):
    """The connection to LiveKit."""

    up: bool
    dropped: int = 0
    """Messages lost because too many waited to be sent."""


class MetricsView(Struct, frozen=True, kw_only=True):
    """The daemon's gauges, and what its parts count for themselves."""

    version: str = ""
    healthy: bool | None = None
    """As /healthz says; None where nobody knows, as of all that follows."""
    ready: bool | None = None
    """As /readyz says."""
    draining: bool | None = None
    jobs: Mapping[str, int] | None = None
    """Of those that are not over, by state."""
    slots_used: int = 0
    pool: PoolView | None = None
    memory: Mapping[int, float] = {}
    """Private memory of children with a job, in MB by slot."""
    refusals: Mapping[str, int] = {}
    """Offers that were declined, by reason."""
    link: LinkFigures | None = None
    journal: JournalView | None = None
    tree: TreeView | None = None
    feed: FeedView | None = None
    circuits: tuple[CircuitView, ...] = ()
    """Those that are not closed."""
    circuits_opened: Mapping[str, int] = {}
    """How often each has opened since the start; closed ones too."""
