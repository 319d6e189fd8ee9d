"""Supervisors as children of supervisors."""

from __future__ import annotations

from .budget import kill_budget, start_budget, stop_budget
from .machine import Machine, MakeBackoff, make_backoff
from .policy import RestartPolicy
from .spec import ChildSpec, ChildType, OnExceeded, Shutdown, SupervisorSpec
from .supervisor import Supervisor
from .view import TreeView, view_machine


class Subtree:
    """The `start` of a child that is a supervisor: a new one in each life, without a past."""

    def __init__(self, spec: SupervisorSpec, backoffs: MakeBackoff) -> None:
        self._spec = spec
        self._backoffs = backoffs
        self.current: Supervisor | None = None
        """The supervisor of this life, also while it starts."""

    async def __call__(self) -> Supervisor:
        """Start it, and its children in order."""
        supervisor = self.current = Supervisor(self._spec, backoffs=self._backoffs)
        await supervisor.start()
        return supervisor

    def view(self) -> TreeView:
        """It and what is below it."""
        if self.current is not None:
            return self.current.view()
        return view_machine(Machine(self._spec, self._backoffs), 0.0)

    def stop_budget(self) -> float:
        """Seconds that stopping it may take."""
        return self.current.stop_budget() if self.current else stop_budget(self._spec.children)

    def kill_budget(self) -> float:
        """Seconds that it may take to end by force."""
        return self.current.kill_budget() if self.current else kill_budget(self._spec.children)


def supervisor_child(
    spec: SupervisorSpec,
    *,
    restart: RestartPolicy = RestartPolicy.PERMANENT,
    on_exceeded: OnExceeded = OnExceeded.ESCALATE,
    backoffs: MakeBackoff = make_backoff,
) -> ChildSpec:
    """The spec of a child that is a supervisor; its id is the supervisor's name.

    It may take as long to start and to stop as all deadlines below it take together.
    """
    return ChildSpec(
        id=spec.name,
        start=Subtree(spec, backoffs),
        restart=restart,
        shutdown=Shutdown.INFINITY,
        type=ChildType.SUPERVISOR,
        start_timeout=start_budget(spec.children),
        on_exceeded=on_exceeded,
    )
