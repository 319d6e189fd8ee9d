"""What a supervisor knows of one child: where it stands, and what it has been through.

State without effects; `machine` moves it.
"""

from __future__ import annotations

from enum import Enum

from .backoff import Backoff
from .spec import ChildSpec


class Phase(Enum):
    """Where a child stands."""

    WAITING = "waiting"
    """It is to be started, when its turn and its time have come."""
    STARTING = "starting"
    RUNNING = "running"
    STOPPING = "stopping"
    FINISHED = "finished"
    """It ended by itself, and its restart policy leaves it at that."""
    TERMINATED = "terminated"
    """It was stopped by request, or with its supervisor."""
    REMOVED = "removed"
    """It is forgotten, as temporary children are."""


UP = (Phase.STARTING, Phase.RUNNING, Phase.STOPPING)


class IfStartFails(Enum):
    """What a failed start means, which depends on who asked for it."""

    END = "end"
    """The supervisor's first start: it can't be started itself."""
    REMOVE = "remove"
    """A child that is being added: it is not kept."""
    LEAVE = "leave"
    """A start by hand: it stays down."""
    RETRY = "retry"
    """A restart: it counts as one more failure, and is tried again."""


class Child:
    """One child of a supervisor, through all its lives."""

    def __init__(self, spec: ChildSpec, backoff: Backoff, if_start_fails: IfStartFails) -> None:
        self.spec = spec
        self.backoff = backoff
        self.if_start_fails = if_start_fails
        self.phase = Phase.WAITING
        self.since_at = 0.0
        """When it came into its phase."""
        self.due_at = 0.0
        """Before this instant it is not started."""
        self.doomed_to: Phase | None = None
        """The phase that awaits it; set while it has to be stopped, or is being stopped."""
        self.restarts = 0
        self.last_error = ""
        self.start_error: BaseException | None = None
        """Why the start that somebody asked for by hand failed."""
        self.cooling = False
        """Whether it failed too often, and has not been healthy since."""
        self.history: tuple[float, ...] = ()
        """Instants of its restarts, where they are counted apart from its siblings'."""

    @property
    def id(self) -> str:
        """The id of its spec."""
        return self.spec.id

    @property
    def is_up(self) -> bool:
        """Whether there is something of it that could end."""
        return self.phase in UP

    def enter(self, phase: Phase, now: float) -> None:
        """Come into a phase."""
        if self.has_lasted(now):
            self.backoff.reset()
            self.cooling = False
        self.phase = phase
        self.since_at = now

    def has_lasted(self, now: float) -> bool:
        """Whether it has been running for so long that it counts as healthy."""
        return self.phase is Phase.RUNNING and now - self.since_at >= self.spec.healthy_after
