"""What a supervisor is told of its children, as data.

The fields and their defaults are OTP's (supervisor(3), "Child specification" and "Supervisor
flags") where OTP has them. Backoff, the start's deadline and cooling down are ours: OTP starts
again at once, waits for a start for ever, and knows no end of a crash loop but escalation.
"""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from enum import Enum
from typing import Any, Protocol

from msgspec import Struct

from agentd.errors import SupervisionError

from .exits import Exit
from .intensity import Intensity
from .policy import RestartPolicy


class Running(Protocol):
    """A child that was started: a task, a process, or another supervisor."""

    async def wait(self) -> Exit:
        """Wait until it has ended, and say how. May be called again."""

    def ask_stop(self, reason: str) -> None:
        """Ask it to end in good order; returns at once."""

    def kill(self) -> None:
        """Force it to end; returns at once, and may be called again."""


Start = Callable[[], Coroutine[Any, Any, Running]]
"""Starts a child and returns when it is ready, as `start_link` does after the init ack.

When it raises, or is cancelled, nothing of the child may be left.
"""


class ChildType(Enum):
    """What is told of a child in views and reports."""

    WORKER = "worker"
    SUPERVISOR = "supervisor"


class Shutdown(Enum):
    """Ways to stop a child other than to give it so many seconds."""

    BRUTAL_KILL = "brutal_kill"
    """Force it at once."""
    INFINITY = "infinity"
    """For supervisors only: as long as all deadlines below it take together. No wait of ours
    is without an end, so what can't say how long it may take can't have this."""


class Strategy(Enum):
    """Who is restarted along with a child that ended."""

    ONE_FOR_ONE = "one_for_one"
    ONE_FOR_ALL = "one_for_all"
    REST_FOR_ONE = "rest_for_one"
    """Itself and those that were started after it."""


class AutoShutdown(Enum):
    """Whether a supervisor ends when its significant children have ended by themselves."""

    NEVER = "never"
    ANY_SIGNIFICANT = "any_significant"
    ALL_SIGNIFICANT = "all_significant"


class OnExceeded(Enum):
    """What comes of a child that fails more often than the intensity allows."""

    ESCALATE = "escalate"
    """OTP's way: the supervisor stops all its children and fails, so that its parent decides."""
    COOL_DOWN = "cool_down"
    """The child counts as failed, and is tried at its longest delay until it stays healthy.
    Its restarts are counted apart, so that they never cost a sibling its supervisor."""


class BackoffSettings(Struct, frozen=True, kw_only=True):
    """Seconds before the first restart, doubling up to the cap; each with full jitter."""

    base: float = 0.2
    cap: float = 30.0


class ChildSpec(Struct, frozen=True, kw_only=True):
    """How one child is started, stopped and restarted. Raises SupervisionError if it can't be."""

    id: str
    start: Start
    restart: RestartPolicy = RestartPolicy.PERMANENT
    shutdown: float | Shutdown = 5.0
    """Seconds between asking it to end and forcing it."""
    type: ChildType = ChildType.WORKER
    significant: bool = False
    start_timeout: float = 10.0
    """Seconds until it must be ready."""
    backoff: BackoffSettings = BackoffSettings()
    healthy_after: float = 10.0
    """Seconds of running after which earlier failures are forgotten."""
    on_exceeded: OnExceeded = OnExceeded.ESCALATE

    def __post_init__(self) -> None:
        if self.significant and self.restart is RestartPolicy.PERMANENT:
            raise SupervisionError(
                f"child {self.id!r} is significant and permanent: it never ends by itself, "
                "so make it transient or temporary"
            )
        if self.shutdown is Shutdown.INFINITY and self.type is not ChildType.SUPERVISOR:
            raise SupervisionError(
                f"child {self.id!r} has shutdown 'infinity', which is for supervisors: "
                "give it so many seconds"
            )


class SupervisorSpec(Struct, frozen=True, kw_only=True):
    """One supervisor and the children it starts with, in their order."""

    name: str
    children: tuple[ChildSpec, ...] = ()
    strategy: Strategy = Strategy.ONE_FOR_ONE
    intensity: Intensity = Intensity(restarts=3, period=5.0)
    auto_shutdown: AutoShutdown = AutoShutdown.NEVER

    def __post_init__(self) -> None:
        seen: set[str] = set()
        for child in self.children:
            if child.id in seen:
                raise SupervisionError(f"two children of {self.name!r} have the id {child.id!r}")
            seen.add(child.id)
            self.check(child)

    def check(self, child: ChildSpec) -> None:
        """Raise SupervisionError if a child can't be one of this supervisor."""
        if child.significant and self.auto_shutdown is AutoShutdown.NEVER:
            raise SupervisionError(
                f"child {child.id!r} is significant, but auto_shutdown of {self.name!r} is 'never'"
            )
